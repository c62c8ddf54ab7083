//! The path of one call with all its policies, beside `tower`'s round a plain function, and what counting a call costs: `cargo bench -p agentsys-tests
//! --bench path`. `-- 100` takes a hundred rounds; `-- only=closures` measures the rows alone whose name has that, as a profiler wants it.
//!
//! Each round measures every row once, one after the other, and the rows are compared round by round: what another program takes of the processor falls on
//! all of them, so the ratios hold on a machine that is not quiet.

#[path = "../../support/built.rs"]
mod built;
mod counting;
mod host_meter;
mod ours;
mod rounds;
mod tower;

use ours::Ours;
use rounds::{Rounds, Row};

/// In bytes.
const SIZE: usize = 64;
/// Agents of a route, and services of a balancer.
const AGENTS: usize = 4;
const ROUNDS: usize = 300;

/// As the router's own defaults.
mod policy {
    use std::time::Duration;

    pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
    pub(crate) const MAX_CONCURRENT: usize = 10;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    // `cargo bench -- --test` only looks whether it runs.
    let rounds = match arguments.iter().any(|argument| argument == "--test") {
        true => 1,
        false => asked.unwrap_or(ROUNDS),
    };
    let only = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("only="));
    let ours = Ours::start();
    paths(&ours, rounds, only);
    ours.stop();
    if only.is_none() {
        counted(rounds);
    }
}

fn paths(ours: &Ours, rounds: usize, only: Option<&str>) {
    let mut rows = vec![
        ours.row(
            "routed, plain handler in a plugin, 4 instances",
            "bench_echo",
            0,
        ),
        ours.row("the same, tried again if need be", "bench_echo", 3),
        ours.row("routed, 4 closures of the host's", "closures", 0),
        tower::balanced(
            "`tower`, p2c by `PendingRequests`, 4 plain functions",
            tower::pending(),
        ),
        tower::balanced(
            "`tower`, p2c by `PeakEwma`, 4 plain functions",
            tower::peak_ewma(),
        ),
        tower::buffered(
            "`tower`, the same behind a buffer, as tasks can share it",
            tower::peak_ewma(),
        ),
        tower::alone("`tower` without a balancer, 1 plain function"),
    ];
    if let Some(only) = only {
        rows.retain(|row| row.name.contains(only));
        Rounds::measure(rows, rounds).print(&[]);
        return;
    }
    let rounds = Rounds::measure(rows, rounds);
    println!(
        "\nOne call with a timeout, a limit of calls at a time, and the least loaded of {AGENTS}; {SIZE} B:\n"
    );
    rounds.print(&[
        ("/ `tower` p2c by `PendingRequests`", 3),
        ("/ by `PeakEwma`", 4),
    ]);
}

fn counted(rounds: usize) {
    let rows: Vec<Row> = vec![
        counting::own(1),
        counting::facade_named(),
        counting::facade_kept(),
        counting::facade_sampled(1),
        counting::own(2),
        counting::facade_sampled(2),
    ];
    let rounds = Rounds::measure(rows, rounds);
    println!("\nCounting one call and the time it took:\n");
    rounds.print(&[("/ the host's own", 0)]);
}
