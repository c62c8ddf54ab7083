//! Activity logger: a plugin that writes down what agents do, and what goes wrong with them.
//!
//! One line for each entry, in a file or on standard error, as text or as JSON. An answer means
//! that the line is written: the operating system has it when the caller goes on.
//!
//! * [`ActivityLogger`] is the plugin: the routes `log_activity` and `log_error`, and an interceptor that
//!   writes down every task of all agents, for a host with `[router] interceptors = ["activity-logger"]`.
//! * [`Config`] holds its options; [`Filter`] decides what they let through.
//! * [`LineFormat`] makes a line of an [`Entry`], which nothing in the entry can break in two.
//! * [`Sink`] writes lines, and rotates the file by the rules of [`Rotation`].

#![forbid(unsafe_code)]

mod config;
mod entry;
mod error;
mod escape;
mod file;
mod filter;
mod format;
mod level;
mod plugin;
mod rotation;
mod sink;
mod tasks;
mod template;

pub use config::Config;
pub use entry::{Activity, Entry, Logged, Trouble};
pub use error::SinkError;
pub use filter::Filter;
pub use format::{Format, LineFormat};
pub use level::Level;
pub use plugin::ActivityLogger;
pub use rotation::Rotation;
pub use sink::Sink;
pub use template::{Template, TemplateError};
