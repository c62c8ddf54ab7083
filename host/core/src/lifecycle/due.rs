//! Whether what serves of a plugin is to be replaced, and whether it can be now.

use super::Driver;
use super::entry::{Entry, Wanted};
use super::jobs::Job;
use super::needs::{self, Node, Nodes};
use super::retired::{Retired, pins_of};

impl Driver {
    /// What was asked for, or else what the plugin's file and its config came to be. What stands in the way of a replacement is looked at anew with every change
    /// of the book; who asked for it hears of it at once.
    pub(super) fn replacement(
        &self,
        nodes: &Nodes,
        retired: &[Retired],
        entry: &mut Entry,
    ) -> Option<Job> {
        if !entry.state().is_rest() || entry.going {
            return None;
        }
        let wanted = entry.wanted.take().or_else(|| entry.newer())?;
        let obstacle = unmet(nodes, entry, &wanted);
        let Some(obstacle) = obstacle.or_else(|| self.too_many_pinned(retired, entry)) else {
            entry.tries();
            entry.wanted = Some(wanted);
            return Some(Job::Replace);
        };
        if entry.held_back.as_ref() != Some(&obstacle) {
            let (name, said) = (entry.name.clone(), obstacle.clone());
            self.say(move || tracing::error!(plugin = %name, "{name} is not replaced: {said}"));
            entry.held_back = Some(obstacle.clone());
        }
        if let Some(done) = wanted.done {
            let _ = done.send(Err(obstacle));
        }
        None
    }

    /// Why a plugin is replaced no more, where so many of its earlier generations are pinned: each costs memory.
    fn too_many_pinned(&self, retired: &[Retired], entry: &Entry) -> Option<String> {
        let most = self.ground.loaded().config.host.max_pinned;
        let pins = pins_of(retired, &entry.name);
        let latest = pins.last().filter(|_| pins.len() >= most)?;
        let count = pins.len();
        Some(format!(
            "{count} earlier generation(s) are pinned in memory, and host.max_pinned is {most}; the latest by: {latest}. End what pins them, start the host again, or raise max_pinned"
        ))
    }
}

/// What the other build needs in vain.
fn unmet(nodes: &Nodes, entry: &Entry, wanted: &Wanted) -> Option<String> {
    let plugin = &wanted.source.metadata().plugin;
    let node = Node {
        version: Some(plugin.version.clone()),
        needs: plugin.dependencies.clone(),
        ..entry.node()
    };
    let reason = needs::unmet_by(nodes, &entry.name, &node)?;
    Some(format!("{} does not start: it {reason}", plugin.version))
}
