//! `agentsys run`: a host until a signal.

use agentsys_host::Host;
use agentsys_host::config::Sources;
use tokio_util::sync::CancellationToken;

use crate::args::{Run, Settings};
use crate::control::{ControlServer, ServerLimits};
use crate::exit::Failure;
use crate::settings::files;

use super::{serve, write_out};
pub(super) use signals::Signals;

mod signals;

pub(crate) async fn run(args: Run, settings: &Settings) -> Result<(), Failure> {
    let again = sources(&args, settings)?;
    let loaded = again.clone().load()?;
    let config = &loaded.config.host;
    let (drain_timeout, shutdown_timeout) = (config.drain_timeout, config.shutdown_timeout);
    tracing::info!(
        "configuration: {}",
        files(&loaded).unwrap_or_else(|| "no file".to_owned())
    );
    // Before the plugins are loaded: a second host on the same state directory is told so at once.
    let server = ControlServer::bind(&config.state_dir).map_err(Failure::new)?;
    let mut signals = Signals::listen()?;
    let mut builder = Host::builder().loaded_config(loaded).connect_storage();
    if !args.no_watch {
        let again = again.clone();
        builder = builder.watch_config(settings.files(&args.state), move || again.clone().load());
    }
    let host = tokio::select! {
        biased;
        signal = signals.next() => {
            tracing::info!("{signal} came before the host was ready");
            return Ok(());
        }
        host = builder.build() => host?,
    };
    let stop = CancellationToken::new();
    let limits = ServerLimits {
        drain: drain_timeout.min(shutdown_timeout / 2),
        ..ServerLimits::default()
    };
    let serving = server.serve(serve::handler(&host), limits, stop.clone());
    let serving = host.control().spawn(serving);

    let running = host
        .plugins()
        .iter()
        .filter(|plugin| plugin.serves())
        .count();
    // Always in the plural: programs read this line.
    let ready = format!("ready: {running} plugins, {} routes\n", host.routes().len());
    write_out(ready.as_bytes())?;

    let signal = signals.next().await;
    tracing::info!(
        "{signal}: letting tasks finish, then stopping the plugins, within {shutdown_timeout:?}"
    );
    stop.cancel();
    let stopping = async {
        // The socket answers what it was asked before. Its lock goes last: the next host may start once this one is gone.
        let (served, _) = tokio::join!(serving, host.shutdown());
        if let Ok(Err(error)) = &served {
            tracing::warn!("the control socket ended early: {error}");
        }
        drop(served);
    };
    tokio::select! {
        biased;
        ended = tokio::time::timeout(shutdown_timeout, stopping) => if ended.is_err() {
            tracing::warn!("not all has ended within {shutdown_timeout:?}: not waiting any longer");
        },
        signal = signals.next() => tracing::warn!("{signal} again: not waiting any longer"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// The configuration, with this command's own options over it.
fn sources(args: &Run, settings: &Settings) -> Result<Sources, Failure> {
    let sources = settings.sources(&args.plugins, &args.state)?;
    let timeouts = [
        ("host.drain_timeout", args.drain_timeout, "--drain-timeout"),
        (
            "host.shutdown_timeout",
            args.shutdown_timeout,
            "--shutdown-timeout",
        ),
    ];
    let given = timeouts
        .into_iter()
        .filter_map(|(key, timeout, option)| Some((key, timeout?.as_secs_f64(), option)));
    Ok(given.fold(sources, |sources, (key, timeout, option)| {
        sources.value(key, timeout, option)
    }))
}
