//! `agentsys demo`: the main job on real data. Builds the sample plugins, puts them into a folder, starts a host
//! on it, and routes a table through them.

mod build;
mod show;

use std::fs;
use std::path::{Path, PathBuf};

use agentsys_host::{Host, Payload, PluginState};
use serde_json::{Value, json};

use crate::args::Demo;
use crate::control::WireError;
use crate::exit::Failure;
use crate::text::count;

use super::{serve, waiting, write_out};

/// The Palmer penguins; `sample-plugins/data-agents/data/README.md` names the source.
const PENGUINS: &str = include_str!("../../../../../sample-plugins/data-agents/data/penguins.csv");

pub(crate) async fn demo(args: Demo) -> Result<(), Failure> {
    let home = args.state.state_dir.join("demo");
    let (plugins, table) = (home.join("plugins"), home.join("penguins.csv"));
    let built = build::sample_plugins()?;
    fill(&plugins, &built)?;
    write(&table, PENGUINS.as_bytes())?;

    let builder = Host::builder()
        .plugin_dir(&plugins)
        .state_dir(&args.state.state_dir);
    let host = waiting("starting the plugins", builder.build())
        .await
        .map_err(Failure::new)?;
    let result = route(&host).await;
    let report =
        result.map(|routed| show::report(&host, &routed, &plugins, &table, &args.state.state_dir));
    host.shutdown().await;
    write_out(report?.as_bytes())
}

/// What came back from the plugins.
struct Routed {
    processed: usize,
    summary: Value,
}

/// The penguins with every value known, heaviest first; then what their columns hold.
async fn route(host: &Host) -> Result<Routed, Failure> {
    let plugins = host.plugins();
    if let Some(plugin) = plugins
        .iter()
        .find(|plugin| plugin.state != PluginState::Running)
    {
        let reason = plugin.reason.as_deref().unwrap_or("no reason is known");
        return Err(Failure::new(format!(
            "{} does not run: {reason}",
            plugin.name
        )));
    }
    let request = json!({
        "table": PENGUINS,
        "steps": [
            { "op": "drop_missing" },
            { "op": "sort", "column": "body_mass_g", "descending": true },
        ],
    });
    let rows = call(host, "process_data", Payload::json(request.to_string())).await?;
    let parsed: Vec<Value> = serde_json::from_slice(rows.bytes()).map_err(Failure::new)?;
    let summary = call(host, "analyze_data", rows).await?;
    let summary = serde_json::from_slice(summary.bytes()).map_err(Failure::new)?;
    Ok(Routed {
        processed: parsed.len(),
        summary,
    })
}

async fn call(host: &Host, route: &str, data: Payload) -> Result<Payload, Failure> {
    let answer = serve::call(host, route, data, None);
    let answer = waiting(&format!("waiting for {route}"), answer).await;
    Ok(answer.map_err(|error| WireError::from(&error))?)
}

/// Puts the plugins, and nothing else, into the folder.
fn fill(dir: &Path, built: &[PathBuf]) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("{} cannot be filled: {error}", dir.display()));
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(failed)?;
    }
    fs::create_dir_all(dir).map_err(failed)?;
    for file in built {
        let name = file
            .file_name()
            .ok_or_else(|| Failure::new(format!("{} has no name", file.display())))?;
        fs::copy(file, dir.join(name)).map_err(failed)?;
    }
    tracing::info!(
        "put {} into {}",
        count(built.len(), "plugin"),
        dir.display()
    );
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}
