//! `agentsys reload`, `enable` and `disable`: what is changed of one plugin of the running host.

use bytes::Bytes;
use serde_json::Value;

use crate::args::{Change, Reload, Settings};
use crate::control::{Request, Response};
use crate::exit::Failure;

use super::json::text;
use super::{ask, waiting, write_json, write_out};

pub(crate) async fn reload(args: Reload, settings: &Settings) -> Result<(), Failure> {
    let Reload {
        to_previous,
        change,
    } = args;
    let request = Request::Reload {
        plugin: change.plugin.clone(),
        to_previous,
    };
    carry_out(change, request, settings).await
}

pub(crate) async fn enable(args: Change, settings: &Settings) -> Result<(), Failure> {
    let request = Request::Enable {
        plugin: args.plugin.clone(),
    };
    carry_out(args, request, settings).await
}

pub(crate) async fn disable(args: Change, settings: &Settings) -> Result<(), Failure> {
    let request = Request::Disable {
        plugin: args.plugin.clone(),
    };
    carry_out(args, request, settings).await
}

async fn carry_out(args: Change, request: Request, settings: &Settings) -> Result<(), Failure> {
    let state_dir = settings.state_dir(&args.state)?;
    let asking = ask::ask_running(&state_dir, request, Bytes::new());
    let what = format!("waiting for {}", args.plugin);
    match waiting(&what, asking).await? {
        (Response::Done(plugin), _) if args.json => write_json(&plugin),
        (Response::Done(plugin), _) => write_out(line(&plugin).as_bytes()),
        (other, _) => Err(ask::unexpected(&other)),
    }
}

/// `echo 1.1.0 is running (generation 2)`.
fn line(plugin: &Value) -> String {
    let generation = match &plugin["generation"] {
        Value::Null => String::new(),
        number => format!(" (generation {number})"),
    };
    let (name, version) = (text(&plugin["name"]), text(&plugin["version"]));
    format!(
        "{name} {version} is {}{generation}\n",
        text(&plugin["state"])
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_line_says_what_became_of_the_plugin() {
        let plugin =
            json!({ "name": "echo", "version": "1.1.0", "state": "running", "generation": 2 });
        assert_eq!(line(&plugin), "echo 1.1.0 is running (generation 2)\n");
    }
}
