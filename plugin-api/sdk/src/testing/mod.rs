//! An author's tests of their own plugin: a host in the test, with the plugin linked into it.
//!
//! In `Cargo.toml`: `agentsys-plugin = { …, features = ["testing"] }` and `tokio` with `macros`, `rt` and `time`, both under `[dev-dependencies]`.
//!
//! ```
//! use agentsys_plugin::prelude::*;
//! use agentsys_plugin::testing::TestHost;
//! use serde_json::json;
//!
//! # #[plugin_config]
//! # pub struct Config {
//! #     #[default = "Hello".to_owned()]
//! #     greeting: String,
//! # }
//! # pub struct Greeter { config: Config }
//! # #[plugin(name = "greeter", version = "0.1.0")]
//! # impl Plugin for Greeter {
//! #     type Config = Config;
//! #     async fn initialize(config: Config, _host: &Host) -> Result<Self> { Ok(Self { config }) }
//! # }
//! # #[routes]
//! # impl Greeter {
//! #     /// Greets by name, in the way that the route `style` says.
//! #     #[route("greet")]
//! #     async fn greet(&self, cx: &Context, name: String) -> Result<String> {
//! #         let mark: String = cx.route_task("style", name.clone()).await?.read()?;
//! #         cx.storage().put("last", name.clone()).await?;
//! #         cx.metrics().counter("greeted").increment();
//! #         tracing::info!(name, "greeted");
//! #         Ok(format!("{}, {name}{mark}", self.config.greeting))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! // #[tokio::test]
//! let host = TestHost::of::<Greeter>()
//!     .config(json!({ "greeting": "Hi" }))
//!     .fake("style", |_name| Ok("!"))
//!     .start()
//!     .await?;
//! let answer: String = host.call("greet", "Ann").await?.read()?;
//! assert_eq!(answer, "Hi, Ann!");
//! assert_eq!(host.calls("style").len(), 1);
//! assert_eq!(host.stored_as::<String>("last").await?.as_deref(), Some("Ann"));
//! assert_eq!(host.counter("greeted"), 1.0);
//! assert!(host.logged("greeted"));
//! host.cleanup().await
//! # }
//! ```
//!
//! All of it runs on the test's own thread and runtime, which is a current-thread one, as `#[tokio::test]` makes it: with
//! `#[tokio::test(start_paused = true)]` the plugin's timers, and the host's, move on by themselves as soon as nobody has anything else to do.

mod agents;
mod fakes;
mod host;
mod log;
mod tasks;

pub use agents::{TestAgent, agents};
pub use host::{TestHost, TestHostBuilder};
pub use log::{Level, Logged};
pub use tasks::TestItems;

pub use agentsys_host::{Metric, Summary};
