//! What a running host tells of itself, as the JSON that programs get and the tables are made of.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use agentsys_host::config::{PluginSection, StorageType};
use agentsys_host::{CallMetrics, Host, PluginEvent, PluginMetrics};
use serde::Serialize;
use serde_json::{Value, json};

/// So many failed tasks the status shows.
const FAILED: usize = 3;

/// How the host is doing, which serves `since` that moment.
pub(super) fn status(host: &Host, since: SystemTime) -> Value {
    let loaded = host.config();
    let config = &loaded.config;
    let metrics = host.metrics();
    let calls: BTreeMap<&str, &CallMetrics> = metrics
        .plugins
        .iter()
        .map(|PluginMetrics { plugin, calls, .. }| (plugin.as_str(), calls))
        .collect();
    let plugins = host.plugins().into_iter().map(|plugin| {
        let mut shown = value(&plugin);
        // A file that does not serve may have the name of a plugin that does.
        if plugin.generation.is_some() {
            let options = config.plugins.get(&plugin.name);
            let instances = options.map_or_else(
                || PluginSection::default().instances,
                |options| options.instances,
            );
            shown["instances"] = instances.into();
            shown["calls"] = value(&calls.get(plugin.name.as_str()));
        }
        shown
    });
    let mut failed = host.errors();
    failed.truncate(FAILED);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "since": seconds(since),
        "now": seconds(SystemTime::now()),
        "config": host.config().files.iter().map(|file| absolute(file)).collect::<Vec<_>>(),
        "config_trouble": host.config_trouble(),
        "state_dir": absolute(&config.host.state_dir),
        "storage": match config.storage.storage_type {
            StorageType::File => json!({ "type": "file", "path": absolute(&config.storage_path()) }),
            other => json!({ "type": other }),
        },
        "plugins": plugins.collect::<Vec<Value>>(),
        "routes": host.routes().len(),
        "errors": value(&failed),
    })
}

pub(super) fn metrics(host: &Host) -> Value {
    value(&host.metrics())
}

pub(super) fn errors(host: &Host) -> Value {
    value(&host.errors())
}

/// The events that are kept, the oldest first.
pub(super) fn events(host: &Host) -> Value {
    let mut events = host.events();
    std::iter::from_fn(|| events.try_next())
        .map(|event: PluginEvent| {
            let mut shown = value(&event);
            shown["at"] = seconds(event.at).into();
            shown
        })
        .collect()
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn seconds(moment: SystemTime) -> f64 {
    let since = moment.duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// The path as it is found from anywhere.
fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.display().to_string()
}
