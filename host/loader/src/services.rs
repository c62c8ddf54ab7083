//! What a host must offer to serve a plugin. The core implements it, once for each plugin, so that a plugin's namespace, its metrics and its name need
//! not be told with each call.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use agentsys_abi::bridge::{Answer, Failure};
use bytes::Bytes;
use futures_core::Stream;

use crate::instance::{Instance, Outcome};
use crate::metadata::RouteOptions;
use crate::output::Data;
use crate::stream::DataStream;
use crate::task::Task;

/// A nested task's answer, once it is there.
pub type Routed = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a storage operation comes to.
pub type Stored = Pin<Box<dyn Future<Output = Result<StorageAnswer, Failure>> + Send>>;

/// See [`Services::caller_of_threads`].
pub type CallThreads = Box<dyn Fn() + Send>;

/// The host, as the loader sees it. Plugins call these from any of their threads.
pub trait Services: Send + Sync + 'static {
    /// The most detailed level that is logged: 0 none, 1 error, to 5 trace.
    fn max_log_level(&self) -> u32;

    /// A line of a plugin's log; `fields` is a JSON object.
    fn log(&self, line: LogLine<'_>);

    /// Sends a task for the plugin, nested in `parent` if it is part of another.
    fn send(
        &self,
        parent: Option<&dyn Task>,
        target: Target,
        name: &str,
        data: Data,
        options: SendOptions,
    ) -> Routed;

    /// The same for an answer that comes item by item, with `items` sent along if there are some. An answer that comes whole is the one item.
    ///
    /// # Errors
    /// Why it cannot be sent at all. What it fails with otherwise is an item.
    fn stream(
        &self,
        parent: Option<&dyn Task>,
        target: Target,
        name: &str,
        data: Data,
        options: SendOptions,
        items: Option<DataStream>,
    ) -> Result<DataStream, Failure>;

    /// Sends a task to all agents of a route, whose answers come as they are there.
    ///
    /// # Errors
    /// Why it cannot be sent at all.
    fn broadcast(
        &self,
        parent: Option<&dyn Task>,
        name: &str,
        data: Data,
        options: SendOptions,
    ) -> Result<AgentAnswers, Failure>;

    /// Puts a handler that an instance added on a route: as soon as the instance serves, if it does not yet.
    ///
    /// # Errors
    /// Where the route's name cannot be one.
    fn add_route(&self, instance: &Weak<Instance>, route: AddedRoute) -> Result<(), Failure>;

    /// Takes such a handler away. False where there is none of that number.
    fn remove_route(&self, instance: &Weak<Instance>, handler: u32) -> bool;

    /// Does something with the plugin's own namespace.
    fn storage(&self, operation: StorageOperation) -> Stored;

    /// A number for a metric of the plugin's own, the same for the same name; 0 where it is refused.
    fn register_metric(&self, kind: MetricKind, name: &str) -> u64;

    /// Updates a metric by its number.
    fn update_metric(&self, metric: u64, update: MetricUpdate);

    /// What has the host's own threads, those above all that have nothing to do, [pass by](crate::pass_by): a closed library waits for that, and calls it again and again. It need not
    /// reach all of them, and must not keep the host.
    fn caller_of_threads(&self) -> Option<CallThreads> {
        None
    }
}

/// What a plugin sends a task with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// The time that the task has as a whole.
    pub time: Option<Duration>,
    /// Whether to do it twice does no harm.
    pub idempotent: bool,
    /// The key by which tasks of a kind are told apart.
    pub key: Option<Bytes>,
    /// Names and values.
    pub labels: Vec<(String, String)>,
}

/// Answers of those to whom a task was broadcast.
pub type AgentAnswers = Pin<Box<dyn Stream<Item = AgentAnswer> + Send>>;

/// What one agent answered to a task that was broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAnswer {
    /// The agent's number.
    pub agent: u64,
    /// The agent's name.
    pub name: Arc<str>,
    /// What it answered.
    pub answer: Outcome,
}

/// What a plugin sends a task to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A route.
    Route,
    /// An agent by its name.
    Agent,
    /// A plugin's own `process`.
    Plugin,
}

/// A handler that an instance added while it lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRoute {
    /// The route's name.
    pub name: String,
    /// What the route does.
    pub description: String,
    /// The handler's number.
    pub handler: u32,
    /// What the router is to know of it; not checked yet.
    pub options: RouteOptions,
}

/// An operation on a plugin's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageOperation {
    /// The value of a key.
    Get {
        /// The key.
        key: Bytes,
    },
    /// Sets the value of a key.
    Put {
        /// The key.
        key: Bytes,
        /// The value.
        value: Data,
    },
    /// Removes a key.
    Delete {
        /// The key.
        key: Bytes,
    },
    /// Lists keys with their values, in the order of their bytes.
    Scan {
        /// What the keys begin with.
        prefix: Bytes,
        /// The key after which the page begins; empty: at the first.
        after: Bytes,
        /// How many there may be.
        limit: usize,
    },
}

/// What a storage operation comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageAnswer {
    /// It is done.
    Done,
    /// The key's value, if it has one.
    Value(Option<Data>),
    /// Whether the key was there.
    Removed(bool),
    /// A page.
    Page {
        /// The keys with their values.
        entries: Vec<(Bytes, Data)>,
        /// Whether more would follow.
        more: bool,
    },
}

/// A kind of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many values, whose spread matters.
    Histogram,
}

/// A change of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricUpdate {
    /// Adds to a counter or a gauge.
    Add(f64),
    /// Sets a gauge.
    Set(f64),
    /// Puts a value into a histogram.
    Record(f64),
}

/// One line of a plugin's log.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The generation's number.
    pub generation: u64,
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u32,
    /// The module that logged.
    pub target: &'a str,
    /// The message.
    pub message: &'a str,
    /// The fields, as a JSON object.
    pub fields: &'a str,
}
