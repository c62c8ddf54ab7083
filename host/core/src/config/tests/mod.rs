//! What a configuration promises to who writes one.

mod files;
mod layers;
mod loaded;
mod messages;
mod properties;
mod render;
mod schema;
mod seconds;

use crate::config::{Loaded, Sources};

fn load(toml: &str) -> Loaded {
    Sources::new()
        .text("agentsys.toml", toml)
        .load()
        .expect("it is right")
}

/// What is wrong with a file, a line each.
fn mistakes(toml: &str) -> String {
    errors(Sources::new().text("agentsys.toml", toml))
}

fn errors(sources: Sources) -> String {
    sources.load().expect_err("it is wrong").to_string()
}
