//! Tests that need a process of their own: the test binary runs itself.

use std::process::{Command, Output};

/// Runs one ignored test of this binary, by its path, and says what it said.
pub(crate) fn run_alone(test: &str) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env("RUST_BACKTRACE", "0")
        // One pool of the allocator's in place of one for each thread, whose leftovers would hide what the tests look for.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    assert!(status.success() && said.contains("1 passed"), "{said}");
    said
}
