//! The medians of the last run as a Markdown table, read from what criterion wrote.

use std::path::PathBuf;

use crate::rows::ROWS;

/// Prints the table. Rows that this run left out show what an earlier run found; those never measured, nothing.
pub(crate) fn print(sizes: &[usize]) {
    let heads: Vec<String> = sizes
        .iter()
        .map(|size| format!(" {} |", human(*size)))
        .collect();
    println!(
        "\nMedians in ns, and how many times the C call that copies:\n\n| a call |{}",
        heads.concat()
    );
    println!("|---|{}", "--:|".repeat(sizes.len()));
    for (row, what) in ROWS {
        let cells: Vec<String> = sizes
            .iter()
            .map(|size| format!(" {} |", cell(row, *size)))
            .collect();
        println!("| {what} |{}", cells.concat());
    }
}

fn cell(row: &str, size: usize) -> String {
    match (median(row, size), median("raw_copy", size)) {
        (Some(time), Some(raw)) => format!("{} ({})", digits(time), digits(time / raw)),
        _ => "-".to_owned(),
    }
}

fn digits(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        0.095.. => format!("{number:.1}"),
        _ => "< 0.1".to_owned(),
    }
}

fn median(row: &str, size: usize) -> Option<f64> {
    let path = criterion_home()?
        .join("seam")
        .join(row)
        .join(size.to_string())
        .join("new/estimates.json");
    let estimates = std::fs::read(path).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&estimates).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

/// Where criterion writes: beside the folder that this program was built in.
fn criterion_home() -> Option<PathBuf> {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return Some(home.into());
    }
    let program = std::env::current_exe().ok()?;
    // target/release/deps/seam-…
    program
        .ancestors()
        .nth(3)
        .map(|target| target.join("criterion"))
}

fn human(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}
