//! What is asked and answered over the control socket.
//!
//! These types are the JSON header of a frame; a task's payload travels beside it as the frame's
//! raw body. A new command is a new variant: a host that does not know it answers
//! [`Response::Refused`] and goes on, so a variant more does not need another protocol version.
//! Fields that a reader does not know are ignored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a program asks of the running host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Run one task; the frame's body is its payload.
    Call {
        /// The route's name.
        route: String,
        /// The payload's content type.
        content_type: String,
        /// How long the task may take, in place of the route's own timeout. Seconds as a number
        /// on the wire.
        #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
        timeout: Option<Duration>,
        /// Whether the program reads items, where the handler answers a stream of them.
        #[serde(default)]
        streams: bool,
    },
    /// List the plugins.
    Plugins,
    /// List the routes.
    Routes,
    /// Tell how the host is doing. The answer is a [`Response::Report`], as for those that follow.
    Status,
    /// Tell what was counted and measured.
    Metrics,
    /// The same, as text in the format of Prometheus: the report is that text.
    Prometheus,
    /// List the tasks that failed last.
    Errors,
    /// List what happened to the plugins.
    Events,
    /// Replace a plugin by what its file holds now, or by what it was made of before. The answer is a [`Response::Done`], as for those that follow.
    Reload {
        /// The plugin's name.
        plugin: String,
        /// Whether the generation before is wanted.
        #[serde(default)]
        to_previous: bool,
    },
    /// Start a plugin that is disabled.
    Enable {
        /// The plugin's name.
        plugin: String,
    },
    /// Stop a plugin, and keep it from being started.
    Disable {
        /// The plugin's name.
        plugin: String,
    },
}

/// What the host answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub(crate) enum Response {
    /// The task succeeded; the frame's body is the reply.
    Reply {
        /// The reply's content type.
        content_type: String,
    },
    /// The task is answered item by item: frames follow, up to [`End`](Self::End).
    Opened,
    /// One item of a task's answer; the frame's body is the item.
    Item {
        /// The item's content type.
        content_type: String,
    },
    /// An error in the place of an item; others may follow it.
    ItemFailed {
        /// What is wrong.
        error: WireError,
    },
    /// There are no more items.
    End,
    /// The task was run, or could not be admitted, and failed.
    Failed {
        /// Why.
        error: WireError,
    },
    /// The plugins, in the form of `agentsys plugins --json`.
    Plugins(serde_json::Value),
    /// The routes, in the form of `agentsys routes --json`.
    Routes(serde_json::Value),
    /// What was asked for; the frame's body is the report as JSON, since it may be larger than a header.
    Report,
    /// It was done; then how the plugin stands, in the form of one of `agentsys plugins --json`.
    Done(serde_json::Value),
    /// The host did not take the request up at all: another user's, unreadable, too large, or
    /// the host is stopping.
    Refused {
        /// Why, in one line.
        message: String,
    },
}

/// A task's failure, as it crosses the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireError {
    /// The kind's name, such as `timeout` or `invalid_input`.
    pub(crate) kind: String,
    /// What went wrong, in one line.
    pub(crate) message: String,
    /// The causes, outermost first.
    #[serde(default)]
    pub(crate) causes: Vec<String>,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub(crate) retryable: bool,
    /// The route that was called, where one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    /// The agent that ran the task, where one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
}

/// An optional duration as a number of seconds. What is no duration (negative, not finite, too
/// large) is refused here, so that no command has to check it again.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration
            .map(|some| some.as_secs_f64())
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(deserializer)?
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| D::Error::custom(format!("{seconds} is no duration in seconds")))
            })
            .transpose()
    }
}
