//! What an entry costs. To be run by hand, with optimization: the figure is a matter of the machine.

use std::hint::black_box;
use std::time::Instant;

use super::*;

#[test]
#[ignore = "a measurement: cargo test --release -p agentsys-loader -- --ignored --nocapture attribution"]
fn entering_and_leaving_takes_nanoseconds() {
    const CALLS: u32 = 50_000_000;
    let state = tempfile::tempdir().unwrap();
    let (attribution, _) = Attribution::open(state.path()).unwrap();
    let tag = tag(&attribution, "echo");
    let time = |what: &str, one: &dyn Fn(u32)| {
        let began = Instant::now();
        (0..CALLS).for_each(one);
        let each = began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS);
        println!("{what}: {each:.2} ns");
    };
    time("a call through a pointer", &|n| {
        black_box(n);
    });
    time("the same, entered and left", &|n| {
        tag.run(Activity::Handler(black_box(1)), || black_box(n));
    });
    tag.run(CALM, || {
        time("the same, nested", &|n| {
            tag.run(Activity::Handler(black_box(1)), || black_box(n));
        });
    });
}
