//! `agentsys demo`: the main job on real data. Builds the sample plugins, puts them into a folder, starts a host
//! on it, and routes a table through them.

mod build;
mod show;

use std::fs;
use std::path::{Path, PathBuf};

use agentsys_host::storage::Scan;
use agentsys_host::{Host, Payload, PluginState};
use serde_json::{Value, json};

use crate::args::{Demo, Settings};
use crate::control::WireError;
use crate::exit::Failure;
use crate::text::count;

use super::{serve, waiting, write_out};

/// The Palmer penguins; `sample-plugins/data-agents/data/README.md` names the source.
const PENGUINS: &str = include_str!("../../../../../sample-plugins/data-agents/data/penguins.csv");

pub(crate) async fn demo(args: Demo, settings: &Settings) -> Result<(), Failure> {
    let state_dir = settings.state_dir(&args.state)?;
    let home = state_dir.join("demo");
    let (plugins, table) = (home.join("plugins"), home.join("penguins.csv"));
    let built = build::sample_plugins()?;
    fill(&plugins, &built)?;
    write(&table, PENGUINS.as_bytes())?;
    let log = home.join("activity.log");
    // An earlier run's.
    write(&log, b"")?;

    let config = home.join("agentsys.toml");
    let text = config_text(&plugins, &state_dir, &home.join("storage"), &log);
    write(&config, text.as_bytes())?;
    let builder = Host::builder().config_file(&config);
    let host = waiting("starting the plugins", builder.build()).await?;
    let result = route(&host, &log).await;
    let places = show::Places {
        table: &table,
        log: &log,
        config: &config,
        state_dir: &state_dir,
    };
    let report = result.map(|routed| show::report(&host, &routed, &places));
    host.shutdown().await;
    write_out(report?.as_bytes())
}

/// The config of the demo's host, to go on with.
fn config_text(plugins: &Path, state_dir: &Path, storage: &Path, log: &Path) -> String {
    // A JSON string is one of TOML too.
    let [plugins, state_dir, storage, log] =
        [plugins, state_dir, storage, log].map(|path| json!(path.to_string_lossy()));
    format!(
        "[host]\nplugin_dirs = [{plugins}]\nstate_dir = {state_dir}\n\n\
         [storage]\nstorage_path = {storage}\n\n\
         [plugins.activity-logger.config]\nlog_file = {log}\n"
    )
}

/// What came back from the plugins.
struct Routed {
    processed: usize,
    summary: Value,
    /// What `report` stored: the keys, and how many bytes each.
    stored: Vec<(String, usize)>,
    /// What it had logged.
    logged: Vec<String>,
}

/// Under this number the demo's report is stored.
const REPORT: &str = "demo";

/// The penguins with every value known, heaviest first; then what their columns hold; then both once more, as one report that is stored and logged.
async fn route(host: &Host, log: &Path) -> Result<Routed, Failure> {
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

    let request = json!({ "id": REPORT, "table": PENGUINS });
    call(host, "report", Payload::json(request.to_string())).await?;
    Ok(Routed {
        processed: parsed.len(),
        summary,
        stored: stored(host).await?,
        logged: logged(log)?,
    })
}

/// What the agent keeps in its namespace.
async fn stored(host: &Host) -> Result<Vec<(String, usize)>, Failure> {
    let namespace = host.shared_storage().namespace("report-agent");
    let namespace = namespace.map_err(Failure::new)?;
    let page = namespace.scan(Scan::prefix(format!("task_{REPORT}")));
    let page = page.await.map_err(Failure::new)?;
    let sizes = page.entries.iter().map(|(key, value)| {
        let key = String::from_utf8_lossy(key).into_owned();
        (key, value.bytes.len())
    });
    Ok(sizes.collect())
}

/// The lines of the activity log that this run added.
fn logged(log: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::new(format!("{} cannot be read: {error}", log.display()));
    let text = fs::read_to_string(log).map_err(unreadable)?;
    Ok(text.lines().map(str::to_owned).collect())
}

async fn call(host: &Host, route: &str, data: Payload) -> Result<Payload, Failure> {
    let answer = serve::call_once(host, route, data, None);
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
