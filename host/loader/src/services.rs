//! What the loader needs of the host to serve plugins. The core implements it.

use std::future::Future;
use std::pin::Pin;

use agentsys_abi::bridge::Answer;

use crate::output::Data;
use crate::task::Task;

/// A nested task's answer, once it is there.
pub type Routed = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The host, as the loader sees it. Plugins call these from any of their threads.
pub trait Services: Send + Sync + 'static {
    /// The most detailed level that is logged: 0 none, 1 error, to 5 trace.
    fn max_log_level(&self) -> u32;

    /// A line of a plugin's log; `fields` is a JSON object.
    fn log(&self, line: LogLine<'_>);

    /// Routes a task for a plugin, nested in `parent` if it is part of another.
    fn route_task(
        &self,
        plugin: &str,
        parent: Option<&dyn Task>,
        route: &str,
        data: Data,
    ) -> Routed;
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
