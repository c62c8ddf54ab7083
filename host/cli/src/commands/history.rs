//! `agentsys history`: the generations of one plugin of the running host.

use serde_json::Value;

use crate::args::{Change, Settings};
use crate::exit::Failure;
use crate::table::Table;
use crate::text::{duration, one_line};

use super::json::{rows, text};
use super::list::{What, remote};
use super::{write_json, write_out};

pub(crate) async fn history(args: Change, settings: &Settings) -> Result<(), Failure> {
    let plugins = remote(&settings.state_dir(&args.state)?, What::Plugins).await?;
    let mut known = rows(&plugins).filter(|plugin| plugin["history"].is_array());
    let Some(plugin) = known.find(|plugin| plugin["name"] == args.plugin.as_str()) else {
        return Err(Failure::new(format!(
            "there is no plugin {:?}: `agentsys plugins` lists them",
            args.plugin
        )));
    };
    if args.json {
        return write_json(&plugin["history"]);
    }
    write_out(table(&plugin["history"]).as_bytes())
}

fn table(history: &Value) -> String {
    let mut table = Table::new(&["generation", "version", "content", "steps", "end", "why"]);
    for record in rows(history) {
        let steps = rows(&record["steps"]).map(|step| {
            let seconds = step["seconds"].as_f64().unwrap_or_default();
            format!("{} {}", text(&step["name"]), duration(seconds))
        });
        let hash = text(&record["content_hash"]);
        let end = match (&record["end"], &record["ended"]) {
            (Value::Null, Value::Null) => "serves".to_owned(),
            (Value::Null, _) => "ends".to_owned(),
            (end, _) => one_line(&text(end)),
        };
        table.row([
            text(&record["number"]),
            text(&record["version"]),
            hash.chars().take(12).collect(),
            steps.collect::<Vec<_>>().join(", "),
            end,
            one_line(&text(&record["why"])),
        ]);
    }
    if table.is_empty() {
        return "no generation yet: it was never opened (see `agentsys plugins`)\n".to_owned();
    }
    format!("{table}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_generation_says_what_it_was_how_long_it_took_and_how_it_ended() {
        let shown = table(&json!([
            { "number": 2, "version": "1.1.0", "content_hash": "0123456789abcdef", "steps": [{ "name": "open", "seconds": 0.002 }],
              "ended": null, "why": null, "end": null },
            { "number": 1, "version": "1.0.0", "content_hash": null, "steps": [], "ended": 1, "why": "replaced", "end": "unloaded" },
        ]));
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[1],
            "2           1.1.0    0123456789ab  open 2.00 ms  serves    -"
        );
        assert_eq!(
            lines[2],
            "1           1.0.0    -                           unloaded  replaced"
        );
    }
}
