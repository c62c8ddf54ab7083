//! What the author of an AgentSys plugin depends on.
//!
//! A plugin is an ordinary Rust value. The macros make a library of it that any AgentSys host can load:
//!
//! ```
//! use agentsys_plugin::prelude::*;
//!
//! /// How the plugin greets.
//! #[plugin_config]
//! pub struct Config {
//!     /// What stands before the name.
//!     #[default = "Hello".to_owned()]
//!     #[length(min = 1, max = 40)]
//!     greeting: String,
//! }
//!
//! pub struct Greeter {
//!     config: Config,
//! }
//!
//! #[plugin(name = "greeter")]
//! impl Plugin for Greeter {
//!     type Config = Config;
//!
//!     async fn initialize(config: Config, _host: &Host) -> Result<Self> {
//!         Ok(Self { config })
//!     }
//! }
//!
//! #[routes]
//! impl Greeter {
//!     /// Greets by name.
//!     #[route("greet")]
//!     fn greet(&self, name: String) -> Result<String> {
//!         Ok(format!("{}, {name}!", self.config.greeting))
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! `Cargo.toml` says `crate-type = ["cdylib", "rlib"]` (the second for programs and tests that link it), and `cargo build --release` makes the file to drop into a host's folder. The sample plugin `echo` is
//! there to be copied.
//!
//! Handlers are `fn` (answered at once, on the caller's thread), `async fn` (inside a tokio runtime of the plugin's own, so timers, sockets
//! and `tokio::spawn` work), or `fn` with `#[route("name", blocking)]` (on a thread that may block). They take `&self`, a `&`[`Context`] if
//! they want one, and at most one input: a [`Payload`], a `String`, a `Vec<u8>`, or any type that serde reads from JSON. Those that derive
//! `schemars::JsonSchema` have their schema shown to callers. A handler that returns `impl `[`Stream`]`<Item = Result<T>>` (or a `Result` of that, `async` or not) answers item by item,
//! as fast as they are read: [`produce`] makes such a stream of an async body. One with an argument of type [`Items<T>`](Items) takes items in the same way, after its
//! input, if it has one.
//!
//! What the router is to know of a handler stands behind its route's name, as `#[route("name", weight = 2)]`, and the host reads it from the file:
//!
//! ```
//! # use agentsys_plugin::prelude::*;
//! # struct Prices;
//! # #[plugin(name = "prices")]
//! # impl Plugin for Prices {
//! #     type Config = NoConfig;
//! #     async fn initialize(_: NoConfig, _: &Host) -> Result<Self> {
//! #         Ok(Self)
//! #     }
//! # }
//! #[routes]
//! impl Prices {
//!     /// Twice as many of the route's tasks as an agent of weight 1, four at a time, tried again where one took too long, and known to strategies by two labels.
//!     #[route("price", weight = 2, max_concurrent = 4, idempotent, labels(zone = "a", priority = "1"))]
//!     async fn price(&self, article: String) -> Result<usize> {
//!         Ok(article.len())
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! A route that is added at run time takes the same as [`RouteOptions`].
//!
//! A plugin may do something for the tasks of others, by a trait beside [`Plugin`]: a [`RoutingStrategy`] chooses who does a task, an [`Interceptor`] looks at tasks before and after.
//!
//! What the host offers comes through the [`Context`] of a call, as part of its task, or through the [`Host`] handle: other agents and plugins ([`Router`]), a namespace
//! that survives a restart ([`Storage`]), figures ([`Metrics`]), background work, and the log, to which `tracing`'s macros write. The module `testing`, with the feature of that name, has a
//! host for an author's tests.

mod added;
mod agents;
mod answers;
mod asking;
mod call_log;
mod config;
mod context;
mod error;
mod generation;
mod handler;
mod host;
mod instance;
mod interceptor;
mod items;
mod logs;
mod metrics;
mod module;
mod options;
mod outcome;
mod panics;
mod payload;
mod plugin;
mod produce;
mod route_options;
mod router;
mod runtime;
mod schema;
mod scope;
mod shown;
mod storage;
mod strategy;
mod streaming;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;

pub use added::AddedRoute;
pub use agents::{Agent, Agents};
pub use agentsys_plugin_macros::{plugin, plugin_config, routes};
pub use answers::{AgentAnswer, Answers};
pub use config::{ConfigProblem, NoConfig, PluginConfig};
pub use context::Context;
pub use error::{Error, ErrorKind, Result};
pub use futures_core::Stream;
pub use host::Host;
pub use interceptor::{After, Interceptor, Verdict};
pub use items::Items;
pub use metrics::{Counter, Gauge, Histogram, Measured, Metrics};
pub use options::TaskOptions;
pub use outcome::Outcome;
pub use payload::{FromPayload, IntoPayload, Payload, ReadPayload, content_type};
pub use plugin::Plugin;
pub use produce::{Out, Produced, produce};
pub use route_options::RouteOptions;
pub use router::{Peer, Router};
pub use storage::{Entry, Storage};
pub use strategy::{RoutingStrategy, Selection};

// The examples of that page, as tests.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../FROM-PYTHON.md")]
struct FromPython;

/// What almost every plugin uses.
pub mod prelude {
    pub use crate::{
        Context, Error, ErrorKind, Host, Items, NoConfig, Payload, Plugin, ReadPayload, Result,
        Stream, TaskOptions, plugin, plugin_config, produce, routes,
    };
}

/// The version of this SDK.
pub const SDK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the macros' expansions use. Not for authors: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use abi_stable::library::LibHeader;
    pub use agentsys_abi::INTERFACE;
    pub use agentsys_abi::module::{LinkedPlugin, PluginModuleRef};
    pub use agentsys_abi::record::{KIND_PLUGIN, KIND_ROUTE, record, record_len};
    pub use schemars;
    pub use serde;

    pub use crate::config::matches;
    pub use crate::handler::{
        Call, Fallible, Handler, HandlersOf, NoRoutes, Reply, Routes, Running,
    };
    pub use crate::interceptor::{InterceptorOf, NoInterceptor};
    pub use crate::items::{Itemized, Source};
    pub use crate::module::{Entry, header, linked, records};
    pub use crate::schema::{NoSchema, SchemaOf};
    pub use crate::strategy::{NoStrategy, StrategyOf};

    /// The compiler's version, as it names itself.
    pub const RUSTC_VERSION: &str = env!("AGENTSYS_RUSTC_VERSION");
}
