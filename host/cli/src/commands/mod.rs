//! The commands, one file each, and what several of them share.

mod ask;
pub(crate) mod call;
pub(crate) mod change;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod history;
pub(crate) mod inspect;
mod items;
mod json;
mod json_line;
pub(crate) mod list;
pub(crate) mod metrics;
mod particulars;
pub(crate) mod quarantine;
pub(crate) mod run;
mod serve;
mod snapshot;
pub(crate) mod status;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use agentsys_host::Host;
use agentsys_host::config::Sources;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::exit::Failure;

/// A host in this process, for one command: nothing to drain, and little patience. Its storage is opened only if a plugin uses it,
/// since the host that runs on the same state directory has it open.
async fn own_host(sources: Sources) -> Result<Host, Failure> {
    let builder = Host::builder()
        .config_from(sources)
        .drain_timeout(Duration::ZERO)
        .shutdown_timeout(Duration::from_secs(5));
    Ok(waiting("starting the plugins", builder.build()).await?)
}

/// Waits, and says so on a terminal once it takes over a second.
async fn waiting<F: Future>(what: &str, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    tokio::select! {
        biased;
        output = &mut future => return output,
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
    let spinner = spinner(what);
    let output = future.await;
    spinner.finish_and_clear();
    output
}

/// A spinner on standard error; hidden where that is no terminal.
fn spinner(what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// Writes a value for programs, and for people who read it.
fn write_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut json = serde_json::to_string_pretty(value).map_err(Failure::new)?;
    json.push('\n');
    write_out(json.as_bytes())
}

/// Writes an answer to standard output as it is. A reader that went away is no failure of ours.
fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "the answer cannot be written: {error}"
        ))),
        Ok(()) => Ok(()),
    }
}
