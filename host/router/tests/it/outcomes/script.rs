//! What happens in a run, drawn beforehand: the routes' policies, what agents do, which tasks come, who comes and goes.

use std::time::Duration;

use agentsys_router::{Backoff, Ejection, Fallback, Payload, RoutePolicy, Strategy as Routing};
use proptest::prelude::*;

pub(super) const ROUTES: [&str; 2] = ["a", "b"];
/// Of tasks and edits.
pub(super) const SPAN: u64 = 2_000;
pub(super) const LONGEST_TIMEOUT: u64 = 1_000;
pub(super) const MOST_RETRIES: u32 = 3;
pub(super) const LONGEST_BACKOFF: u64 = 200;
/// The answer in place of an answer.
pub(super) const FALLBACK: &str = "fallback";

/// A time in milliseconds below that. All are multiples of ten, so that much happens at the same moment.
pub(super) fn before(end: u64) -> impl Strategy<Value = u64> + Clone {
    (0..end / 10).prop_map(|tens| tens * 10)
}

/// What an agent does with a task. Times are in milliseconds.
#[derive(Debug, Clone)]
pub(super) enum Does {
    Answers,
    AnswersAfter(u64),
    Fails {
        after: u64,
        retryable: bool,
    },
    Panics,
    PanicsAfter(u64),
    /// When its future goes, having answered or not.
    PanicsAtItsEnd(u64),
    Hangs,
    /// Sends a task of its own to the other route, within its own.
    Nests,
}

#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) at: u64,
    pub(super) route: usize,
    /// To an agent by its name, which all of a route's have.
    pub(super) by_name: bool,
    /// Which of a few keys.
    pub(super) key: Option<u8>,
    pub(super) deadline: Option<u64>,
    /// When its caller goes away.
    pub(super) given_up: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) enum Edit {
    Joins(usize, Does),
    Leaves(usize, usize),
    /// Another comes in its place; what it has is given up, or not.
    Exchanged(usize, usize, Does, bool),
    /// For so long.
    Held(usize, u64),
    Policy(usize, Policy),
    /// The router stops, with so much time to drain, and starts again.
    Stops(u64),
}

#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) timeout: u64,
    pub(super) deadline: Option<u64>,
    pub(super) max_concurrent: usize,
    pub(super) per_agent: Option<usize>,
    pub(super) max_queue: usize,
    pub(super) retry_count: u32,
    pub(super) backoff: u64,
    pub(super) idempotent: bool,
    /// After how many failures an agent is left out, and for how long.
    pub(super) ejection: (u32, u64),
    pub(super) fallback: bool,
    pub(super) strategy: Routing,
}

impl Policy {
    pub(super) fn made(&self) -> RoutePolicy {
        let time = Duration::from_millis;
        let (after, base) = self.ejection;
        let policy = RoutePolicy::default()
            .timeout(time(self.timeout))
            .deadline(self.deadline.map(time))
            .max_concurrent(self.max_concurrent)
            .max_concurrent_per_agent(self.per_agent)
            .max_queue(self.max_queue)
            .retry_count(self.retry_count)
            .backoff(Backoff::new(time(self.backoff), time(LONGEST_BACKOFF)))
            .idempotent(self.idempotent)
            .ejection(Ejection::new(after, time(base), time(4 * base)))
            .strategy(self.strategy.clone());
        match self.fallback {
            true => policy.fallback(Fallback::Answer(Payload::text(FALLBACK))),
            false => policy,
        }
    }
}

/// A whole run.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) policies: [Policy; 2],
    /// Whether each route has an agent that stays, so that the route does.
    pub(super) lasting: Option<Does>,
    pub(super) agents: Vec<(usize, Does)>,
    pub(super) tasks: Vec<Sent>,
    pub(super) edits: Vec<(u64, Edit)>,
}

pub(super) fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => Just(Does::Answers),
        4 => before(200).prop_map(Does::AnswersAfter),
        3 => (before(100), any::<bool>())
            .prop_map(|(after, retryable)| Does::Fails { after, retryable }),
        1 => Just(Does::Panics),
        1 => before(100).prop_map(Does::PanicsAfter),
        1 => before(100).prop_map(Does::PanicsAtItsEnd),
        1 => Just(Does::Hangs),
        2 => Just(Does::Nests),
    ]
}

prop_compose! {
    pub(super) fn policy()(
        timeout in before(LONGEST_TIMEOUT),
        deadline in prop::option::weighted(0.3, before(LONGEST_TIMEOUT)),
        (max_concurrent, per_agent) in (1..6_usize, prop::option::weighted(0.3, 1..3_usize)),
        max_queue in prop_oneof![0..4_usize, Just(1_000)],
        (retry_count, backoff) in (0..=MOST_RETRIES, before(LONGEST_BACKOFF)),
        idempotent in any::<bool>(),
        ejection in (0..4_u32, before(500)),
        fallback in prop::bool::weighted(0.2),
        strategy in prop_oneof![
            Just(Routing::RoundRobin), Just(Routing::LeastLoaded), Just(Routing::Sticky)
        ],
    ) -> Policy {
        Policy {
            timeout, deadline, max_concurrent, per_agent, max_queue, retry_count, backoff, idempotent,
            ejection, fallback, strategy,
        }
    }
}

prop_compose! {
    pub(super) fn sent()(
        at in before(SPAN),
        route in 0..2_usize,
        by_name in prop::bool::weighted(0.3),
        key in prop::option::of(0..4_u8),
        deadline in prop::option::weighted(0.3, before(600)),
        given_up in prop::option::weighted(0.3, before(600).prop_map(|time| time + 10)),
    ) -> Sent {
        Sent { at, route, by_name, key, deadline, given_up }
    }
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    let (route, at) = (0..2_usize, 0..8_usize);
    prop_oneof![
        3 => (route.clone(), does()).prop_map(|(route, does)| Edit::Joins(route, does)),
        2 => (route.clone(), at.clone()).prop_map(|(route, at)| Edit::Leaves(route, at)),
        3 => (route.clone(), at, does(), any::<bool>())
            .prop_map(|(route, at, does, cut)| Edit::Exchanged(route, at, does, cut)),
        1 => (route.clone(), before(300)).prop_map(|(route, time)| Edit::Held(route, time)),
        2 => (route, policy()).prop_map(|(route, policy)| Edit::Policy(route, policy)),
        1 => before(200).prop_map(Edit::Stops),
    ]
}

prop_compose! {
    pub(super) fn script()(
        policies in [policy(), policy()],
        lasting in prop::option::of(does()),
        agents in prop::collection::vec((0..2_usize, does()), 0..8),
        tasks in prop::collection::vec(sent(), 1..60),
        edits in prop::collection::vec((before(SPAN), edit()), 0..12),
    ) -> Script {
        Script { policies, lasting, agents, tasks, edits }
    }
}
