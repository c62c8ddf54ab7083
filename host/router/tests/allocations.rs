//! A call that is answered at once costs the router no allocation. A binary of its own: the
//! allocator that counts is the whole program's.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use agentsys_router::{
    Agent, Candidate, Fallback, Payload, RoutePolicy, RouteTask, Router, RouterConfig,
    RoutingStrategy, Selection, Strategy, Task, TaskOptions, agent_fn_sync,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; counting needs no allocation,
// since the thread-local is constant and has no destructor.
#[allow(unsafe_code, reason = "a global allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CALLS: usize = 3000;
const WARM_UP: usize = 1000;

fn router(strategy: Strategy) -> Router {
    with_policy(RoutePolicy::default().strategy(strategy))
}

fn with_policy(policy: RoutePolicy) -> Router {
    let router = Router::new(RouterConfig::default().default_policy(policy));
    for name in ["a", "b", "c", "d"] {
        let echo = agent_fn_sync(name, "", |_: &Task, data: Payload| Ok(data));
        register(&router, "r", Arc::new(echo));
    }
    router.start();
    router
}

fn register(router: &Router, route: &str, agent: Arc<dyn Agent>) {
    router
        .register_agents(vec![(route.to_owned(), agent)])
        .unwrap();
}

/// The allocations of many calls, those for their data left out.
fn allocations_of<'a>(
    mut data: impl FnMut() -> Payload,
    mut call: impl FnMut(Payload) -> RouteTask<'a>,
) -> usize {
    // The clock stands still: a sketch grows, a few times in its life, where calls take longer than any before.
    let clock = tokio::runtime::Builder::new_current_thread();
    let clock = { clock }.enable_time().start_paused(true).build().unwrap();
    let _inside = clock.enter();
    let mut allocations = 0;
    let mut answered = |data| {
        let before = ALLOCATIONS.get();
        let mut call = call(data);
        let answer = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answer, Poll::Ready(Ok(_))));
        ALLOCATIONS.get() - before
    };
    // The first call of a thread may set its thread-locals up, and the first that is timed of an agent makes its sketch.
    for _ in 0..WARM_UP {
        answered(data());
    }
    for _ in 0..CALLS {
        allocations += answered(data());
    }
    allocations
}

/// Data of one size of which others have a clone.
fn shared(size: usize) -> impl FnMut() -> Payload {
    let data = Payload::text("x".repeat(size));
    // The first clone of a buffer makes its count.
    let _made = data.clone();
    move || data.clone()
}

/// Data of one size of which nobody has a clone.
fn own(size: usize) -> impl FnMut() -> Payload {
    move || Payload::from(vec![7; size])
}

fn allocations(router: &Router, options: &TaskOptions) -> usize {
    allocations_of(shared(64), |data| {
        router.route_task_with("r", data, options.clone())
    })
}

#[test]
fn a_call_that_is_answered_at_once_allocates_nothing() {
    let last = Strategy::Custom(Arc::new(Last));
    for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded, last] {
        assert_eq!(allocations(&router(strategy), &TaskOptions::default()), 0);
    }
}

#[test]
fn nor_does_one_with_every_policy_set_and_its_figures_counted() {
    let policy = RoutePolicy::default()
        .timeout(Duration::from_secs(1))
        .deadline(Duration::from_secs(2))
        .max_concurrent(8)
        .max_concurrent_per_agent(4)
        .idempotent(true)
        .fallback(Fallback::Answer("none".into()))
        .strategy(Strategy::LeastLoaded);
    let router = with_policy(policy);
    assert_eq!(allocations(&router, &TaskOptions::default()), 0);
    let route = &router.metrics()[0];
    assert_eq!(route.calls, (WARM_UP + CALLS) as u64);
    assert!(route.latency.count > 0 && route.agents[0].latency.count > 0);
}

struct Last;

impl RoutingStrategy for Last {
    fn name(&self) -> &str {
        "last"
    }

    fn select_agent(&self, agents: &[Candidate<'_>], _: &Task) -> Selection {
        agents.len().checked_sub(1).into()
    }
}

#[test]
fn nor_does_one_that_is_sent_to_an_agent_by_name() {
    let router = router(Strategy::RoundRobin);
    for agent in ["b", "b/r"] {
        assert_eq!(
            allocations_of(shared(64), |data| router.send(agent, data)),
            0
        );
    }
}

#[test]
fn keeping_data_for_a_retry_costs_the_count_of_large_data_and_nothing_else() {
    let router = router(Strategy::RoundRobin);
    let call = |data| router.route_task("r", data);
    assert_eq!(allocations_of(own(64), call), 0);
    assert_eq!(allocations_of(shared(10_000), call), 0);
    assert_eq!(allocations_of(own(10_000), call), CALLS);

    router.set_policy("r", RoutePolicy::default().retry_count(0));
    assert_eq!(allocations_of(own(10_000), call), 0);
}

#[test]
fn nor_does_one_that_is_nested_in_another() {
    let router = router(Strategy::RoundRobin);
    let (give, take) = std::sync::mpsc::channel();
    let keeping = agent_fn_sync("keeping", "", move |task: &Task, data: Payload| {
        give.send(Arc::new(task.clone())).unwrap();
        Ok(data)
    });
    register(&router, "outer", Arc::new(keeping));
    let mut outer = router.route_task("outer", "");
    assert!(
        Pin::new(&mut outer)
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );

    let options = TaskOptions::default().parent(take.recv().unwrap());
    assert_eq!(allocations(&router, &options), 0);
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}
