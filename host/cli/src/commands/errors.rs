//! `agentsys errors`: the tasks that failed last, with their causes.

use std::fmt::Write;

use serde_json::Value;

use crate::args::{Errors, Settings};
use crate::control::Request;
use crate::exit::Failure;
use crate::table::Table;
use crate::text::{count, moment, one_line, size};

use super::json::{int, rows, text};
use super::{ask, write_json, write_out};

pub(crate) async fn errors(args: Errors, settings: &Settings) -> Result<(), Failure> {
    let all = ask::report(settings, &args.report.state, Request::Errors).await?;
    let asked = |task: &&Value| {
        args.route
            .as_ref()
            .is_none_or(|route| task["route"].as_str() == Some(route))
    };
    let mut shown: Vec<&Value> = rows(&all).filter(asked).collect();
    let left = shown.len().saturating_sub(args.limit);
    shown.truncate(args.limit);
    if args.report.json {
        return write_json(&shown);
    }
    write_out(list(&shown, left, args.route.as_deref()).as_bytes())
}

fn list(failed: &[&Value], left: usize, route: Option<&str>) -> String {
    if failed.is_empty() && left == 0 {
        let of = route.map_or_else(String::new, |route| format!(" of {}", one_line(route)));
        return format!("no task{of} has failed since the host began\n");
    }
    let mut table = Table::new(&[
        "time",
        "route",
        "plugin",
        "generation",
        "kind",
        "attempts",
        "input",
        "trace",
        "message",
    ]);
    for task in failed {
        table.row([
            moment(task["at"].as_f64().unwrap_or_default()),
            one_line(&text(&task["route"])),
            one_line(&text(&task["plugin"])),
            text(&task["generation"]),
            text(&task["kind"]),
            text(&task["attempts"]),
            size(int(&task["input_bytes"])),
            text(&task["trace"]),
            one_line(&text(&task["message"])),
        ]);
    }
    let table = table.to_string();
    let mut lines = table.lines();
    let mut shown = format!("{}\n", lines.next().unwrap_or_default());
    for (line, task) in lines.zip(failed) {
        let _ = writeln!(shown, "{line}");
        for cause in rows(&task["causes"]) {
            let _ = writeln!(shown, "  caused by: {}", one_line(&text(cause)));
        }
    }
    if left > 0 {
        let _ = writeln!(
            shown,
            "\n{} more: give a larger --limit",
            count(left, "failed task")
        );
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn causes_stand_below_their_task_and_a_message_stays_on_its_line() {
        let first = json!({
            "at": 1_763_000_000.5, "route": "scan", "plugin": "scanner", "generation": 2, "kind": "failed",
            "attempts": 4, "input_bytes": 2048, "trace": "00ff", "message": "no\npaper",
            "causes": ["tray 2 is empty", "nobody cares"],
        });
        let second = json!({ "at": 1_763_000_000.0, "route": "?", "kind": "not_found", "message": "no such route" });
        let shown = list(&[&first, &second], 1, None);
        let lines: Vec<&str> = shown.lines().collect();
        let cells: Vec<&str> = lines[1]
            .split("  ")
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect();
        assert_eq!(
            cells,
            [
                "2025-11-13T02:13:20Z",
                "scan",
                "scanner",
                "2",
                "failed",
                "4",
                "2.0 KiB",
                "00ff",
                "no paper"
            ]
        );
        assert_eq!(
            lines[2..4],
            ["  caused by: tray 2 is empty", "  caused by: nobody cares"]
        );
        assert!(lines[4].contains("no such route"), "{shown}");
        assert_eq!(lines[6], "1 failed task more: give a larger --limit");
    }

    #[test]
    fn no_failure_is_said_in_words() {
        assert_eq!(
            list(&[], 0, Some("scan")),
            "no task of scan has failed since the host began\n"
        );
    }
}
