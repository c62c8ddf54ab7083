//! `agentsys plugins` and `agentsys routes`: tables for people, JSON for programs.

use std::path::Path;

use agentsys_host::config::Sources;
use bytes::Bytes;
use serde_json::Value;

use crate::args::{List, Settings};
use crate::control::{Request, Response};
use crate::exit::Failure;
use crate::table::Table;

use super::json::{rows, text};
use super::particulars::particulars;
use super::status::pins;
use super::{ask, own_host, write_json, write_out};

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Plugins,
    Routes,
}

pub(crate) async fn list(args: List, what: What, settings: &Settings) -> Result<(), Failure> {
    let listed = if args.plugins.is_empty() {
        remote(&settings.state_dir(&args.state)?, what).await?
    } else {
        local(settings.sources(&args.plugins, &args.state)?, what).await?
    };
    if args.json {
        return write_json(&listed);
    }
    let text = match what {
        What::Plugins => plugins(&listed),
        What::Routes => routes(&listed),
    };
    write_out(text.as_bytes())
}

async fn local(sources: Sources, what: What) -> Result<Value, Failure> {
    let host = own_host(sources).await?;
    let listed = match what {
        What::Plugins => serde_json::to_value(host.plugins()),
        What::Routes => serde_json::to_value(host.routes()),
    };
    host.shutdown().await;
    listed.map_err(Failure::new)
}

pub(super) async fn remote(state_dir: &Path, what: What) -> Result<Value, Failure> {
    let request = match what {
        What::Plugins => Request::Plugins,
        What::Routes => Request::Routes,
    };
    match ask::ask(state_dir, request, Bytes::new()).await? {
        (Response::Plugins(listed) | Response::Routes(listed), _) => Ok(listed),
        (other, _) => Err(ask::unexpected(&other)),
    }
}

fn plugins(listed: &Value) -> String {
    let mut table = Table::new(&["name", "version", "state", "generation", "file"]);
    let mut reasons = String::new();
    for plugin in rows(listed) {
        table.row([
            text(&plugin["name"]),
            text(&plugin["version"]),
            text(&plugin["state"]),
            text(&plugin["generation"]),
            file(plugin),
        ]);
        let why = ["reason", "held_back"].map(|key| plugin[key].as_str().map(str::to_owned));
        for why in why.into_iter().flatten().chain(pins(plugin)) {
            reasons.push_str(&format!("{}: {why}\n", text(&plugin["name"])));
        }
    }
    if table.is_empty() {
        return "no plugins: drop a compiled plugin into the host's plugin directory\n".to_owned();
    }
    let reasons = crate::text::plain(&reasons).into_owned();
    if reasons.is_empty() {
        format!("{table}\n")
    } else {
        format!("{table}\n\n{reasons}")
    }
}

fn routes(listed: &Value) -> String {
    let mut table = Table::new(&["name", "agents", "description"]);
    for route in rows(listed) {
        let mut agents: Vec<(String, usize)> = Vec::new();
        for agent in rows(&route["agents"]) {
            let name = match particulars(agent) {
                said if said.is_empty() => text(&agent["name"]),
                said => format!("{} ({said})", text(&agent["name"])),
            };
            match agents.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => agents.push((name, 1)),
            }
        }
        let agents = agents.iter().map(|(name, count)| {
            if *count == 1 {
                name.clone()
            } else {
                format!("{name} ×{count}")
            }
        });
        table.row([
            text(&route["name"]),
            agents.collect::<Vec<_>>().join(", "),
            text(&route["description"]),
        ]);
    }
    if table.is_empty() {
        return "no routes: no plugin that runs has any (see `agentsys plugins`)\n".to_owned();
    }
    format!("{table}\n")
}

/// Where a plugin's code is: one that is known without a file is linked into the host's program.
fn file(plugin: &Value) -> String {
    if plugin["path"].is_null() && !plugin["version"].is_null() {
        "(linked)".to_owned()
    } else {
        text(&plugin["path"])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plugin_that_does_not_run_says_why_below_the_table() {
        let listed = json!([{ "name": "x", "version": "1.0.0", "state": "failed", "generation": null,
            "path": "plugins/libx.so", "reason": "`initialize` failed: no luck" }]);
        let shown = plugins(&listed);
        assert!(
            shown.ends_with("\n\nx: `initialize` failed: no luck\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_plugin_without_a_file_is_linked_unless_nothing_is_known_of_it() {
        let listed = json!([
            { "name": "x", "version": "1.0.0", "state": "running", "generation": 1, "path": null },
            { "name": "y", "version": null, "state": "failed", "generation": null, "path": null },
        ]);
        let shown = plugins(&listed);
        let ends: Vec<_> = shown
            .lines()
            .map(|line| line.split_whitespace().last())
            .collect();
        assert_eq!(ends[1..], [Some("(linked)"), Some("-")]);
    }

    #[test]
    fn agents_of_one_name_are_counted() {
        let listed = json!([{ "name": "r", "description": "d", "agents": [{ "name": "a" }, { "name": "a" }] }]);
        assert!(routes(&listed).contains("a ×2"));
    }

    #[test]
    fn agents_of_one_name_that_differ_stand_apart() {
        let listed = json!([{ "name": "r", "description": "d", "agents": [
            { "name": "a", "weight": 2 }, { "name": "a", "weight": 2 }, { "name": "a", "weight": 1 },
        ] }]);
        let shown = routes(&listed);
        assert!(shown.contains("a (weight 2) ×2, a "), "{shown}");
    }
}
