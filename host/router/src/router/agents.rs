//! Which agents a router has: they come and go while it runs.

use std::sync::Arc;
use std::time::Duration;

use crate::leaving::{Hold, Leaving};
use crate::panics::{caught, message_of};
use crate::{Agent, AgentId, ErrorKind, Router, RouterError, TaskError};

impl Router {
    /// Has an agent [initialize](Agent::initialize) itself, and puts it on a route. The first agent makes the route, under its policy, and describes
    /// it; further ones share its tasks.
    ///
    /// # Errors
    /// Where `route` is no name for a route, or the agent fails to initialize itself; then it is not registered.
    pub async fn register_agent(
        &self,
        route: &str,
        agent: Arc<dyn Agent>,
    ) -> Result<AgentId, RouterError> {
        RouterError::check_route_name(route)?;
        run_hook(&*agent, Hook::Initialize).await?;
        let ids = self.register_agents(vec![(route.to_owned(), agent)])?;
        Ok(ids[0])
    }

    /// Puts agents on routes, as one change: no task sees a part of it. The ids are in the order of
    /// the agents. They are taken as they are: whoever changes several at once initializes them before, and cleans them up after.
    ///
    /// # Errors
    /// Where a route's name is none; then nothing is changed.
    pub fn register_agents(
        &self,
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<Vec<AgentId>, RouterError> {
        self.replace_agents(&[], add)
    }

    /// Takes an agent away; a route goes with its last one. Tasks that it has begun have the route's timeout to end in, then they are given up, and the agent
    /// [cleans up](Agent::cleanup). False where it was gone already.
    ///
    /// It is taken away at the first poll of this future; one that is dropped before its end leaves the agent without its cleanup.
    ///
    /// # Errors
    /// Where the agent fails to clean up; it is gone all the same.
    pub async fn unregister_agent(&self, id: AgentId) -> Result<bool, RouterError> {
        let (_, members) = self.shared.registry.replace(&[id], Vec::new())?;
        let Some(member) = members.first().cloned() else {
            return Ok(false);
        };
        let limit = member.gate.policy().timeout;
        let leaving = Leaving::new(self, members);
        if leaving.drained(limit).await > 0 {
            leaving.cut_off().await;
        }
        run_hook(&*member.agent, Hook::Cleanup).await?;
        Ok(true)
    }

    /// Takes agents away, and waits up to `drain` for the tasks that they have begun. Gives the number of
    /// those that were still under way when the time was up; they go on.
    pub async fn retire(&self, agents: &[AgentId], drain: Duration) -> usize {
        // Without agents to add there is no name to be refused for.
        match self.exchange(agents, Vec::new()) {
            Ok((_, leaving)) => leaving.drained(drain).await,
            Err(_) => 0,
        }
    }

    /// Takes agents away and puts others in their place, as one change: no task is refused between.
    /// Tasks that have begun go on with the old ones; tasks that wait for a place go to the new.
    ///
    /// # Errors
    /// Where a route's name is none; then nothing is changed.
    pub fn replace_agents(
        &self,
        remove: &[AgentId],
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<Vec<AgentId>, RouterError> {
        self.shared
            .registry
            .replace(remove, add)
            .map(|(ids, _)| ids)
    }

    /// As [`replace_agents`](Self::replace_agents), for who wants to know when the tasks of those that were taken away have ended: they begin no others.
    ///
    /// # Errors
    /// Where a route's name is none; then nothing is changed.
    pub fn exchange(
        &self,
        remove: &[AgentId],
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<(Vec<AgentId>, Leaving), RouterError> {
        let (ids, members) = self.shared.registry.replace(remove, add)?;
        Ok((ids, Leaving::new(self, members)))
    }

    /// Has tasks for these agents wait until the hold is dropped or the agents are replaced: but for those that are nested in a task which was begun
    /// before, since that may be what the others wait for. Tasks under way go on. Their timeouts go on too.
    #[must_use]
    pub fn hold(&self, agents: &[AgentId]) -> Hold {
        Hold::new(self, self.shared.registry.members(agents))
    }
}

#[derive(Clone, Copy)]
enum Hook {
    Initialize,
    Cleanup,
}

/// Has an agent begin or end. What it panics with is its error.
async fn run_hook(agent: &dyn Agent, hook: Hook) -> Result<(), RouterError> {
    let hooked = || match hook {
        Hook::Initialize => agent.initialize(),
        Hook::Cleanup => agent.cleanup(),
    };
    let result = caught(hooked).await.unwrap_or_else(|panic| {
        let message = format!("it panicked: {}", message_of(&*panic));
        Err(TaskError::new(ErrorKind::Panicked, message))
    });
    result.map_err(|source| {
        let agent = agent.info().name.to_string();
        match hook {
            Hook::Initialize => RouterError::Initialize { agent, source },
            Hook::Cleanup => RouterError::Cleanup { agent, source },
        }
    })
}
