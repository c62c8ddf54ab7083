//! The configuration of a host: one file, `agentsys.toml`, with environment variables and the command line laid over it.
//!
//! ```toml
//! [host]
//! plugin_dirs = ["plugins"]
//!
//! [router]
//! timeout = "30s"
//!
//! [router.routes.analyze_data]
//! max_concurrent = 4
//!
//! [storage]
//! storage_type = "file"
//!
//! [plugins.activity-logger]
//! instances = 2
//!
//! [plugins.activity-logger.config]
//! log_level = "info"
//! ```
//!
//! Paths in it start at the directory that the program runs in.
//!
//! [`Sources`] reads the layers into one tree of values that remembers where each came from, checks the tree against the
//! JSON Schema of the sections, and only then decodes it: so all mistakes are told at once, each with its place. This
//! module knows nothing else of the host, and does nothing but read files.

mod document;
mod env;
mod file;
mod loaded;
mod names;
mod problem;
mod render;
mod routing;
mod schema;
mod seconds;
mod sections;
mod shape;
mod sources;
mod special;
mod tree;
mod validate;
mod words;

#[cfg(test)]
mod tests;

pub use loaded::Loaded;
pub use problem::{ConfigErrors, ConfigProblem, Origin};
pub use render::{render, to_json_with_origin};
pub use routing::{FallbackSection, InterceptorSection, RouteSection, RouterSection};
pub use schema::{PluginSchema, schema};
pub use sections::{
    Config, HostConfig, PluginSection, Reload, Restart, StorageSection, StorageType,
};
pub use sources::Sources;
pub(crate) use special::OF_PLUGIN;

/// The longest time that a config takes.
pub(crate) const LONGEST: std::time::Duration = std::time::Duration::from_secs(seconds::MAX);
