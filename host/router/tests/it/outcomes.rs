//! Every task comes to one end, and leaves nothing behind: whatever the policy, whatever agents do, whoever comes, goes, stops or gives up meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentId, ErrorKind, FailedTask, Payload, RoutePolicy, RouteTask, Router, RouterConfig,
    Strategy as Routing, TaskError, TaskObserver, TaskOptions, agent_fn_with,
};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use crate::{Answer, held, loads, poll};

const ROUTES: [&str; 2] = ["a", "b"];
/// Of tasks and edits.
const SPAN: u64 = 2_000;
const LONGEST_TIMEOUT: u64 = 1_000;
const MOST_RETRIES: u32 = 3;

/// A time in milliseconds below that. All are multiples of ten, so that much happens at the same moment.
fn before(end: u64) -> impl Strategy<Value = u64> + Clone {
    (0..end / 10).prop_map(|tens| tens * 10)
}

/// What an agent does with a task. Times are in milliseconds.
#[derive(Debug, Clone)]
enum Does {
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
struct Sent {
    at: u64,
    route: usize,
    /// To an agent by its name, which all of a route's have.
    by_name: bool,
    deadline: Option<u64>,
    /// When its caller goes away.
    given_up: Option<u64>,
}

#[derive(Debug, Clone)]
enum Edit {
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
struct Policy {
    timeout: u64,
    max_concurrent: usize,
    retry_count: u32,
    least_loaded: bool,
}

/// A whole run.
#[derive(Debug, Clone)]
struct Script {
    policies: [Policy; 2],
    agents: Vec<(usize, Does)>,
    tasks: Vec<Sent>,
    edits: Vec<(u64, Edit)>,
}

fn does() -> impl Strategy<Value = Does> {
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
    fn policy()(
        timeout in before(LONGEST_TIMEOUT),
        max_concurrent in 1..6_usize,
        retry_count in 0..=MOST_RETRIES,
        least_loaded in any::<bool>(),
    ) -> Policy {
        Policy { timeout, max_concurrent, retry_count, least_loaded }
    }
}

prop_compose! {
    fn sent()(
        at in before(SPAN),
        route in 0..2_usize,
        by_name in prop::bool::weighted(0.3),
        deadline in prop::option::weighted(0.3, before(600)),
        given_up in prop::option::weighted(0.3, before(600).prop_map(|time| time + 10)),
    ) -> Sent {
        Sent { at, route, by_name, deadline, given_up }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
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
    fn script()(
        policies in [policy(), policy()],
        agents in prop::collection::vec((0..2_usize, does()), 0..8),
        tasks in prop::collection::vec(sent(), 1..60),
        edits in prop::collection::vec((before(SPAN), edit()), 0..12),
    ) -> Script {
        Script { policies, agents, tasks, edits }
    }
}

proptest! {
    #[test]
    fn the_sum_of_outcomes_is_the_number_of_tasks_and_nothing_stays_under_way(script in script()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(script));
    }
}

async fn play(script: Script) {
    let stage = Arc::new(Stage::new(&script.policies));
    for (route, does) in &script.agents {
        stage.join(*route, does);
    }
    stage.router.start();
    let edits = tokio::spawn(edit_all(stage.clone(), script.edits));
    let sent = script.tasks.len();
    let callers: Vec<_> = script
        .tasks
        .into_iter()
        .enumerate()
        .map(|(number, task)| tokio::spawn(call(stage.clone(), number, task)))
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    edits.await.unwrap();

    let counts = &stage.counts;
    assert_eq!(counts.ended(), sent + counts.nested.load(Ordering::SeqCst));
    assert_eq!(*counts.told.lock().unwrap(), *counts.failed.lock().unwrap());
    assert_eq!(counts.begun(), counts.gone(), "futures of agents are left");
    // No task waits, or is with an agent that has gone.
    assert_eq!(stage.router.stop(Duration::ZERO).await, 0);
    for (route, name) in ROUTES.iter().enumerate() {
        stage.all_places_are_free(route, name);
    }
}

async fn call(stage: Arc<Stage>, number: usize, task: Sent) {
    sleep(Duration::from_millis(task.at)).await;
    let mut options = TaskOptions::default();
    if let Some(deadline) = task.deadline {
        options = options.deadline(Instant::now() + Duration::from_millis(deadline));
    }
    let route = ROUTES[task.route];
    let data = number.to_string();
    let call = if task.by_name {
        stage.router.send_with(route, data, options)
    } else {
        stage.router.route_task_with(route, data, options)
    };
    let begun = Instant::now();
    let counted = stage.counts.count(call);
    match task.given_up {
        None => {
            if let Ok(answer) = counted.await {
                assert_eq!(answer.to_str().unwrap(), number.to_string());
            }
            let longest = task.deadline.unwrap_or(u64::MAX).min(LONGEST_TIMEOUT);
            // The clock of tokio's timers counts whole milliseconds.
            let longest = Duration::from_millis(longest + 1);
            assert!(begun.elapsed() <= longest, "{:?}", begun.elapsed());
        }
        Some(given_up) => {
            // The caller goes first: what it was just given, it has not seen.
            tokio::select! {
                biased;
                () = sleep(Duration::from_millis(given_up)) => {}
                _ = counted => {}
            }
        }
    }
}

async fn edit_all(stage: Arc<Stage>, mut edits: Vec<(u64, Edit)>) {
    edits.sort_by_key(|(at, _)| *at);
    let begun = Instant::now();
    for (at, edit) in edits {
        tokio::time::sleep_until(begun + Duration::from_millis(at)).await;
        match edit {
            Edit::Joins(route, does) => stage.join(route, &does),
            Edit::Leaves(route, at) => {
                if let Some(id) = stage.take(route, at) {
                    stage.router.unregister_agent(id);
                }
            }
            Edit::Exchanged(route, at, does, cut) => {
                let old: Vec<AgentId> = stage.take(route, at).into_iter().collect();
                let agent = vec![(ROUTES[route].to_owned(), stage.agent(route, &does))];
                let (ids, leaving) = stage.router.exchange(&old, agent).unwrap();
                stage.agents.lock().unwrap()[route].extend(ids);
                if cut {
                    leaving.cut_off().await;
                    assert_eq!(leaving.under_way(), 0);
                }
            }
            Edit::Held(route, time) => {
                let agents = stage.agents.lock().unwrap()[route].clone();
                let held = stage.router.hold(&agents);
                sleep(Duration::from_millis(time)).await;
                drop(held);
            }
            Edit::Policy(route, policy) => {
                stage.router.set_policy(ROUTES[route], policy.made());
            }
            Edit::Stops(drain) => {
                stage.router.stop(Duration::from_millis(drain)).await;
                sleep(Duration::from_millis(10)).await;
                stage.router.start();
            }
        }
    }
}

impl Policy {
    fn made(&self) -> RoutePolicy {
        RoutePolicy::default()
            .timeout(Duration::from_millis(self.timeout))
            .max_concurrent(self.max_concurrent)
            .retry_count(self.retry_count)
            .strategy(match self.least_loaded {
                true => Routing::LeastLoaded,
                false => Routing::RoundRobin,
            })
    }
}

/// The router, who is on it, and what was counted.
struct Stage {
    router: Router,
    counts: Arc<Counts>,
    agents: Mutex<[Vec<AgentId>; 2]>,
}

impl Stage {
    fn new(policies: &[Policy; 2]) -> Self {
        let counts = Arc::new(Counts::default());
        let mut config = RouterConfig::default().observer(counts.clone());
        for (route, policy) in ROUTES.iter().zip(policies) {
            config = config.route(*route, policy.made());
        }
        Self {
            router: Router::new(config),
            counts,
            agents: Mutex::default(),
        }
    }

    fn join(&self, route: usize, does: &Does) {
        let agent = self.agent(route, does);
        let id = self.router.register_agent(ROUTES[route], agent).unwrap();
        self.agents.lock().unwrap()[route].push(id);
    }

    fn take(&self, route: usize, at: usize) -> Option<AgentId> {
        let agents = &mut self.agents.lock().unwrap()[route];
        (!agents.is_empty()).then(|| agents.remove(at % agents.len()))
    }

    fn agent(&self, route: usize, does: &Does) -> Arc<dyn Agent> {
        let (router, counts, does) = (self.router.clone(), self.counts.clone(), does.clone());
        let other = ROUTES[1 - route];
        let agent = agent_fn_with(ROUTES[route], "", move |task, data: Payload| {
            assert!(!matches!(does, Does::Panics), "at once");
            counts.of_agents.0.fetch_add(1, Ordering::SeqCst);
            let (router, counts, does) = (router.clone(), counts.clone(), does.clone());
            let gone = Gone {
                counts: counts.clone(),
                panics: matches!(does, Does::PanicsAtItsEnd(_)),
            };
            async move {
                let _gone = gone;
                match does {
                    Does::Answers | Does::Panics => {}
                    Does::AnswersAfter(time) | Does::PanicsAtItsEnd(time) => {
                        sleep(Duration::from_millis(time)).await;
                    }
                    Does::Fails { after, retryable } => {
                        sleep(Duration::from_millis(after)).await;
                        let error = TaskError::new(ErrorKind::Failed, "no");
                        return Err(error.retryable(retryable));
                    }
                    Does::PanicsAfter(time) => {
                        sleep(Duration::from_millis(time)).await;
                        panic!("later");
                    }
                    Does::Hangs => std::future::pending().await,
                    Does::Nests => {
                        counts.nested.fetch_add(1, Ordering::SeqCst);
                        let options = TaskOptions::default().parent(task);
                        let call = router.route_task_with(other, data, options);
                        return counts.count(call).await;
                    }
                }
                Ok(data)
            }
        });
        Arc::new(agent)
    }

    /// That as many tasks as the policy allows begin at once, and no more.
    fn all_places_are_free(&self, route: usize, name: &str) {
        const PLACES: usize = 4;
        // Before the others go, so that the route stays the one that it is.
        let (agent, hold) = held(name);
        self.router.register_agent(name, agent).unwrap();
        while let Some(id) = self.take(route, 0) {
            self.router.unregister_agent(id);
        }
        assert_eq!(loads(&self.router, name), [0]);
        let policy = RoutePolicy::default().max_concurrent(PLACES);
        self.router.set_policy(name, policy);
        self.router.start();
        let mut calls: Vec<RouteTask<'_>> = Vec::new();
        for _ in 0..=PLACES {
            let mut call = self.router.route_task(name, "");
            assert!(poll(&mut call).is_pending());
            calls.push(call);
        }
        assert_eq!(hold.begun(), PLACES);
        drop(calls);
        assert_eq!(loads(&self.router, name), [0]);
    }
}

/// What became of tasks, as their callers saw it, and as the observer was told.
#[derive(Default)]
struct Counts {
    nested: AtomicUsize,
    answered: AtomicUsize,
    given_up: AtomicUsize,
    failed: Mutex<HashMap<ErrorKind, usize>>,
    told: Mutex<HashMap<ErrorKind, usize>>,
    /// Futures of agents: begun, and gone.
    of_agents: (AtomicUsize, AtomicUsize),
}

impl Counts {
    /// A call, counted however it ends.
    async fn count(&self, call: RouteTask<'_>) -> Answer {
        let unfinished = Unfinished(self);
        let answer = call.await;
        std::mem::forget(unfinished);
        match &answer {
            Ok(_) => _ = self.answered.fetch_add(1, Ordering::SeqCst),
            Err(error) => {
                assert!(error.attempts() <= 1 + MOST_RETRIES, "{error:?}");
                *self.failed.lock().unwrap().entry(error.kind()).or_default() += 1;
            }
        }
        answer
    }

    fn ended(&self) -> usize {
        let failed: usize = self.failed.lock().unwrap().values().sum();
        failed + self.answered.load(Ordering::SeqCst) + self.given_up.load(Ordering::SeqCst)
    }

    fn begun(&self) -> usize {
        self.of_agents.0.load(Ordering::SeqCst)
    }

    fn gone(&self) -> usize {
        self.of_agents.1.load(Ordering::SeqCst)
    }
}

impl TaskObserver for Counts {
    fn failed(&self, failed: &FailedTask<'_>) {
        let kind = failed.error.kind();
        *self.told.lock().unwrap().entry(kind).or_default() += 1;
    }
}

/// A caller that goes away.
struct Unfinished<'a>(&'a Counts);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, Ordering::SeqCst);
    }
}

/// In the future of an agent.
struct Gone {
    counts: Arc<Counts>,
    panics: bool,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.counts.of_agents.1.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics || std::thread::panicking(), "at its end");
    }
}
