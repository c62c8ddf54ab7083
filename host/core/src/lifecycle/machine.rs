//! The states of a plugin and the steps between them, as one pure function.
//!
//! | from | on | to |
//! |---|---|---|
//! | discovered | opened | loaded |
//! | discovered | open_failed | failed |
//! | discovered | disable | disabled |
//! | discovered | drain | stopped |
//! | loaded | begin | initializing |
//! | loaded | initialize_failed | failed |
//! | loaded | drain | draining |
//! | initializing | ready | running |
//! | initializing | initialize_failed | failed |
//! | initializing | drain | draining |
//! | running | lost | failed |
//! | running | drain | draining |
//! | draining | cleaned_up | stopped |
//! | stopped | unmapped | unloaded |
//! | stopped | enable | discovered |
//! | stopped | disable | disabled |
//! | unloaded | enable | discovered |
//! | unloaded | disable | disabled |
//! | failed | begin | initializing |
//! | failed | recovered | running |
//! | failed | reopen | discovered |
//! | failed | drain | draining |
//! | failed | disable | disabled |
//! | disabled | enable | discovered |
//!
//! Whatever is not in the table changes nothing: it came too late, or of something that is over.

use std::fmt;

use serde::Serialize;

/// Where a plugin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PluginState {
    /// It was found, and its code does not run: it waits for plugins that it needs, or another file holds a version of it that serves.
    Discovered,
    /// Its library is open. One that is lazy serves from here: its first call initializes it.
    Loaded,
    /// Its instances are being made.
    Initializing,
    /// It serves.
    Running,
    /// It takes no new tasks; those under way finish, then it is cleaned up.
    Draining,
    /// It was cleaned up.
    Stopped,
    /// It was cleaned up, and its library was seen to be out of memory.
    Unloaded,
    /// It does not serve, for the cause that its reason names.
    Failed,
    /// Its config says that it does not run.
    Disabled,
}

/// What happens to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    Opened,
    OpenFailed,
    Begin,
    Ready,
    InitializeFailed,
    /// No instance is left to call.
    Lost,
    /// There is one again.
    Recovered,
    /// A failed one is to be tried from the beginning.
    Reopen,
    Drain,
    CleanedUp,
    Unmapped,
    Enable,
    Disable,
}

impl PluginState {
    /// Where it stands after that.
    pub(crate) fn after(self, event: Event) -> Option<Self> {
        use Event as On;
        use PluginState as S;
        Some(match (self, event) {
            (S::Discovered, On::Opened) => S::Loaded,
            (S::Loaded | S::Failed, On::Begin) => S::Initializing,
            (S::Initializing, On::Ready) | (S::Failed, On::Recovered) => S::Running,
            (S::Discovered, On::OpenFailed)
            | (S::Loaded | S::Initializing, On::InitializeFailed)
            | (S::Running, On::Lost) => S::Failed,
            (S::Loaded | S::Initializing | S::Running | S::Failed, On::Drain) => S::Draining,
            (S::Discovered, On::Drain) | (S::Draining, On::CleanedUp) => S::Stopped,
            (S::Stopped, On::Unmapped) => S::Unloaded,
            (S::Failed, On::Reopen) => S::Discovered,
            (S::Stopped | S::Unloaded | S::Disabled, On::Enable) => S::Discovered,
            (S::Discovered | S::Stopped | S::Unloaded | S::Failed, On::Disable) => S::Disabled,
            _ => return None,
        })
    }

    /// Whether a plugin may stay there: the others lead on by themselves.
    pub(crate) fn is_rest(self) -> bool {
        !matches!(self, Self::Initializing | Self::Draining)
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovered => "discovered",
            Self::Loaded => "loaded",
            Self::Initializing => "initializing",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Unloaded => "unloaded",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const STATES: [PluginState; 9] = [
        PluginState::Discovered,
        PluginState::Loaded,
        PluginState::Initializing,
        PluginState::Running,
        PluginState::Draining,
        PluginState::Stopped,
        PluginState::Unloaded,
        PluginState::Failed,
        PluginState::Disabled,
    ];

    const EVENTS: [(Event, &str); 13] = [
        (Event::Opened, "opened"),
        (Event::OpenFailed, "open_failed"),
        (Event::Begin, "begin"),
        (Event::Ready, "ready"),
        (Event::InitializeFailed, "initialize_failed"),
        (Event::Lost, "lost"),
        (Event::Recovered, "recovered"),
        (Event::Reopen, "reopen"),
        (Event::Drain, "drain"),
        (Event::CleanedUp, "cleaned_up"),
        (Event::Unmapped, "unmapped"),
        (Event::Enable, "enable"),
        (Event::Disable, "disable"),
    ];

    /// The table at the top of this file.
    fn table() -> BTreeMap<(String, String), String> {
        let rows = include_str!("machine.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "));
        let cells = rows.map(|row| row.trim_end_matches('|').split('|').map(str::trim));
        cells
            .map(|mut cells| (cells.next(), cells.next(), cells.next()))
            .filter_map(|(from, on, to)| Some(((from?.to_owned(), on?.to_owned()), to?.to_owned())))
            .filter(|((from, _), _)| from != "from")
            .collect()
    }

    proptest! {
        #[test]
        fn every_order_of_events_goes_as_the_table_says(events in prop::collection::vec(0..EVENTS.len(), 0..60)) {
            let table = table();
            let mut state = PluginState::Discovered;
            for (event, name) in events.into_iter().map(|at| EVENTS[at]) {
                let expected = table.get(&(state.to_string(), name.to_owned()));
                let next = state.after(event);
                prop_assert_eq!(next.map(|next| next.to_string()), expected.cloned());
                state = next.unwrap_or(state);
            }
        }
    }

    #[test]
    fn the_table_names_every_state_and_event_and_each_pair_once() {
        let table = table();
        assert_eq!(table.len(), 24);
        for state in STATES {
            let named = |(pair, to): (&(String, String), &String)| {
                pair.0 == state.to_string() || *to == state.to_string()
            };
            assert!(table.iter().any(named), "{state}");
        }
        for (_, name) in EVENTS {
            assert!(table.keys().any(|(_, on)| on == name), "{name}");
        }
    }

    #[test]
    fn from_where_no_plugin_may_stay_its_work_leads_on_whether_it_ends_well_or_badly() {
        for state in STATES.into_iter().filter(|state| !state.is_rest()) {
            let ends = [Event::Ready, Event::InitializeFailed, Event::CleanedUp];
            let next = ends.into_iter().filter_map(|end| state.after(end));
            assert!(next.into_iter().all(PluginState::is_rest), "{state}");
            assert!(
                ends.into_iter().any(|end| state.after(end).is_some()),
                "{state}"
            );
        }
    }
}
