//! A task for all agents of a route at once. Each of them is a task of its own, with the route's places, timeouts and retries; an answer is there as soon as it came, whatever the
//! others do.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;

use crate::address::Address;
use crate::call::RouteTask;
use crate::router::Shared;
use crate::{AgentId, Payload, TaskError, TaskOptions, refusal};

/// What the agents of a route answer, from [`Router::broadcast`](crate::Router::broadcast). Nothing happens before it is polled; dropping it cancels what is not answered yet.
#[must_use = "no task is begun before this is polled"]
pub struct Broadcast {
    tasks: FuturesUnordered<Pin<Box<dyn Future<Output = AgentAnswer> + Send>>>,
    /// Answers that have not been read.
    answers: VecDeque<AgentAnswer>,
}

/// What one agent answered to a [`Broadcast`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AgentAnswer {
    /// The agent's registration.
    pub agent: AgentId,
    /// Its name.
    pub name: Arc<str>,
    /// What it answered, or how it failed.
    pub answer: Result<Payload, TaskError>,
}

impl Broadcast {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        route: &str,
        data: &Payload,
        options: &TaskOptions,
    ) -> Result<Self, TaskError> {
        if !shared.lifecycle.admits(options.parent.is_some()) {
            return Err(refusal::not_running().with_route(route));
        }
        let table = shared.registry.table();
        let Some(found) = table.get(route) else {
            return Err(refusal::no_such_route(route, &table));
        };
        let tasks = found.members.iter().map(|member| {
            let (agent, name) = (member.id, member.info.name.clone());
            let (shared, route) = (shared.clone(), found.gate.name().clone());
            let (data, options) = (data.clone(), options.clone());
            let answer = async move {
                let address = Address::Member(&route, agent);
                let answer = RouteTask::new(&shared, address, data, options).await;
                AgentAnswer {
                    agent,
                    name,
                    answer,
                }
            };
            Box::pin(answer) as Pin<Box<dyn Future<Output = AgentAnswer> + Send>>
        });
        Ok(Self {
            tasks: tasks.collect(),
            answers: VecDeque::new(),
        })
    }

    /// How many answers have not been read yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.tasks.len() + self.answers.len()
    }

    /// The next answer, whosever it is; none after the last.
    pub async fn next(&mut self) -> Option<AgentAnswer> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// All answers that are still to come, in the order in which they come.
    pub async fn collect(mut self) -> Vec<AgentAnswer> {
        let mut answers = Vec::with_capacity(self.outstanding());
        while let Some(answer) = self.next().await {
            answers.push(answer);
        }
        answers
    }
}

impl Stream for Broadcast {
    type Item = AgentAnswer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AgentAnswer>> {
        // All of them: those that answer at once must not keep the others from being begun.
        while let Poll::Ready(Some(answer)) = Pin::new(&mut self.tasks).poll_next(cx) {
            self.answers.push_back(answer);
        }
        match self.answers.pop_front() {
            None if !self.tasks.is_empty() => Poll::Pending,
            answer => Poll::Ready(answer),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.outstanding(), Some(self.outstanding()))
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broadcast({} outstanding)", self.outstanding())
    }
}
