//! Figures of one moment, as they are handed out.

use std::collections::BTreeMap;

use serde::Serialize;

/// The figures of one route. Its tasks came to this: `calls` = answered + the sum of `errors` + those that are under way or wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RouteMetrics {
    /// Its name.
    pub route: String,
    /// How many tasks were sent to it since it exists; those among them that were refused.
    pub calls: u64,
    /// How many failed in the end, by kind of failure; a kind without any is left out. Where a caller went away, that is `cancelled`.
    pub errors: BTreeMap<&'static str, u64>,
    /// How many attempts were made beyond the first ones.
    pub retries: u64,
    /// How many retries the budget did not allow.
    pub retries_refused: u64,
    /// How many tasks got the fallback.
    pub fallbacks: u64,
    /// How many times a task was refused, since too many waited: one that is tried again may be so more than once.
    pub rejected: u64,
    /// How many attempts are with its agents now.
    pub under_way: usize,
    /// How many tasks wait for a place now.
    pub waiting: usize,
    /// How long its tasks took, in seconds, from the first poll to the end, of streams to their last item; of those that were answered at once about one in 61 was measured, of the others each.
    pub latency: Summary,
    /// Its agents, in order of registration.
    pub agents: Vec<AgentMetrics>,
}

/// The figures of one agent on one route.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentMetrics {
    /// Its registration's number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Who brought it.
    pub owner: Option<String>,
    /// How many attempts it got.
    pub calls: u64,
    /// How many of them failed, by kind of failure.
    pub errors: BTreeMap<&'static str, u64>,
    /// How many tasks that failed with it were tried again, with it or another.
    pub retries: u64,
    /// How many tasks that failed with it in the end got the fallback.
    pub fallbacks: u64,
    /// How many it has now.
    pub under_way: usize,
    /// Whether it is left out now, since it failed.
    pub ejected: bool,
    /// How many times it was left out.
    pub ejections: u64,
    /// How long its attempts took, in seconds, measured as those of the route.
    pub latency: Summary,
}

/// How values are spread. Quantiles are within 1 % of the value; they are none where there was no value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: Option<f64>,
    /// Half of them are at most this.
    pub p50: Option<f64>,
    /// 90 % of them are at most this.
    pub p90: Option<f64>,
    /// 99 % of them are at most this.
    pub p99: Option<f64>,
    /// 99.9 % of them are at most this.
    pub p999: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}
