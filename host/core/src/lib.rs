//! The plugin host, to embed.
//!
//! A [`Host`] finds compiled plugins in directories, checks and starts them, and routes tasks to their handlers and
//! to agents of your own:
//!
//! ```
//! use agentsys_host::{Host, Payload, TaskError, agent_fn};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let state = std::env::temp_dir().join(format!("agentsys-doc-{}", std::process::id()));
//! let host = Host::builder().plugin_dir("plugins").state_dir(&state).build().await?;
//!
//! let shout = agent_fn("shout", "Says it louder.", async |data: Payload| {
//!     let text = data.to_str().map_err(|error| TaskError::failed(&error))?;
//!     Ok(text.to_uppercase())
//! });
//! host.router().register_agent("shout", Arc::new(shout)).await?;
//!
//! let answer = host.router().route_task("shout", "hello").await?;
//! assert_eq!(answer.to_str()?, "HELLO");
//! host.shutdown().await;
//! # std::fs::remove_dir_all(&state)?;
//! # Ok(())
//! # }
//! ```
//!
//! A plugin that does not load, fails or hangs costs a line in the log and in [`Host::plugins`]; the host goes on.
//! What ends a process (a segfault, an abort, a stack overflow) ends the host too, since plugins run inside it.

#![forbid(unsafe_code)]

mod added;
mod admission;
mod agent;
mod apart;
mod blocking;
mod builder;
mod building;
pub mod config;
mod convert;
mod error;
mod events;
mod examine;
mod failures;
mod finish;
mod following;
mod ground;
mod history;
mod host;
mod interceptors;
mod lifecycle;
mod metrics;
mod opening;
mod options;
mod panics;
mod plugin;
mod policed;
mod policies;
mod posts;
mod quarantine;
mod reconfiguring;
mod roster;
mod runtimes;
mod scope;
mod services;
mod serving;
mod slot;
mod status;
mod strategies;
mod streaming;
mod task;
mod watch;
mod watchdog;

pub use agentsys_loader::{
    InspectError, Inspected, Linked, LinkedPlugin, catch_crashes, inspect, pass_by, probe_entry,
};
pub use agentsys_router::{
    Agent, AgentAnswer, AgentFuture, AgentId, AgentInfo, AgentMetrics, Backoff, Broadcast,
    Candidate, ContentType, Ejection, ErrorKind, Fallback, Intercepting, Interceptor, Interceptors,
    Labels, MemberInfo, OpeningFuture, Outcome, Payload, PayloadStream, Reply, ReplyFuture,
    RetryBudget, RouteInfo, RouteMetrics, RoutePolicy, RouteService, Router, RouterConfig,
    RouterError, RoutingStrategy, Selection, Strategy, Summary, Task, TaskError, TaskOptions,
    TaskRequest, TaskResponse, TaskService, TaskStream, TraceContext, TraceId, Verdict, agent_fn,
    agent_fn_sync, agent_fn_with,
};
pub use agentsys_storage as storage;
pub use apart::{Answer, ItemsApart};
pub use builder::HostBuilder;
pub use config::Config;
pub use error::{HostError, PluginError};
pub use events::{Events, PluginEvent};
pub use examine::Examination;
pub use failures::FailedTask;
pub use history::{GenerationRecord, Step};
pub use host::{Host, Shutdown};
pub use lifecycle::PluginState;
pub use metrics::{CallMetrics, HostMetrics, Metric, PluginMetrics};
pub use options::PluginOptions;
pub use panics::PanicStreak;
pub use plugin::Plugin;
pub use quarantine::{Content, Quarantine, QuarantineError, QuarantineKind, Quarantined};
pub use status::{AgentStatus, PluginStatus, RetiredStatus, RouteStatus};
