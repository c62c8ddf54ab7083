//! `agentsys events`: what happened to the plugins, the oldest first.

use serde_json::Value;

use crate::args::{Events, Settings};
use crate::control::Request;
use crate::exit::Failure;
use crate::table::Table;
use crate::text::{moment, one_line};

use super::json::{rows, text};
use super::{ask, write_json, write_out};

pub(crate) async fn events(args: Events, settings: &Settings) -> Result<(), Failure> {
    let all = ask::report(settings, &args.report.state, Request::Events).await?;
    let asked = |event: &&Value| {
        args.plugin
            .as_ref()
            .is_none_or(|plugin| event["plugin"].as_str() == Some(plugin))
    };
    let shown: Vec<&Value> = rows(&all).filter(asked).collect();
    if args.report.json {
        return write_json(&shown);
    }
    write_out(list(&shown).as_bytes())
}

fn list(events: &[&Value]) -> String {
    let mut table = Table::new(&["time", "plugin", "generation", "from", "to", "reason"]);
    for event in events {
        let reason = event["reason"].as_str().map(one_line);
        table.row([
            moment(event["at"].as_f64().unwrap_or_default()),
            one_line(&text(&event["plugin"])),
            text(&event["generation"]),
            text(&event["from"]),
            text(&event["to"]),
            reason.unwrap_or_default(),
        ]);
    }
    if table.is_empty() {
        return "nothing happened to any such plugin (see `agentsys plugins`)\n".to_owned();
    }
    format!("{table}\n")
}
