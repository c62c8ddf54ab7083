//! Whom a task is for: a route, or one agent by its name. What that means is looked up in the table
//! of the moment, at each attempt anew.

use std::sync::Arc;

use crate::directory::Namesakes;
use crate::member::{Admission, Member};
use crate::route::Route;
use crate::table::Table;
use crate::{Task, TaskError, refusal};

/// As the caller wrote it.
#[derive(Clone, Copy)]
pub(crate) enum Address<'a> {
    Route(&'a str),
    Agent(&'a str),
}

impl<'a> Address<'a> {
    #[inline]
    pub(crate) fn find<'t>(self, table: &'t Table) -> Option<Found<'t>> {
        match self {
            Self::Route(name) => table.get(name).map(Found::all_of),
            Self::Agent(address) => table.directory().find(address).map(Found::only),
        }
    }

    /// Why nothing was found.
    #[cold]
    pub(crate) fn unknown(self, table: &Table) -> TaskError {
        match self {
            Self::Route(name) => refusal::no_such_route(name, table),
            Self::Agent(address) => refusal::no_such_agent(address, table.directory()),
        }
    }

    pub(crate) fn as_str(self) -> &'a str {
        match self {
            Self::Route(text) | Self::Agent(text) => text,
        }
    }
}

/// A route, and those of its agents that may get the task.
pub(crate) struct Found<'t> {
    pub(crate) route: &'t Arc<Route>,
    only: Option<&'t Namesakes>,
}

impl<'t> Found<'t> {
    /// What a task that was begun looks for later: its route still, and the agents of that name.
    pub(crate) fn again(
        table: &'t Table,
        route: &str,
        agent: Option<&str>,
    ) -> Result<Self, TaskError> {
        let all = table.get(route).map(Self::all_of);
        let all = all.ok_or_else(|| refusal::route_gone(route))?;
        let Some(agent) = agent else {
            return Ok(all);
        };
        let only = table.directory().on_route(agent, route).map(Self::only);
        only.ok_or_else(|| refusal::agent_gone(agent, route))
    }

    fn all_of(route: &'t Arc<Route>) -> Self {
        Self { route, only: None }
    }

    fn only(namesakes: &'t Namesakes) -> Self {
        Self {
            route: &namesakes.route,
            only: Some(namesakes),
        }
    }

    /// The name of the agents that the task is limited to.
    pub(crate) fn agent(&self) -> Option<&'t Arc<str>> {
        self.only.map(|only| &only.name)
    }

    /// The agent whose turn it is.
    #[inline]
    pub(crate) fn choose(&self, task: &Task) -> &'t Arc<Member> {
        match self.only {
            None => self.route.choose(task),
            Some(only) => self
                .route
                .policy
                .strategy
                .choose(&only.members, &only.turn, task),
        }
    }

    /// As [`choose`](Self::choose); where that one has the task wait, another that begins it, if there is one.
    pub(crate) fn choose_open(&self, task: &Task) -> &'t Arc<Member> {
        let chosen = self.choose(task);
        if chosen.admission(task) != Admission::Waits {
            return chosen;
        }
        let members = match self.only {
            None => &self.route.members,
            Some(only) => &only.members,
        };
        let open = |member: &&Arc<Member>| member.admission(task) == Admission::Begins;
        members.iter().find(open).unwrap_or(chosen)
    }
}
