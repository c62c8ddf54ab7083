//! Ten thousand replacements under full load, measured: `cargo bench -p agentsys-tests --bench soak`. `-- 500` runs five hundred; `-- --come-and-go` has the callers'
//! threads end and others take their place all the time.

use tempfile::TempDir;

#[path = "../../support/built.rs"]
mod built;
#[path = "../../support/soak.rs"]
mod support;

use support::{Latency, Report, Soak};

/// As many as the project's promise names.
const REPLACEMENTS: u64 = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    let soak = Soak {
        builds: built::build(["changing_1", "changing_2"]),
        // `cargo bench -- --test` only looks whether it runs.
        replacements: if has("--test") {
            3
        } else {
            asked.unwrap_or(REPLACEMENTS)
        },
        calls_of_a_thread: has("--come-and-go").then_some(200),
    };
    let dir = TempDir::new().expect("a temporary directory");
    let report = soak.run(dir.path());
    print(&report);
    let clean = (report.failed, report.wrong) == (0, 0) && report.after == report.before;
    std::process::exit(i32::from(!clean));
}

fn print(report: &Report) {
    let rate = report.calls as f64 / report.took.as_secs_f64();
    println!(
        "{} replacements in {:.1?}; {} calls ({rate:.0} a second), {} failed, {} answered wrongly",
        report.replacements, report.took, report.calls, report.failed, report.wrong
    );
    let row = |name: &str, latency: &Latency| {
        let Latency { p50, p99, p999 } = latency;
        println!("{name:<32}{p50:>12.1}{p99:>12.1}{p999:>12.1}");
    };
    println!(
        "{:<32}{:>12}{:>12}{:>12}",
        "microseconds", "p50", "p99", "p99.9"
    );
    row("calls outside of replacements", &report.outside);
    row("calls during replacements", &report.during);
    row("file there to first answer", &report.first_answer);
    println!("before: {:?}\nafter:  {:?}", report.before, report.after);
    let (Some(first), Some(last)) = (report.resident.first(), report.resident.last()) else {
        return;
    };
    let cycles = report.replacements.saturating_sub(100).max(1);
    let growth = last.saturating_sub(*first) as f64 / cycles as f64;
    println!(
        "resident memory: {first} KiB after 100, {last} KiB at the end: {growth:.2} KiB a replacement"
    );
    let step = report.resident.len().div_ceil(10);
    let shown: Vec<String> = report
        .resident
        .iter()
        .step_by(step)
        .map(ToString::to_string)
        .collect();
    println!("over time, KiB: {}", shown.join(", "));
}
