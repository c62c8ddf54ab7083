//! The sections that say how tasks are routed: `[router]`, and `[router.routes.NAME]` for what is otherwise on one route.

use std::collections::BTreeMap;
use std::time::Duration;

use agentsys_router::RoutePolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::seconds::{self, OrZero, Positive};

/// The router, and what holds for every route that says nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RouterSection {
    /// How long one attempt at a task may take, the wait for a free place included.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub timeout: Duration,
    /// How long a task may take in all, whatever its attempts do. Unless set: as long as they take.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub deadline: Option<Duration>,
    /// How long a stream may be without an item. Unless set: as long as timeout.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub item_timeout: Option<Duration>,
    /// How many tasks of one route run at once; others wait.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_concurrent: usize,
    /// How many tasks one agent works on at once; others wait for it or go to another. Unless set: as many as its route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize", range(min = 1, max = 1_000_000))]
    pub max_concurrent_per_agent: Option<usize>,
    /// How many tasks of one route may wait; further ones are refused as overloaded.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub max_queue: usize,
    /// How many times a task that failed in a way that may pass is tried again.
    #[schemars(range(min = 0, max = 100))]
    pub retry_count: u32,
    /// How many retries there may be on one route, as a share of its tasks in the last 10 s: 0.2 is one for five.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub retry_budget: f64,
    /// How many retries a second there may be on one route beyond that share.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub retry_min_per_second: u32,
    /// The longest pause before the first retry; it is random up to this, and doubles with each further one.
    #[serde(with = "seconds")]
    #[schemars(with = "OrZero")]
    pub backoff: Duration,
    /// The longest pause before any retry.
    #[serde(with = "seconds")]
    #[schemars(with = "OrZero")]
    pub backoff_max: Duration,
    /// Whether tasks may be done twice without harm, so that those which timed out, panicked or were cut off are tried again too.
    pub idempotent: bool,
    /// How many times in a row an agent fails before it is left out for a while. 0: never.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub eject_after: u32,
    /// How long such an agent is left out the first time; twice as long each further time.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub eject_time: Duration,
    /// How long such an agent is left out at most.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub eject_time_max: Duration,
    /// How an agent is chosen: "round_robin", "least_loaded", "sticky", a strategy that the embedding program brings, or a plugin's, as "plugin:NAME".
    #[schemars(length(min = 1))]
    pub strategy: String,
    /// How many tasks may be nested in each other, so that agents which call each other in a circle get an error.
    #[schemars(range(min = 1, max = 1000))]
    pub max_hops: u32,
    /// The plugins that see every task before and after it is done, in this order. Tasks pass by a plugin that does not run, unless it is written as { plugin = "NAME", required = true }: then they are refused.
    #[schemars(with = "Vec<Written>")]
    pub interceptors: Vec<InterceptorSection>,
    /// What a task that failed in the end gets in place of its error: what another route answers, or a fixed answer. Not where its data does not fit, an interceptor refused it, or a stream has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FallbackSection")]
    pub fallback: Option<FallbackSection>,
    /// The routes with options of their own, by name.
    pub routes: BTreeMap<String, RouteSection>,
}

impl Default for RouterSection {
    /// As the router itself has it.
    fn default() -> Self {
        let policy = RoutePolicy::default();
        Self {
            timeout: policy.timeout,
            deadline: None,
            item_timeout: None,
            max_concurrent: policy.max_concurrent,
            max_concurrent_per_agent: None,
            max_queue: policy.max_queue,
            retry_count: policy.retry_count,
            retry_budget: policy.retry_budget.ratio,
            retry_min_per_second: policy.retry_budget.min_per_second,
            backoff: policy.backoff.first,
            backoff_max: policy.backoff.longest,
            idempotent: policy.idempotent,
            eject_after: policy.ejection.after,
            eject_time: policy.ejection.base,
            eject_time_max: policy.ejection.longest,
            strategy: policy.strategy.as_str().to_owned(),
            max_hops: 32,
            interceptors: Vec::new(),
            fallback: None,
            routes: BTreeMap::new(),
        }
    }
}

impl RouterSection {
    /// What it says of every route.
    pub(crate) fn of_routes(&self) -> RouteSection {
        RouteSection {
            timeout: Some(self.timeout),
            deadline: self.deadline,
            item_timeout: self.item_timeout,
            max_concurrent: Some(self.max_concurrent),
            max_concurrent_per_agent: self.max_concurrent_per_agent,
            max_queue: Some(self.max_queue),
            retry_count: Some(self.retry_count),
            retry_budget: Some(self.retry_budget),
            retry_min_per_second: Some(self.retry_min_per_second),
            backoff: Some(self.backoff),
            backoff_max: Some(self.backoff_max),
            idempotent: Some(self.idempotent),
            eject_after: Some(self.eject_after),
            eject_time: Some(self.eject_time),
            eject_time_max: Some(self.eject_time_max),
            strategy: Some(self.strategy.clone()),
            fallback: self.fallback.clone(),
        }
    }
}

/// One route. What is absent comes from the section of the plugin that serves it, and then from `[router]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RouteSection {
    /// How long one attempt at a task may take, the wait for a free place included.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub timeout: Option<Duration>,
    /// How long a task may take in all, whatever its attempts do.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub deadline: Option<Duration>,
    /// How long a stream may be without an item.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub item_timeout: Option<Duration>,
    /// How many tasks run at once; others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize", range(min = 1, max = 1_000_000))]
    pub max_concurrent: Option<usize>,
    /// How many tasks one agent works on at once; others wait for it or go to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize", range(min = 1, max = 1_000_000))]
    pub max_concurrent_per_agent: Option<usize>,
    /// How many tasks may wait; further ones are refused as overloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize", range(min = 0, max = 1_000_000_000))]
    pub max_queue: Option<usize>,
    /// How many times a task that failed in a way that may pass is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 0, max = 100))]
    pub retry_count: Option<u32>,
    /// How many retries there may be, as a share of the route's tasks in the last 10 s: 0.2 is one for five.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", range(min = 0.0, max = 100.0))]
    pub retry_budget: Option<f64>,
    /// How many retries a second there may be beyond that share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 0, max = 1_000_000))]
    pub retry_min_per_second: Option<u32>,
    /// The longest pause before the first retry; it is random up to this, and doubles with each further one.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OrZero")]
    pub backoff: Option<Duration>,
    /// The longest pause before any retry.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OrZero")]
    pub backoff_max: Option<Duration>,
    /// Whether tasks may be done twice without harm, so that those which timed out, panicked or were cut off are tried again too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub idempotent: Option<bool>,
    /// How many times in a row an agent fails before it is left out for a while. 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 0, max = 1_000_000))]
    pub eject_after: Option<u32>,
    /// How long such an agent is left out the first time; twice as long each further time.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub eject_time: Option<Duration>,
    /// How long such an agent is left out at most.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub eject_time_max: Option<Duration>,
    /// How an agent is chosen: "round_robin", "least_loaded", "sticky", a strategy that the embedding program brings, or a plugin's, as "plugin:NAME".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub strategy: Option<String>,
    /// What a task that failed in the end gets in place of its error: what another route answers, or a fixed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FallbackSection")]
    pub fallback: Option<FallbackSection>,
}

/// What a task that failed in the end gets in place of its error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FallbackSection {
    /// What this other route answers.
    Route(#[schemars(length(min = 1, max = 255))] String),
    /// This: text as text, and all else as JSON.
    Answer(Value),
}

/// A plugin that sees every task before and after it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
#[non_exhaustive]
pub struct InterceptorSection {
    /// The plugin's name.
    pub plugin: String,
    /// Whether tasks are refused while it does not run.
    pub required: bool,
}

impl InterceptorSection {
    /// A plugin that is passed by while it does not run.
    pub fn new(plugin: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            required: false,
        }
    }

    /// Sets [`required`](Self::required).
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// How one is written: `"activity-logger"`, or `{ plugin = "auth", required = true }`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Name(#[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,63}$"))] String),
    Table(InFull),
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InFull {
    /// The plugin's name.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,63}$"))]
    plugin: String,
    /// Whether tasks are refused while it does not run.
    #[serde(default)]
    required: bool,
}

impl From<Written> for InterceptorSection {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(plugin) => Self::new(plugin),
            Written::Table(InFull { plugin, required }) => Self { plugin, required },
        }
    }
}

impl From<InterceptorSection> for Written {
    fn from(InterceptorSection { plugin, required }: InterceptorSection) -> Self {
        if required {
            Self::Table(InFull { plugin, required })
        } else {
            Self::Name(plugin)
        }
    }
}
