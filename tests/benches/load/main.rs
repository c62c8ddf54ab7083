//! How each strategy and policy does under load, beside `tower`'s p2c on the same arrivals: `cargo bench -p agentsys-tests --bench load`. `-- 20000` sends
//! twenty thousand tasks a cell; `-- seed=7` draws others.
//!
//! Nothing here is measured on this machine: time is simulated, so that the table is the same wherever it is made.

use std::time::Instant;

#[path = "../../support/load/mod.rs"]
mod load;

use load::{CONTENDERS, Scenario};

const TASKS: usize = 100_000;
const SEED: u64 = 1;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    let seed = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("seed=")?.parse().ok());
    // `cargo bench -- --test` only looks whether it runs.
    let tasks = match arguments.iter().any(|argument| argument == "--test") {
        true => 2_000,
        false => asked.unwrap_or(TASKS),
    };
    let began = Instant::now();
    println!(
        "{tasks} tasks a cell; p50 / p99 in ms of all tasks, from arrival to end, and percent that failed:\n"
    );
    let scenarios = Scenario::all(seed.unwrap_or(SEED), tasks);
    let names: String = scenarios
        .iter()
        .map(|scenario| format!(" {} |", scenario.name))
        .collect();
    println!("| |{names}");
    println!("|---|{}", "--:|".repeat(scenarios.len()));
    for contender in CONTENDERS {
        let cells: String = scenarios
            .iter()
            .map(|scenario| format!(" {} |", contender.run(scenario)))
            .collect();
        println!("| {} |{cells}", contender.name());
    }
    eprintln!("\nin {:.1?}", began.elapsed());
}
