//! Named routes, the agents behind them, and the policies a task passes on its way.
//!
//! A *route* is a named group of *agents*; a *task* is one call of a route. The router brings each
//! task to one agent, within the route's timeout and its number of places, tries again what failed
//! in a way that may pass, and brings the answer back. It knows no plugin, no interface of one, and
//! no file: an agent is whatever implements [`Agent`], so that a plugin's handler and an embedder's
//! closure are the same to it.
//!
//! ```
//! use std::sync::Arc;
//! use agentsys_router::{Payload, Router, RouterConfig, agent_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new(RouterConfig::default());
//! let shout = agent_fn("shout", "Repeats a text in capitals.", async |data: Payload| {
//!     Ok(String::from_utf8_lossy(data.bytes()).to_uppercase())
//! });
//! router.register_agent("shout", Arc::new(shout)).await?;
//! router.start();
//!
//! let answer = router.route_task("shout", "hello").await?;
//! assert_eq!(answer.to_str()?, "HELLO");
//!
//! let error = router.route_task("shuot", "hello").await.expect_err("a mistyped name");
//! assert_eq!(error.message(), "no route is named \"shuot\"; did you mean \"shout\"?");
//! # Ok(())
//! # }
//! ```
//!
//! The path of a call is in `call`; what a call does only if it has to wait or is tried again, in
//! `errand` and `waiting`.

#![forbid(unsafe_code)]

mod account;
mod address;
mod agent;
mod agent_fn;
mod broadcast;
mod call;
mod config;
mod content_type;
mod defeat;
mod directory;
mod errand;
mod error;
mod gate;
mod interceptor;
mod kept;
mod labels;
mod leaving;
mod lifecycle;
mod member;
mod metrics;
#[cfg(test)]
#[cfg(agentsys_model)]
mod model;
mod observer;
mod options;
mod panics;
mod payload;
mod policy;
mod refusal;
mod registry;
mod route;
mod router;
mod router_error;
mod seat;
mod seed;
mod service;
mod setback;
mod strategy;
mod stream;
mod suggest;
mod sync;
mod table;
mod task;
mod task_id;
mod task_stream;
mod trace_context;
mod trace_id;
mod under_way;
mod waiting;

pub use agent::{
    Agent, AgentFuture, AgentId, AgentInfo, OpeningFuture, PayloadStream, Reply, ReplyFuture,
};
pub use agent_fn::{agent_fn, agent_fn_sync, agent_fn_with};
pub use broadcast::{AgentAnswer, Broadcast};
pub use call::RouteTask;
pub use config::RouterConfig;
pub use content_type::ContentType;
pub use error::{ErrorKind, TaskError};
pub use interceptor::{
    Intercepting, Interceptor, Interceptors, Outcome, TaskRequest, TaskResponse, TaskService,
    Verdict,
};
pub use labels::Labels;
pub use leaving::{Hold, Leaving};
pub use metrics::{AgentMetrics, RouteMetrics, Sketch, Summary};
pub use observer::{FailedTask, TaskObserver};
pub use options::TaskOptions;
pub use payload::Payload;
pub use policy::{Backoff, Ejection, Fallback, RetryBudget, RoutePolicy};
pub use route::{MemberInfo, RouteInfo};
pub use router::Router;
pub use router_error::RouterError;
pub use service::RouteService;
pub use strategy::{Candidate, RoutingStrategy, Selection, Strategy, UnknownStrategy};
pub use task::Task;
pub use task_stream::TaskStream;
pub use trace_context::{InvalidTraceContext, TraceContext};
pub use trace_id::TraceId;
