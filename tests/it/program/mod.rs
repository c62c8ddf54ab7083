//! The program as a process.

mod answers;
mod changes;
mod config;
mod demo;
mod ends;
mod items;
mod status;

use serde_json::Value;

use crate::harness::{Ended, Place, agentsys};

pub(super) fn place(plugins: &[&str]) -> Place {
    let place = Place::new();
    plugins.iter().for_each(|plugin| drop(place.add(plugin)));
    place
}

/// Runs a command to its end on a place's state directory.
pub(super) fn ask(place: &Place, arguments: &[&str]) -> Ended {
    agentsys(arguments)
        .arg("--state-dir")
        .arg(place.state())
        .output()
        .unwrap()
        .into()
}

pub(super) fn json(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}
