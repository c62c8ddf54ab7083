//! The commands, one file each, and what several of them share.

pub(crate) mod call;
pub(crate) mod demo;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod run;
mod serve;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentsys_host::{Host, HostBuilder};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Failure;

/// A host in this process, for one command: nothing to drain, and little patience.
async fn own_host(plugins: &[PathBuf], state_dir: &Path) -> Result<Host, Failure> {
    let builder = with_dirs(Host::builder(), plugins, state_dir);
    let builder = builder
        .drain_timeout(Duration::ZERO)
        .shutdown_timeout(Duration::from_secs(5));
    waiting("starting the plugins", builder.build())
        .await
        .map_err(Failure::new)
}

fn with_dirs(builder: HostBuilder, plugins: &[PathBuf], state_dir: &Path) -> HostBuilder {
    plugins
        .iter()
        .fold(builder.state_dir(state_dir), HostBuilder::plugin_dir)
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
