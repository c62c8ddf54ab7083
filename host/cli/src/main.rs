//! The program.

#![forbid(unsafe_code)]

#[cfg_attr(
    not(test),
    allow(
        dead_code,
        unused_imports,
        reason = "the commands that use it come with the program"
    )
)]
mod control;

fn main() {}
