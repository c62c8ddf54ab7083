#![allow(clippy::unwrap_used, reason = "tests")]

mod cost;
#[cfg(target_os = "linux")]
mod crashes;
#[cfg(unix)]
mod damage;
#[cfg(unix)]
mod files;
mod slots;

use std::path::Path;

use super::*;

fn about(plugin: &str) -> About {
    About {
        plugin: plugin.to_owned(),
        version: "1.2.3".to_owned(),
        generation: 4,
        content_hash: Some("0123abcd".to_owned()),
        path: Path::new("plugins/lib").join(plugin),
        routes: Vec::new(),
    }
}

fn tag(attribution: &Attribution, plugin: &str) -> Tag {
    let tag = attribution.register(about(plugin)).unwrap();
    let routes = ["calm", "wild"].map(str::to_owned);
    tag.name_routes(routes.to_vec()).unwrap();
    tag
}

const CALM: Activity = Activity::Handler(0);
const WILD: Activity = Activity::Handler(1);

/// `plugin: what`, of what each thread is in.
fn innermost(attribution: &Attribution) -> Vec<String> {
    let running = attribution.running();
    running.iter().map(|it| said(&it.innermost)).collect()
}

fn outermost(attribution: &Attribution) -> Vec<String> {
    let running = attribution.running();
    running.iter().map(|it| said(&it.outermost)).collect()
}

fn said(doing: &Doing) -> String {
    format!("{}: {doing}", doing.about.plugin)
}
