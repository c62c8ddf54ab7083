//! Who is there to choose from. As a rule that is every agent of the route, and nothing is looked at. Where an agent is left out, has no room, or failed at the task a moment ago,
//! the strategy chooses among the others.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::{Later, Schedule};
use crate::member::{Admission, Member};
use crate::route::Route;
use crate::{AgentId, Task};

/// The agents that a task may go to, and whose turn it is: all of a route's, or those of one name.
#[derive(Clone, Copy)]
pub(crate) struct Crew<'t> {
    pub(crate) members: &'t [Arc<Member>],
    pub(crate) turn: &'t AtomicUsize,
    pub(crate) schedule: Option<&'t Schedule>,
}

/// What a task wants beside.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    /// Not this one, if there is another.
    pub(crate) not: Option<AgentId>,
    /// One that begins it now, if there is one.
    pub(crate) open: bool,
}

/// An agent for a task.
#[derive(Clone, Copy)]
pub(crate) struct Pick<'t> {
    pub(crate) member: &'t Arc<Member>,
    /// Whether it was left out, and the task tries it.
    pub(crate) on_trial: bool,
}

impl<'t> Pick<'t> {
    /// One that was not left out.
    #[inline]
    pub(crate) fn plainly(member: &'t Arc<Member>) -> Self {
        Self {
            member,
            on_trial: false,
        }
    }
}

/// What a choice came to.
pub(crate) enum Choice<'t> {
    Agent(Pick<'t>),
    /// None of them has room. One that was left out may be tried at that time.
    Full(Option<Instant>),
    /// The strategy has to wait for something.
    Later(Later),
}

impl<'t> Choice<'t> {
    /// What has to be waited for.
    pub(crate) fn later(self) -> Option<Later> {
        match self {
            Self::Later(later) => Some(later),
            Self::Agent(_) | Self::Full(_) => None,
        }
    }

    #[inline]
    fn of(member: &'t Arc<Member>) -> Self {
        Self::Agent(Pick::plainly(member))
    }
}

impl<'t> Crew<'t> {
    #[inline]
    pub(crate) fn choose(self, route: &'t Route, task: &Task, wish: Wish) -> Choice<'t> {
        if let [only] = self.members {
            return Choice::of(only);
        }
        if !route.gate.none_is_out() || route.limited || wish.not.is_some() || wish.open {
            return self.choose_among_some(route, task, wish);
        }
        let strategy = &route.policy.strategy;
        match strategy.choose(self.members, self.turn, self.schedule, task) {
            Ok(member) => Choice::of(member),
            Err(later) => Choice::Later(later),
        }
    }

    #[cold]
    fn choose_among_some(self, route: &'t Route, task: &Task, wish: Wish) -> Choice<'t> {
        let opens = |member: &Member| !wish.open || member.admission(task) == Admission::Begins;
        if !route.gate.none_is_out()
            && let Some(member) =
                self.due_for_trial(|member| Some(member.id) != wish.not && opens(member))
        {
            return Choice::Agent(Pick {
                member,
                on_trial: true,
            });
        }
        let strategy = &route.policy.strategy;
        let has_room = |member: &Member| strategy.insists(task) || !member.is_full();
        // What is asked for, the least important last.
        let is_in: &dyn Fn(&Member) -> bool = &|member| !member.health.is_out();
        let is_open: &dyn Fn(&Member) -> bool = &opens;
        let is_other: &dyn Fn(&Member) -> bool = &|member| Some(member.id) != wish.not;
        let mut some: SmallVec<[&'t Arc<Member>; 16]> = self.members.iter().collect();
        for wanted in [is_in, is_open, is_other] {
            if some.iter().any(|member| wanted(member)) {
                some.retain(|member| wanted(member));
            }
        }
        // One that is nested in a task of this route must not wait for what that one holds.
        if !task.shares_place() || some.iter().any(|member| has_room(member)) {
            some.retain(|member| has_room(member));
        }
        match some.as_slice() {
            [] => {
                let fits = |member: &Member| Some(member.id) != wish.not && opens(member);
                return Choice::Full(self.next_trial(fits));
            }
            [only] => return Choice::of(only),
            _ => {}
        }
        // Whose turn it is among all, is known; among some, it has to be worked out.
        let chosen = if some.len() == self.members.len() {
            strategy.choose(self.members, self.turn, self.schedule, task)
        } else {
            let chosen = strategy.choose(&some, self.turn, None, task);
            chosen.copied()
        };
        match chosen {
            Ok(member) => Choice::of(member),
            Err(later) => Choice::Later(later),
        }
    }

    /// When one that was left out, and has room, may be tried.
    #[cold]
    fn next_trial(self, fits: impl Fn(&Member) -> bool) -> Option<Instant> {
        let out = self
            .members
            .iter()
            .filter(|member| member.health.is_out() && fits(member) && !member.is_full());
        out.filter_map(|member| member.health.trial_at()).min()
    }

    /// One that was left out, and whose time is over: the caller's task tries it.
    fn due_for_trial(self, fits: impl Fn(&Member) -> bool) -> Option<&'t Arc<Member>> {
        let mut now = None;
        self.members.iter().find(|member| {
            member.health.is_out()
                && fits(member)
                && !member.is_full()
                && member
                    .health
                    .claim_trial(*now.get_or_insert_with(Instant::now))
        })
    }
}
