//! Those who can do a task, as a strategy sees them: read where the host has them, and copied only for one that goes on.

#![cfg_attr(
    feature = "seam-older",
    allow(dead_code, reason = "the older seam has no function that asks")
)]

use std::fmt;
use std::time::Duration;

use agentsys_abi::host::RawLabel;
use agentsys_abi::routing::{RawAgent, RawAgents};

/// Those who can do a task.
pub struct Agents<'a>(Of<'a>);

enum Of<'a> {
    /// The host's own, for the length of a call.
    Lent(&'a RawAgents),
    /// Copies.
    Kept(Vec<Kept>),
}

struct Kept {
    id: u64,
    name: String,
    weight: u32,
    in_flight: u64,
    latency: Option<Duration>,
    labels: Vec<(String, String)>,
}

// SAFETY: the seam: what is lent may be read from any thread until its call returns.
unsafe impl Send for Agents<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for Agents<'_> {}

impl<'a> Agents<'a> {
    pub(crate) fn lent(raw: &'a RawAgents) -> Self {
        Self(Of::Lent(raw))
    }

    /// Agents of a test.
    #[cfg(feature = "testing")]
    pub(crate) fn of_test(
        agents: impl Iterator<Item = crate::testing::TestAgent>,
    ) -> Agents<'static> {
        let kept = agents.zip(1..).map(|(agent, id)| Kept {
            id,
            name: agent.name,
            weight: agent.weight,
            in_flight: agent.in_flight,
            latency: agent.latency,
            labels: agent.labels,
        });
        Agents(Of::Kept(kept.collect()))
    }

    /// Copies, for what goes on after its call.
    pub(crate) fn keep(&self) -> Agents<'static> {
        let kept = self.iter().map(|agent| Kept {
            id: agent.id,
            name: agent.name.to_owned(),
            weight: agent.weight,
            in_flight: agent.in_flight,
            latency: agent.latency,
            labels: agent
                .labels()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        });
        Agents(Of::Kept(kept.collect()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Of::Lent(raw) => raw.count,
            Of::Kept(kept) => kept.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The agent at a place, from 0 on.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Agent<'_>> {
        if place >= self.len() {
            return None;
        }
        Some(match &self.0 {
            Of::Lent(raw) => {
                // SAFETY: the call that lent them has not returned, and there are more than `place`.
                let agent: RawAgent<'_> = unsafe { (raw.ops.at())(raw.data, place) };
                Agent {
                    of: self,
                    place,
                    id: agent.id,
                    name: agent.name.as_str(),
                    weight: agent.weight,
                    in_flight: agent.in_flight,
                    latency: (agent.latency != u64::MAX)
                        .then(|| Duration::from_nanos(agent.latency)),
                }
            }
            Of::Kept(kept) => {
                let agent = &kept[place];
                Agent {
                    of: self,
                    place,
                    id: agent.id,
                    name: &agent.name,
                    weight: agent.weight,
                    in_flight: agent.in_flight,
                    latency: agent.latency,
                }
            }
        })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Agent<'_>> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    fn label(&self, place: usize, name: &str) -> Option<&str> {
        match &self.0 {
            Of::Lent(raw) => {
                // SAFETY: as for `get`, which found this place.
                let value = unsafe { (raw.ops.label())(raw.data, place, name.into()) };
                value.into_option().map(|value| value.as_str())
            }
            Of::Kept(kept) => {
                let mut labels = kept[place].labels.iter();
                let found = labels.find(|(its, _)| its == name);
                found.map(|(_, value)| &**value)
            }
        }
    }

    fn label_at(&self, place: usize, at: usize) -> Option<(&str, &str)> {
        match &self.0 {
            Of::Lent(raw) => {
                // SAFETY: as for `label`.
                let label: Option<RawLabel<'_>> =
                    unsafe { (raw.ops.label_at())(raw.data, place, at) }.into_option();
                label.map(|label| (label.name.as_str(), label.value.as_str()))
            }
            Of::Kept(kept) => {
                let label = kept[place].labels.get(at);
                label.map(|(name, value)| (&**name, &**value))
            }
        }
    }
}

impl fmt::Debug for Agents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One who can do a task.
#[derive(Clone, Copy)]
pub struct Agent<'a> {
    of: &'a Agents<'a>,
    place: usize,
    id: u64,
    name: &'a str,
    weight: u32,
    in_flight: u64,
    latency: Option<Duration>,
}

impl<'a> Agent<'a> {
    /// Its place among the others.
    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    /// Its number, unique in its host.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its name; agents of one plugin have one.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its share of the work, beside the others'.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// How many of its tasks are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// How long its tasks took of late; none where it has done none.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// The value of one of its labels.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'a str> {
        self.of.label(self.place, name)
    }

    /// Its labels: their names and values.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (of, place) = (self.of, self.place);
        (0..).map_while(move |at| of.label_at(place, at))
    }
}

impl fmt::Debug for Agent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({} {:?})", self.id, self.name)
    }
}
