//! What a call costs: through a C function pointer, across the bare seam, through the router, and through `tower`.
//!
//! All in one run and on one plugin, since figures of two runs on a shared machine do not compare. The run ends with
//! the table that `RESULTS.md` holds.

#[path = "../../support/built.rs"]
mod built;
mod rows;
#[path = "../../support/services.rs"]
mod services;
mod table;
mod target;

use std::time::Duration;

use criterion::Criterion;

/// In bytes, as the table's columns.
const SIZES: [usize; 4] = [64, 1 << 10, 64 << 10, 1 << 20];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    let target = target::Target::open();
    for size in SIZES {
        rows::measure(&mut criterion, &target, size);
    }
    target.close();
    criterion.final_summary();
    // `cargo test --benches` only tries each call once.
    if std::env::args().any(|argument| argument == "--bench") {
        table::print(&SIZES);
    }
}
