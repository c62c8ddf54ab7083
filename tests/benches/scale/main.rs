//! Many routes and agents: what a call costs among them, what memory they take, how long it takes to register them: `cargo bench -p agentsys-tests --bench
//! scale`. `-- --test` tries it with few.

mod agents;
mod calls;
mod memory;
mod registering;

use agents::{AGENTS_OF_A_ROUTE, filled};

/// What the promise names.
const ROUTES: usize = 1_000;
const TASKS: u64 = 2_000_000;
const THREADS: u64 = 2;
/// The counts of routes that calls are compared at.
const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let less = if test { 100 } else { 1 };

    whole(ROUTES / less, TASKS / less as u64);
    calls::compare(&COUNTS[..if test { 2 } else { COUNTS.len() }], !test);
    registering::compare(ROUTES / less, AGENTS_OF_A_ROUTE);
    registering::compare(ROUTES * AGENTS_OF_A_ROUTE / less, 1);
}

/// A thousand routes, ten thousand agents, two million tasks.
fn whole(routes: usize, tasks: u64) {
    let before = memory::resident();
    let router = filled(routes, AGENTS_OF_A_ROUTE);
    // What stands beside the table is made by the first tasks of each thread.
    calls::from_threads(&router, routes, THREADS, THREADS * 1_000);
    let taken = memory::resident().saturating_sub(before);
    let agents = routes * AGENTS_OF_A_ROUTE;
    println!(
        "{routes} routes, {agents} agents: {} KiB resident; {} bytes a route with its {AGENTS_OF_A_ROUTE} agents, or {} an agent",
        taken >> 10,
        taken / routes,
        taken / agents,
    );
    let took = calls::from_threads(&router, routes, THREADS, tasks);
    println!(
        "{tasks} tasks from {THREADS} threads in {took:.2?}: {:.2} million a second, {:.0} ns a task and thread",
        tasks as f64 / took.as_secs_f64() / 1e6,
        took.as_nanos() as f64 * THREADS as f64 / tasks as f64,
    );
    println!(
        "resident after them: {} KiB more",
        memory::resident().saturating_sub(before + taken) >> 10
    );
}
