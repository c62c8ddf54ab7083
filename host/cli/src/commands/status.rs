//! `agentsys status`: one screen that says how the running host is doing.

use std::fmt::Write;
use std::io;

use serde_json::Value;

use crate::args::{Report, Settings};
use crate::control::Request;
use crate::exit::Failure;
use crate::table::{Colour, Table, paint};
use crate::text::{age, colours, count, duration, moment, one_line};

use super::json::{int, rows, text};
use super::{ask, write_json, write_out};

pub(crate) async fn status(args: Report, settings: &Settings) -> Result<(), Failure> {
    let status = ask::report(settings, &args.state, Request::Status).await?;
    if args.json {
        return write_json(&status);
    }
    write_out(screen(&status, colours(&io::stdout())).as_bytes())
}

fn screen(status: &Value, colours: bool) -> String {
    let mut screen = head(status);
    let _ = writeln!(screen, "{}", counts(status, colours));
    screen.push_str(&plugins(status, colours));
    section(&mut screen, "Not running:", reasons(status, false), colours);
    section(&mut screen, "Running, but:", reasons(status, true), colours);
    let failed = failed(status);
    if !failed.is_empty() {
        let failed = failed.into_iter().map(|line| (None, line));
        section(
            &mut screen,
            "Failed last (`agentsys errors` shows more):",
            failed,
            colours,
        );
    }
    screen
}

fn head(status: &Value) -> String {
    let number = |key: &str| status[key].as_f64().unwrap_or_default();
    let config = rows(&status["config"]).map(text);
    let config: Vec<String> = config.collect();
    let config = if config.is_empty() {
        "no file".to_owned()
    } else {
        config.join(", ")
    };
    format!(
        "agentsys {}, process {}, since {} ({})\nstate in {}; configuration: {}\n",
        text(&status["version"]),
        text(&status["pid"]),
        moment(number("since")),
        age(number("now") - number("since")),
        one_line(&text(&status["state_dir"])),
        one_line(&config),
    ) + &trouble(status)
}

/// Why the configuration's files, as they are now, are not what holds.
fn trouble(status: &Value) -> String {
    let trouble = status["config_trouble"].as_str().map(one_line);
    trouble.map_or_else(String::new, |trouble| {
        format!("the changed configuration changes nothing: {trouble}\n")
    })
}

/// `5 plugins: 3 running, 1 failed, 1 disabled; 7 routes; storage: file at .agentsys/storage`.
fn counts(status: &Value, colours: bool) -> String {
    let mut states: Vec<(&str, usize)> = Vec::new();
    for plugin in rows(&status["plugins"]) {
        let state = plugin["state"].as_str().unwrap_or("unknown");
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => states.push((state, 1)),
        }
    }
    states.sort_by_key(|(state, count)| (*state != "running", std::cmp::Reverse(*count), *state));
    let total = states.iter().map(|(_, count)| count).sum();
    let states = states.iter().map(|(state, count)| {
        let shown = format!("{count} {state}");
        paint(&shown, colour(state), colours)
    });
    let states: Vec<String> = states.collect();
    let colon = if states.is_empty() { "" } else { ": " };
    let storage = &status["storage"];
    let place = storage["path"].as_str();
    let place = place.map_or_else(String::new, |path| format!(" at {}", one_line(path)));
    let pinned = rows(&status["plugins"]).flat_map(pins).count();
    let pinned = match pinned {
        0 => String::new(),
        pinned => format!("; {} pinned in memory", count(pinned, "earlier generation")),
    };
    format!(
        "{}{colon}{}{pinned}; {}; storage: {}{place}",
        count(total, "plugin"),
        states.join(", "),
        count(int(&status["routes"]) as usize, "route"),
        text(&storage["type"]),
    )
}

fn plugins(status: &Value, colours: bool) -> String {
    let mut table = Table::new(&[
        "plugin",
        "version",
        "state",
        "generation",
        "routes",
        "instances",
        "calls",
        "errors",
        "p50",
        "p99",
    ]);
    let mut shown = Vec::new();
    for plugin in rows(&status["plugins"]) {
        let calls = &plugin["calls"];
        let latency = |quantile: &str| {
            let seconds = calls["latency"][quantile].as_f64();
            seconds.map_or_else(|| "-".to_owned(), duration)
        };
        let errors = calls["errors"].as_object();
        let errors = errors.map(|errors| errors.values().map(int).sum::<u64>());
        table.row([
            one_line(&text(&plugin["name"])),
            one_line(&text(&plugin["version"])),
            text(&plugin["state"]),
            text(&plugin["generation"]),
            rows(&plugin["routes"]).count().to_string(),
            text(&plugin["instances"]),
            text(&calls["calls"]),
            errors.map_or_else(|| "-".to_owned(), |errors| errors.to_string()),
            latency("p50"),
            latency("p99"),
        ]);
        shown.push(colour(plugin["state"].as_str().unwrap_or_default()));
    }
    if table.is_empty() {
        return "\nNo plugins: drop a compiled plugin into the host's plugin directory.\n"
            .to_owned();
    }
    let mut lines = String::new();
    // The first line is the head.
    let colour_of = std::iter::once(None).chain(shown);
    for (line, colour) in table.to_string().lines().zip(colour_of) {
        let colour = colour.filter(|colour| *colour != Colour::Green);
        let _ = writeln!(lines, "{}", paint(line, colour, colours));
    }
    format!("\n{lines}")
}

/// Why plugins that run, or do not, are not as they should be: each with the colour of its name.
fn reasons(status: &Value, running: bool) -> Vec<(Option<Colour>, String)> {
    let plugins = rows(&status["plugins"]);
    let plugins = plugins.filter(|plugin| (plugin["state"] == "running") == running);
    let lines = |plugin: &Value| {
        let state = text(&plugin["state"]);
        let waits = state == "loaded" && plugin["lazy"] == true;
        let reason = match plugin["reason"].as_str() {
            Some(reason) => Some(one_line(reason)),
            None if running => None,
            None if waits => Some("loaded (initialized by its first call)".to_owned()),
            None => Some(format!("it is {state}")),
        };
        let held_back = plugin["held_back"].as_str().map(one_line);
        let name = one_line(&text(&plugin["name"]));
        let colour = colour(&state).filter(|_| !waits);
        let all: Vec<_> = reason
            .into_iter()
            .chain(held_back)
            .chain(pins(plugin))
            .collect();
        all.into_iter()
            .map(move |line| (colour, format!("{name}: {line}")))
    };
    plugins.flat_map(lines).collect()
}

/// What keeps earlier generations of a plugin in memory.
pub(super) fn pins(plugin: &Value) -> impl Iterator<Item = String> {
    rows(&plugin["retired"]).filter_map(|retired| {
        let pinned = one_line(retired["pinned"].as_str()?);
        Some(format!(
            "generation {} stays in memory, pinned: {pinned}",
            retired["number"]
        ))
    })
}

fn failed(status: &Value) -> Vec<String> {
    let now = status["now"].as_f64().unwrap_or_default();
    let line = |task: &Value| {
        let plugin = task["plugin"].as_str().map(one_line);
        let plugin = plugin.map_or_else(String::new, |name| format!(" ({name})"));
        format!(
            "{} ago: {}{plugin}: {}: {}",
            age(now - task["at"].as_f64().unwrap_or(now)),
            one_line(&text(&task["route"])),
            text(&task["kind"]),
            one_line(&text(&task["message"])),
        )
    };
    rows(&status["errors"]).map(line).collect()
}

fn section(
    screen: &mut String,
    title: &str,
    lines: impl IntoIterator<Item = (Option<Colour>, String)>,
    colours: bool,
) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(screen, "\n{title}");
    for (colour, line) in lines {
        let (name, rest) = line.split_once(": ").unwrap_or((&line, ""));
        let _ = writeln!(screen, "  {}: {rest}", paint(name, colour, colours));
    }
}

fn colour(state: &str) -> Option<Colour> {
    Some(match state {
        "running" => Colour::Green,
        "failed" => Colour::Red,
        "disabled" | "stopped" | "unloaded" => Colour::Dim,
        "loaded" => return None,
        _ => Colour::Yellow,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status() -> Value {
        json!({
            "version": "0.1.0", "pid": 7, "since": 1_763_000_000.0, "now": 1_763_000_300.0,
            "config": ["agentsys.toml"], "state_dir": "/s", "routes": 2,
            "storage": { "type": "file", "path": "/s/storage" },
            "plugins": [
                { "name": "echo", "version": "1.0.0", "state": "running", "generation": 1, "routes": ["echo", "e"],
                  "instances": 2, "lazy": false, "reason": null,
                  "calls": { "calls": 9, "errors": { "failed": 1, "timeout": 1 }, "latency": { "p50": 1e-6, "p99": 0.002 } } },
                { "name": "broken", "version": "1.0.0", "state": "failed", "generation": 1, "routes": [],
                  "reason": "`initialize` failed:\nno disk" },
                { "name": "late", "version": "1.0.0", "state": "loaded", "generation": 1, "routes": ["late"], "lazy": true,
                  "reason": null },
                { "name": "half", "version": "1.0.0", "state": "running", "generation": 1, "routes": [],
                  "reason": "1 of 2 places has no instance" },
                { "name": "old", "version": "1.0.0", "state": "running", "generation": 2, "routes": [], "reason": null,
                  "held_back": "2.0.0 of /p/old.so did not replace 1.0.0: no luck",
                  "retired": [{ "number": 1, "version": "0.9.0", "pinned": "thread x still runs" },
                              { "number": 0, "version": "0.8.0", "pinned": null }] },
            ],
            "errors": [{ "at": 1_763_000_290.0, "route": "echo", "plugin": "echo", "kind": "failed", "message": "no\nluck" }],
        })
    }

    #[test]
    fn the_screen_says_it_all_in_plain_words() {
        let shown = screen(&status(), false);
        let expected = "\
agentsys 0.1.0, process 7, since 2025-11-13T02:13:20Z (5 min)
state in /s; configuration: agentsys.toml
5 plugins: 3 running, 1 failed, 1 loaded; 1 earlier generation pinned in memory; 2 routes; storage: file at /s/storage

PLUGIN  VERSION  STATE    GENERATION  ROUTES  INSTANCES  CALLS  ERRORS  P50      P99
echo    1.0.0    running  1           2       2          9      2       1.00 µs  2.00 ms
broken  1.0.0    failed   1           0       -          -      -       -        -
late    1.0.0    loaded   1           1       -          -      -       -        -
half    1.0.0    running  1           0       -          -      -       -        -
old     1.0.0    running  2           0       -          -      -       -        -

Not running:
  broken: `initialize` failed: no disk
  late: loaded (initialized by its first call)

Running, but:
  half: 1 of 2 places has no instance
  old: 2.0.0 of /p/old.so did not replace 1.0.0: no luck
  old: generation 1 stays in memory, pinned: thread x still runs

Failed last (`agentsys errors` shows more):
  10 s ago: echo (echo): failed: no luck
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn colours_add_nothing_but_colours() {
        let coloured = screen(&status(), true);
        assert!(coloured.contains("\x1b[31m1 failed\x1b[0m"), "{coloured}");
        assert!(
            coloured.contains("  \x1b[31mbroken\x1b[0m: `initialize`"),
            "{coloured}"
        );
        let mut plain = coloured;
        for code in ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, screen(&status(), false));
    }

    #[test]
    fn a_host_without_plugins_says_what_to_do() {
        let shown = screen(
            &json!({ "plugins": [], "routes": 0, "storage": { "type": "memory" } }),
            false,
        );
        assert!(
            shown.contains("0 plugins; 0 routes; storage: memory\n"),
            "{shown}"
        );
        assert!(
            shown.contains("No plugins: drop a compiled plugin"),
            "{shown}"
        );
    }
}
