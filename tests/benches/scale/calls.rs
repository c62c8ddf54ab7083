//! What a call costs, among few routes and many.
//!
//! Two things can make it dearer among many: finding the route, and that the routes do not fit into the processor's caches when all of them are called. So
//! one route alone is called among the others, then each in an order that the processor cannot guess; beside it stands what the caches alone cost.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use agentsys_router::{Payload, Router};
use tokio::runtime::Runtime;

use crate::agents::{AGENTS_OF_A_ROUTE, filled, route};

const CALLS: usize = 20_000;
const ROUNDS: usize = 50;

/// Sends tasks to all routes, from so many threads together; from the first one's begin to the last one's end.
pub(crate) fn from_threads(router: &Router, routes: usize, threads: u64, tasks: u64) -> Duration {
    let (begin, end) = (Barrier::new(threads as usize + 1), tasks / threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let begin = &begin;
            scope.spawn(move || {
                let names = scattered(routes, thread);
                let runtime = runtime();
                begin.wait();
                runtime.block_on(call(router, names.iter().cycle().take(end as usize)));
            });
        }
        begin.wait();
        Instant::now()
    })
    .elapsed()
}

/// Prints a table: each count of routes is measured in turns with the others, and compared with the first.
pub(crate) fn compare(counts: &[usize], fully: bool) {
    let runtime = runtime();
    let (calls, rounds) = if fully { (CALLS, ROUNDS) } else { (1, 1) };
    let sizes: Vec<Size> = counts.iter().map(|routes| Size::of(*routes)).collect();
    let mut times = [(); COLUMNS.len()].map(|()| vec![Vec::new(); counts.len()]);
    for _ in 0..=rounds {
        for (at, size) in sizes.iter().enumerate() {
            let measure = |column: usize| {
                let names = if column == 0 {
                    &size.names[..1]
                } else {
                    &size.names
                };
                let names = || names.iter().cycle().take(calls);
                let run = || match column {
                    0 | 1 => runtime.block_on(call(&size.single, names())),
                    2 => runtime.block_on(call(&size.several, names())),
                    _ => count(&size.counters, names()),
                };
                // Once before, so that each has the caches to itself.
                run();
                let began = Instant::now();
                run();
                began.elapsed().as_nanos() as f64 / calls as f64
            };
            for (column, times) in times.iter_mut().enumerate() {
                times[at].push(measure(column));
            }
        }
    }
    println!("\nOne call in ns, and how many times that of the first row:\n");
    println!("| routes | {} |", COLUMNS.join(" | "));
    println!("|--:|{}", "--:|".repeat(COLUMNS.len()));
    for (at, routes) in counts.iter().enumerate() {
        let cells = times.iter().map(|column| {
            let (time, ratio) = told(column, at);
            format!(" {time:.0} ({ratio:.2}) |")
        });
        println!("| {routes} |{}", cells.collect::<String>());
    }
    println!();
}

const COLUMNS: [&str; 4] = [
    "one of them called, 1 agent",
    "all in no order, 1 agent each",
    "all in no order, 10 agents each",
    "as many counters in a `HashMap`, counted up in no order",
];

/// What is measured of one count of routes.
struct Size {
    names: Vec<String>,
    single: Router,
    several: Router,
    /// What the processor's caches alone cost.
    counters: HashMap<String, AtomicU64>,
}

impl Size {
    fn of(routes: usize) -> Self {
        let names = scattered(routes, 0);
        let counters = names.iter().map(|name| (name.clone(), AtomicU64::new(0)));
        Self {
            single: filled(routes, 1),
            several: filled(routes, AGENTS_OF_A_ROUTE),
            counters: counters.collect(),
            names,
        }
    }
}

fn count<'a>(counters: &HashMap<String, AtomicU64>, names: impl Iterator<Item = &'a String>) {
    for name in names {
        counters[name].fetch_add(1, Ordering::Relaxed);
    }
}

/// The median, and that of the ratios to the first row, round by round; the first round only fills the caches.
fn told(rounds: &[Vec<f64>], at: usize) -> (f64, f64) {
    let ratios = rounds[at]
        .iter()
        .zip(&rounds[0])
        .map(|(own, first)| own / first);
    (
        median(rounds[at].iter().copied().skip(1)),
        median(ratios.skip(1)),
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn call(router: &Router, names: impl Iterator<Item = &String>) {
    for name in names {
        let answer = router.route_task(name, Payload::from("a task")).await;
        black_box(answer.expect("an answer").bytes().as_ptr());
    }
}

/// The routes' names in no order, the same for the same seed.
fn scattered(routes: usize, seed: u64) -> Vec<String> {
    let mut names: Vec<String> = (0..routes).map(route).collect();
    let mut state = seed;
    for at in (1..names.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        names.swap(at, (state >> 33) as usize % (at + 1));
    }
    names
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime")
}
