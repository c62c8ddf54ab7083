//! The log of all hosts of the test process. Tests tell their own lines by what these say.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use serde_json::Value;
use tracing_subscriber::EnvFilter;

static LINES: Mutex<Vec<Value>> = Mutex::new(Vec::new());

/// Keeps what hosts log, from debug up.
pub(super) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("off,agentsys=debug"))
            .with_writer(|| Sink)
            .init();
    });
}

/// The lines in which that text stands.
pub(crate) fn logged(text: &str) -> Vec<Value> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .iter()
        .filter(|line| line.to_string().contains(text))
        .cloned()
        .collect()
}

/// What a plugin logged with that text in it: level, message, and its own fields.
pub(crate) fn plugin_logs(text: &str) -> Vec<(String, String, Value)> {
    let of_plugins = logged(text)
        .into_iter()
        .filter(|line| line["target"] == "agentsys::plugin");
    of_plugins
        .map(|line| {
            let fields = &line["fields"];
            let own = fields["fields"]
                .as_str()
                .map_or(Value::Null, |own| serde_json::from_str(own).unwrap());
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&line["level"]), text(&fields["message"]), own)
        })
        .collect()
}

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The formatter writes a line at a time.
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(serde_json::from_slice(line)?);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
