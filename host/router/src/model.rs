//! Swap against call against drain: the promises hold in whatever order threads come to run.
//!
//! This is the router itself, with shuttle's atomics and lock in place of the standard library's: it stops a thread before each of them, and chooses who goes on. The ways are too many to
//! try all, so some thousands are drawn at random, half of them by an algorithm (PCT) that finds what needs few changes of thread, however far apart. A wait that nothing ends is found as well. Shuttle
//! knows one order of all atomic operations, so a wrong `Ordering` is not found: the router relies on sequentially consistent ones, which have just that. (loom takes these for weaker than they are, and would raise
//! false alarms at `Member::door`.) Without points at which threads change, and so trusted: the places of a route (`gate`), `ArcSwap`, and what is tokio's.
//!
//! `RUSTFLAGS="--cfg agentsys_model" cargo test -p agentsys-router --lib --target-dir target/model model`

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::{block_on, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::{JoinHandle, spawn};
use shuttle::{Config, Runner};

use crate::{
    Agent, AgentId, AgentInfo, ErrorKind, Payload, Reply, RoutePolicy, Router, RouterConfig, Task,
    TaskError, TaskOptions,
};

/// How many ways are tried by each algorithm.
const WAYS: usize = 3_000;
/// Of each of its threads, in bytes: a task that waits for its agent in a build without optimization needs more than shuttle gives.
const STACK: usize = 1 << 18;
/// In how many places a thread has to be stopped for what PCT is to find.
const DEPTH: usize = 3;
/// Without a timer: time stands still here.
const UNTIL_IT_ENDS: Duration = Duration::MAX;

fn check(scenario: fn()) {
    let mut config = Config::default();
    config.stack_size = STACK;
    Runner::new(RandomScheduler::new(WAYS), config.clone()).run(scenario);
    Runner::new(PctScheduler::new(DEPTH, WAYS), config).run(scenario);
}

#[test]
fn every_call_is_answered_during_a_swap_and_none_reaches_what_was_drained() {
    check(|| {
        let router = router();
        let (old, new) = (Probe::new(None), Probe::new(None));
        let id = register(&router, "route", &old);
        let callers = [call(&router, "route"), call(&router, "route")];

        let add: Vec<(String, Arc<dyn Agent>)> = vec![("route".to_owned(), new)];
        let (_, leaving) = router.exchange(&[id], add).unwrap();
        assert_eq!(block_on(leaving.drained(UNTIL_IT_ENDS)), 0);
        old.rests(true);

        for caller in callers {
            assert_eq!(caller.join().unwrap(), Ok(()));
        }
        assert!(!old.was_disturbed());
    });
}

#[test]
fn a_held_agent_rests_once_it_was_drained_and_takes_every_call_afterwards() {
    check(|| {
        let router = router();
        let inner = Probe::new(None);
        let outer = Probe::new(Some((router.clone(), "inner")));
        let ids = [
            register(&router, "inner", &inner),
            register(&router, "outer", &outer),
        ];
        let callers = [call(&router, "outer"), call(&router, "inner")];

        let hold = router.hold(&ids);
        // Would never end if what a call under way nests had to wait too.
        assert_eq!(block_on(hold.drained(UNTIL_IT_ENDS)), 0);
        inner.rests(true);
        outer.rests(true);
        inner.rests(false);
        outer.rests(false);
        drop(hold);

        for caller in callers {
            assert_eq!(caller.join().unwrap(), Ok(()));
        }
        assert!(!inner.was_disturbed() && !outer.was_disturbed());
        // It holds the router.
        router.replace_agents(&[ids[1]], Vec::new()).unwrap();
    });
}

#[test]
fn a_held_agent_rests_once_it_was_drained_though_others_that_go_on_nest_tasks_for_it() {
    check(|| {
        let router = router();
        let inner = Probe::new(None);
        let middle = Probe::new(Some((router.clone(), "inner")));
        let outer = Probe::new(Some((router.clone(), "middle")));
        let held = [
            register(&router, "inner", &inner),
            register(&router, "middle", &middle),
        ];
        let goes_on = register(&router, "outer", &outer);
        let callers = [call(&router, "outer"), call(&router, "outer")];

        let hold = router.hold(&held);
        assert_eq!(block_on(hold.drained(UNTIL_IT_ENDS)), 0);
        inner.rests(true);
        middle.rests(true);
        inner.rests(false);
        middle.rests(false);
        drop(hold);

        for caller in callers {
            assert_eq!(caller.join().unwrap(), Ok(()));
        }
        assert!(!inner.was_disturbed() && !middle.was_disturbed());
        // They hold the router.
        for agent in [held[1], goes_on] {
            router.replace_agents(&[agent], Vec::new()).unwrap();
        }
    });
}

#[test]
fn a_call_is_answered_or_refused_during_a_stop_and_none_reaches_an_agent_after_it() {
    check(|| {
        let router = router();
        let agent = Probe::new(None);
        register(&router, "route", &agent);
        let callers = [call(&router, "route"), call(&router, "route")];

        assert_eq!(block_on(router.stop(UNTIL_IT_ENDS)), 0);
        agent.rests(true);

        for caller in callers {
            let answer = caller.join().unwrap();
            assert!(matches!(answer, Ok(()) | Err(ErrorKind::NotRunning)));
        }
        assert!(!agent.was_disturbed());
    });
}

fn router() -> Router {
    let policy = RoutePolicy::default().timeout(UNTIL_IT_ENDS).retry_count(0);
    let router = Router::new(RouterConfig::default().default_policy(policy));
    router.start();
    router
}

fn register(router: &Router, route: &str, agent: &Arc<Probe>) -> AgentId {
    let agent: Arc<dyn Agent> = agent.clone();
    router
        .register_agents(vec![(route.to_owned(), agent)])
        .unwrap()[0]
}

fn call(router: &Router, route: &'static str) -> JoinHandle<Result<(), ErrorKind>> {
    let router = router.clone();
    spawn(move || {
        let answer = block_on(router.route_task(route, ""));
        answer.map(drop).map_err(|error| error.kind())
    })
}

/// An agent that notices when it is called while it rests.
struct Probe {
    info: AgentInfo,
    /// The route to which it nests a task in each of its own.
    nests: Option<(Router, &'static str)>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    rests: AtomicBool,
    disturbed: AtomicBool,
}

impl State {
    fn look(&self) {
        if self.rests.load(Ordering::SeqCst) {
            self.disturbed.store(true, Ordering::SeqCst);
        }
    }
}

impl Probe {
    fn new(nests: Option<(Router, &'static str)>) -> Arc<Self> {
        Arc::new(Self {
            info: AgentInfo::new("probe", "Notices when it is called while it rests."),
            nests,
            state: Arc::default(),
        })
    }

    fn rests(&self, rests: bool) {
        self.state.rests.store(rests, Ordering::SeqCst);
    }

    fn was_disturbed(&self) -> bool {
        self.state.disturbed.load(Ordering::SeqCst)
    }
}

impl Agent for Probe {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, task: &Task, _: Payload) -> Reply {
        self.state.look();
        let (state, nests, task) = (self.state.clone(), self.nests.clone(), task.clone());
        Reply::pending(async move {
            yield_now().await;
            state.look();
            if let Some((router, route)) = nests {
                let nested = TaskOptions::default().parent(task);
                router.route_task_with(route, "", nested).await?;
                state.look();
            }
            Ok::<_, TaskError>(Payload::from(""))
        })
    }
}
