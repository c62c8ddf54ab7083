//! What the log says of plugins and their steps, in sentences.

use std::sync::Arc;

use super::driver::Book;
use super::entry::Entry;
use super::{Driver, PluginState};
use crate::events::PluginEvent;

impl Driver {
    /// Says of each plugin that cannot start what it waits for, once nobody else is on the way.
    pub(super) fn tell_who_waits(&self, book: &mut Book) {
        if book.entries.values().any(|entry| entry.busy) {
            return;
        }
        let waiting = |entry: &&mut Entry| entry.state() == PluginState::Discovered;
        for entry in book.entries.values_mut().filter(waiting) {
            if let (name, Some(reason)) = (&entry.name, &entry.node.reason)
                && entry.told.as_ref() != Some(reason)
            {
                let (name, told) = (Arc::clone(name), reason.clone());
                self.say(
                    move || tracing::warn!(plugin = %name, "{name} does not start: it {told}"),
                );
                entry.told = Some(reason.clone());
            }
        }
    }
}

/// A step as a sentence. What serves says so itself, with its routes; what is stopped, once it is closed.
pub(super) fn log(event: &PluginEvent) {
    let plugin = &event.plugin;
    let version = event
        .version
        .as_deref()
        .unwrap_or("(of an unknown version)");
    let reason = event.reason.as_deref().unwrap_or("no reason is known");
    match event.to {
        PluginState::Discovered => match event.from {
            None => tracing::debug!(%plugin, "{plugin} {version} was found"),
            Some(_) => tracing::info!(%plugin, "{plugin} {version} is started again"),
        },
        PluginState::Loaded => tracing::debug!(%plugin, "{plugin} {version} is loaded"),
        PluginState::Initializing => tracing::debug!(%plugin, "{plugin} is initializing"),
        PluginState::Draining => {
            tracing::debug!(%plugin, "{plugin} takes no new tasks and lets the others finish")
        }
        PluginState::Failed => {
            tracing::error!(%plugin, "{plugin} {version} does not run: {reason}")
        }
        PluginState::Disabled => tracing::info!(%plugin, "{plugin} is disabled: {reason}"),
        PluginState::Running if event.from == Some(PluginState::Failed) => {
            tracing::info!(%plugin, "{plugin} serves again");
        }
        // A replacement, which says so itself.
        PluginState::Running if event.from == Some(PluginState::Running) => {}
        PluginState::Running => tracing::debug!(%plugin, "{plugin} is running"),
        PluginState::Stopped => tracing::debug!(%plugin, "{plugin} was cleaned up"),
        PluginState::Unloaded => tracing::info!(%plugin, "{plugin} is unloaded"),
    }
}
