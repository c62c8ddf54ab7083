//! The plugin: two routes that write a line each. The third way to a line is in `tasks`.

use std::time::SystemTime;

use agentsys_plugin::prelude::*;
use agentsys_plugin::{FromPayload, IntoPayload};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{
    Activity, Config, Entry, Filter, Level, LineFormat, Logged, Rotation, Sink, SinkError, Trouble,
};

/// The activity logger.
pub struct ActivityLogger {
    filter: Filter,
    format: LineFormat,
    sink: Sink,
    task_level: Level,
}

#[plugin]
impl Plugin for ActivityLogger {
    type Config = Config;

    async fn initialize(config: Config, _host: &Host) -> Result<Self> {
        let filter = Filter::new(&config);
        let format = LineFormat::new(&config)?;
        let rotation = Rotation::new(&config);
        let task_level = config.task_level;
        let sink = match config.log_file {
            Some(path) => Sink::file(path, rotation).map_err(SinkError::into_unavailable)?,
            None => {
                if rotation.is_on() {
                    tracing::warn!(
                        "`rotate_size` and `rotate_daily` do nothing without `log_file`"
                    );
                }
                Sink::standard_error()
            }
        };
        Ok(Self {
            filter,
            format,
            sink,
            task_level,
        })
    }

    /// Logs what either route takes: what has `activity` as an activity, what has `error` as an error.
    async fn process(&self, _cx: &Context, data: Payload) -> Result<Payload> {
        let logged = self.log(read_either(data)?)?;
        logged.into_payload()
    }

    async fn cleanup(&self) -> Result<()> {
        self.sink.close().map_err(SinkError::into_unavailable)
    }
}

#[routes]
impl ActivityLogger {
    /// Logs what an agent does: `{"agent": "report-agent", "activity": "started"}`, with `details` (any JSON) and `level` if wanted.
    #[route("log_activity")]
    fn log_activity(&self, activity: Activity) -> Result<Logged> {
        self.log(activity.into())
    }

    /// Logs what went wrong with an agent: `{"agent": "report-agent", "error": "no such table"}`, with `causes`, `kind` and `details` if wanted.
    #[route("log_error")]
    fn log_error(&self, trouble: Trouble) -> Result<Logged> {
        self.log(trouble.into())
    }

    fn log(&self, entry: Entry) -> Result<Logged> {
        let logged = self.filter.passes(entry.agent(), entry.level());
        if logged {
            self.write(&entry)?;
        }
        Ok(Logged { logged })
    }

    /// Logs an entry that is made only if the filters let it through.
    pub(crate) fn log_if(
        &self,
        agent: &str,
        level: Level,
        entry: impl FnOnce() -> Entry,
    ) -> Result<()> {
        if self.filter.passes(agent, level) {
            self.write(&entry())?;
        }
        Ok(())
    }

    fn write(&self, entry: &Entry) -> Result<()> {
        let now = SystemTime::now();
        self.sink
            .write(&self.format.line(entry, now), now)
            .map_err(SinkError::into_unavailable)
    }

    /// The level of tasks that did not fail.
    pub(crate) fn task_level(&self) -> Level {
        self.task_level
    }
}

/// The keys by which the two are told apart.
#[derive(Deserialize)]
struct Keys {
    activity: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

fn read_either(data: Payload) -> Result<Entry> {
    let keys = Keys::from_payload(data.clone())?;
    match (keys.activity, keys.error) {
        (Some(_), None) => Ok(Activity::from_payload(data)?.into()),
        (None, Some(_)) => Ok(Trouble::from_payload(data)?.into()),
        _ => Err(Error::invalid_input(
            "the input does not fit: it needs either `activity` or `error`, beside `agent`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Entry> {
        read_either(json.to_owned().into_payload()?)
    }

    fn refusal(json: &str) -> String {
        let error = read(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.message().to_owned()
    }

    #[test]
    fn process_tells_an_activity_from_an_error() {
        let entry = read(r#"{"agent": "a", "activity": "started"}"#).unwrap();
        assert!(matches!(entry, Entry::Activity(_)));
        let entry = read(r#"{"agent": "a", "error": "late", "causes": ["snow"]}"#).unwrap();
        assert!(matches!(entry, Entry::Trouble(_)));
    }

    #[test]
    fn process_says_what_does_not_fit() {
        let neither =
            "the input does not fit: it needs either `activity` or `error`, beside `agent`";
        assert_eq!(refusal(r#"{"agent": "a"}"#), neither);
        assert_eq!(
            refusal(r#"{"agent": "a", "activity": "b", "error": "c"}"#),
            neither
        );
        let misspelt = refusal(r#"{"agent": "a", "activity": "b", "levle": "info"}"#);
        assert!(misspelt.contains("unknown field `levle`"), "{misspelt}");
        let wrong = refusal(r#"{"agent": "a", "activity": "b", "level": "loud"}"#);
        assert!(wrong.contains("at `level`"), "{wrong}");
    }

    #[test]
    fn a_line_that_cannot_be_written_may_be_tried_again() {
        let reason = std::io::ErrorKind::StorageFull.into();
        let error = SinkError::StandardError { reason }.into_unavailable();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.is_retryable());
        assert_eq!(error.causes(), Vec::<String>::new());
    }
}
