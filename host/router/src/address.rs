//! Whom a task is for: a route, one agent by its name, or one by its registration. What that means is looked up in the table
//! of the moment, at each attempt anew.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::directory::Namesakes;
use crate::member::Member;
use crate::route::Route;
use crate::strategy::{Choice, Crew, Wish};
use crate::table::Table;
use crate::{AgentId, Task, TaskError, refusal};

/// As the caller wrote it.
#[derive(Clone, Copy)]
pub(crate) enum Address<'a> {
    Route(&'a str),
    Agent(&'a str),
    /// One agent of a route.
    Member(&'a str, AgentId),
}

/// The agents of a route that a task is limited to.
#[derive(Debug, Clone)]
pub(crate) enum Only {
    Named(Arc<str>),
    Member(AgentId),
}

impl<'a> Address<'a> {
    #[inline]
    pub(crate) fn find<'t>(self, table: &'t Table) -> Option<Found<'t>> {
        match self {
            Self::Route(name) => table.get(name).map(Found::all_of),
            Self::Agent(address) => table.directory().find(address).map(Found::named),
            Self::Member(route, id) => Found::member_of(table.get(route)?, id),
        }
    }

    /// Why nothing was found.
    #[cold]
    pub(crate) fn unknown(self, table: &Table) -> TaskError {
        match self {
            Self::Route(name) => refusal::no_such_route(name, table),
            Self::Agent(address) => refusal::no_such_agent(address, table.directory()),
            Self::Member(route, _) => refusal::one_agent_gone(route),
        }
    }

    pub(crate) fn as_str(self) -> &'a str {
        match self {
            Self::Route(text) | Self::Agent(text) | Self::Member(text, _) => text,
        }
    }
}

/// A route, and those of its agents that may get the task.
pub(crate) struct Found<'t> {
    pub(crate) route: &'t Arc<Route>,
    among: Among<'t>,
}

enum Among<'t> {
    All,
    Named(&'t Namesakes),
    One(&'t Arc<Member>),
}

impl<'t> Found<'t> {
    /// What a task that was begun looks for later: its route still, and the agents that it is limited to.
    pub(crate) fn again(
        table: &'t Table,
        route: &str,
        only: Option<&Only>,
    ) -> Result<Self, TaskError> {
        let all = table.get(route).ok_or_else(|| refusal::route_gone(route))?;
        match only {
            None => Ok(Self::all_of(all)),
            Some(Only::Named(agent)) => {
                let named = table.directory().on_route(agent, route).map(Self::named);
                named.ok_or_else(|| refusal::agent_gone(agent, route))
            }
            Some(Only::Member(id)) => {
                Self::member_of(all, *id).ok_or_else(|| refusal::one_agent_gone(route))
            }
        }
    }

    fn all_of(route: &'t Arc<Route>) -> Self {
        Self {
            route,
            among: Among::All,
        }
    }

    fn named(namesakes: &'t Namesakes) -> Self {
        Self {
            route: &namesakes.route,
            among: Among::Named(namesakes),
        }
    }

    fn member_of(route: &'t Arc<Route>, id: AgentId) -> Option<Self> {
        let member = route.members.iter().find(|member| member.id == id)?;
        Some(Self {
            route,
            among: Among::One(member),
        })
    }

    /// What the task is limited to.
    #[inline]
    pub(crate) fn only(&self) -> Option<Only> {
        match self.among {
            Among::All => None,
            Among::Named(named) => Some(Only::Named(named.name.clone())),
            Among::One(member) => Some(Only::Member(member.id)),
        }
    }

    /// The agent whose turn it is.
    #[inline]
    pub(crate) fn choose(&self, task: &Task, wish: Wish) -> Choice<'t> {
        self.crew().choose(self.route, task, wish)
    }

    /// That agent, if it is one of them.
    pub(crate) fn member(&self, id: AgentId) -> Option<&'t Arc<Member>> {
        let mut members = self.crew().members.iter();
        members.find(|member| member.id == id)
    }

    /// The next in turn, whatever the strategy is.
    pub(crate) fn next_in_turn(&self) -> &'t Arc<Member> {
        let crew = self.crew();
        &crew.members[crew.turn.fetch_add(1, Ordering::Relaxed) % crew.members.len()]
    }

    #[inline]
    fn crew(&self) -> Crew<'t> {
        let (members, turn, schedule): (_, &'t AtomicUsize, _) = match self.among {
            Among::All => {
                let route: &'t Route = self.route;
                (
                    route.members.as_slice(),
                    route.gate.turn(),
                    route.schedule.as_ref(),
                )
            }
            Among::Named(named) => (named.members.as_slice(), &named.turn, None),
            Among::One(member) => (slice::from_ref(member), self.route.gate.turn(), None),
        };
        Crew {
            members,
            turn,
            schedule,
        }
    }
}
