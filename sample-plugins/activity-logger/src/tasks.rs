//! The tasks of all agents, written down without a line of code in any of them: the plugin as an interceptor.
//!
//! One entry for each task, at its end, when it is known who had it and how long it took.

use std::time::Duration;

use agentsys_plugin::prelude::*;
use agentsys_plugin::{After, Interceptor, Outcome};
use serde_json::json;

use crate::{Activity, ActivityLogger, Entry, Level, Trouble};

impl Interceptor for ActivityLogger {
    fn after(&self, task: &Context, outcome: &Outcome<'_>) -> Result<After> {
        let own = Some(task.host().plugin_name());
        // An agent that logs by itself has its entry: that it was written need not be written too.
        if outcome.agent() != own {
            let agent = outcome.agent().unwrap_or(task.route());
            let level = match outcome.error() {
                Some(_) => Level::Error,
                None => self.task_level(),
            };
            self.log_if(agent, level, || entry(agent, level, task, outcome))?;
        }
        Ok(After::Done)
    }
}

/// A task that none had is its route's.
fn entry(agent: &str, level: Level, task: &Context, outcome: &Outcome<'_>) -> Entry {
    let details = Some(json!({
        "task": task.task_id(),
        "route": task.route(),
        "attempts": outcome.attempts(),
        "ms": milliseconds(outcome.duration()),
    }));
    let agent = agent.to_owned();
    match outcome.error() {
        Some(error) => Entry::Trouble(Trouble {
            agent,
            error: error.message().to_owned(),
            causes: error.causes().to_vec(),
            kind: Some(error.kind().as_str().to_owned()),
            details,
        }),
        None => Entry::Activity(Activity {
            agent,
            activity: match outcome.is_stream() {
                false => "answered".to_owned(),
                true => "streamed".to_owned(),
            },
            details,
            level,
        }),
    }
}

/// To the microsecond: what more there is, is noise.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_milliseconds_to_the_microsecond() {
        assert_eq!(milliseconds(Duration::from_nanos(1_234_567)), 1.235);
        assert_eq!(milliseconds(Duration::from_secs(2)), 2_000.0);
        assert_eq!(milliseconds(Duration::ZERO), 0.0);
    }
}
