//! From what was found and what the config says to the plugins that there are: each a named, configured use of a library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use agentsys_loader::{Candidate, Discovery, Linked, Rejected, Shadowed};
use agentsys_storage::Namespace;

use super::PluginState;
use super::entry::{Entry, Origin};
use crate::error::did_you_mean;
use crate::opening::Source;
use crate::options::PluginOptions;
use crate::status::PluginStatus;

/// The plugins that there are.
pub(crate) struct Uses {
    pub(crate) entries: Vec<Entry>,
    /// Files that are no plugins, or hold one that another file serves.
    pub(crate) others: Vec<PluginStatus>,
    /// The libraries, by the name that each gives itself.
    pub(crate) libraries: BTreeMap<String, Source>,
    /// The files that are there and cannot be loaded, with the reason.
    pub(crate) broken: Broken,
    /// What the log is to say of them.
    pub(crate) notes: BTreeSet<Note>,
}

pub(crate) type Broken = BTreeMap<PathBuf, String>;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Note {
    Info(String),
    Warning(String),
}

/// One plugin for each section of the config, and one for each library that no section uses.
pub(crate) fn uses(
    found: Discovery,
    linked: Vec<Linked>,
    sections: &BTreeMap<String, PluginOptions>,
) -> Uses {
    let mut others: Vec<PluginStatus> = found.rejected.iter().map(rejected).collect();
    others.extend(found.shadowed.iter().map(shadowed));
    let there = found
        .rejected
        .iter()
        .filter(|rejected| !rejected.is_missing());
    let broken = there
        .map(|rejected| (rejected.path.clone(), rejected.error.to_string()))
        .collect();
    let mut notes: BTreeSet<Note> = found
        .unreadable_dirs
        .iter()
        .map(|dir| Note::Warning(dir.to_string()))
        .collect();
    for other in &others {
        let reason = other.reason.clone().unwrap_or_default();
        notes.insert(match other.state {
            PluginState::Discovered => Note::Info(reason),
            _ => Note::Warning(reason),
        });
    }
    for plugin in &linked {
        let name = &plugin.metadata().plugin.name;
        let same = |file: &&Candidate| file.inspected.metadata.plugin.name == *name;
        if let Some(file) = found.plugins.iter().find(same) {
            let file = file.path.display();
            notes.insert(Note::Info(format!(
                "{name} is the one that is linked into the program; {file} is left aside"
            )));
        }
    }
    let files = found.plugins.into_iter().map(Source::File);
    let linked = linked.into_iter().map(Source::Linked);
    // What is linked comes last, so that it stands in for a file of the same name.
    let named = files
        .chain(linked)
        .map(|source| (source.metadata().plugin.name.clone(), source));
    let libraries: BTreeMap<String, Source> = named.collect();

    let configured = sections
        .iter()
        .map(|(name, options)| configured(name, options, sections, &libraries));
    let mut entries: Vec<Entry> = configured.collect();
    // Neither those that a section uses, nor those whose name a section gives to another one.
    let used: BTreeSet<String> = entries
        .iter()
        .flat_map(|entry| [entry.node.library.clone(), entry.name.to_string()])
        .collect();
    let unused = libraries.keys().filter(|name| !used.contains(*name));
    entries.extend(unused.map(|name| {
        let origin = origin(name, name, &libraries);
        Entry::new(name, PluginOptions::default(), origin)
    }));
    Uses {
        entries,
        others,
        libraries,
        broken,
        notes,
    }
}

fn configured(
    name: &str,
    options: &PluginOptions,
    sections: &BTreeMap<String, PluginOptions>,
    libraries: &BTreeMap<String, Source>,
) -> Entry {
    // A variable of the environment cannot have the `-` of a name.
    let alike = || {
        libraries
            .keys()
            .find(|library| library.replace('-', "_") == *name)
            .filter(|library| options.library.is_none() && !sections.contains_key(*library))
    };
    let name = if libraries.contains_key(name) {
        name
    } else {
        alike().map_or(name, String::as_str)
    };
    let library = options.library.as_deref().unwrap_or(name);
    Entry::new(name, options.clone(), origin(name, library, libraries))
}

/// Where the code of a plugin of that name is, which is made of that library.
pub(crate) fn origin(name: &str, library: &str, libraries: &BTreeMap<String, Source>) -> Origin {
    match libraries.get(library) {
        _ if name == Namespace::HOST => Origin::Missing(reserved()),
        Some(source) => Origin::Found(Box::new(source.clone())),
        None => Origin::Missing(missing(library, libraries)),
    }
}

/// Its namespace in the storage is the host's own.
fn reserved() -> String {
    let name = Namespace::HOST;
    format!("the name {name:?} is the host's own: give this use of the library another one")
}

/// Why a library is not there.
fn missing(library: &str, libraries: &BTreeMap<String, Source>) -> String {
    let hint = did_you_mean(library, libraries.keys().map(String::as_str));
    format!("no plugin directory holds a library that calls itself {library:?}{hint}")
}

fn rejected(rejected: &Rejected) -> PluginStatus {
    let file = rejected.path.file_name().unwrap_or_default();
    PluginStatus {
        name: file.to_string_lossy().into_owned(),
        library: None,
        version: None,
        state: PluginState::Failed,
        generation: None,
        path: Some(rejected.path.clone()),
        reason: Some(rejected.error.to_string()),
        routes: Vec::new(),
        failures: 0,
        lazy: false,
        content_hash: None,
        held_back: None,
        history: Vec::new(),
        retired: Vec::new(),
    }
}

fn shadowed(shadowed: &Shadowed) -> PluginStatus {
    let plugin = &shadowed.candidate.inspected.metadata.plugin;
    PluginStatus {
        name: plugin.name.clone(),
        library: Some(plugin.name.clone()),
        version: Some(plugin.version.to_string()),
        state: PluginState::Discovered,
        generation: None,
        path: Some(shadowed.candidate.path.clone()),
        reason: Some(shadowed.reason.clone()),
        routes: Vec::new(),
        failures: 0,
        lazy: false,
        content_hash: None,
        held_back: None,
        history: Vec::new(),
        retired: Vec::new(),
    }
}
