//! Agents to try a strategy on.

use std::time::Duration;

use crate::agents::Agents;

/// An agent of a test, idle, new and of weight 1 unless said.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestAgent {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) in_flight: u64,
    pub(crate) latency: Option<Duration>,
    pub(crate) labels: Vec<(String, String)>,
}

impl TestAgent {
    /// An agent of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            weight: 1,
            in_flight: 0,
            latency: None,
            labels: Vec::new(),
        }
    }

    /// Its share, beside the others'.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// How many of its tasks are under way.
    pub fn in_flight(mut self, in_flight: u64) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// How long its tasks took of late.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }

    /// A label.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }
}

/// Agents as a strategy sees them, whose numbers count from 1.
#[must_use]
pub fn agents(agents: impl IntoIterator<Item = TestAgent>) -> Agents<'static> {
    Agents::of_test(agents.into_iter())
}
