//! Plugins with one fault each: it costs a line in the log, a failed task, or a library that stays in memory for a reason that is told; never the host, nor
//! another plugin. What must end the process is told by the next start.

mod after_close;
mod crashes;
mod kills;
mod pins;
mod steps;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use agentsys_host::PluginOptions;

use crate::harness::{PATIENCE, Place, Setup, TestHost};

/// A host with `echo` and the culprit, that waits for nobody for long.
async fn host(culprit: &str) -> TestHost {
    start(culprit, PluginOptions::default()).await
}

async fn start(culprit: &str, options: PluginOptions) -> TestHost {
    let brief = Duration::from_millis(100);
    Setup::with(&["echo", culprit])
        .plugin(culprit, options.cleanup_timeout(brief))
        .tune(|builder| builder.drain_timeout(brief))
        .start()
        .await
}

/// A file of the place that is not there yet.
fn gate(place: &Place) -> (PathBuf, String) {
    let gate = place.path().join("gate");
    let words = gate.to_str().unwrap().to_owned();
    (gate, words)
}

/// Disables the culprit, and waits for what keeps its library in memory.
async fn pinned(host: &TestHost, culprit: &str) -> String {
    host.disable(culprit).await.unwrap();
    until(host, culprit, |host| {
        let retired = host.status(culprit).retired;
        retired.first().and_then(|retired| retired.pinned.clone())
    })
    .await
}

/// Waits until no library of the culprit's is in memory, and sees that the host goes on.
async fn unloaded(host: &TestHost, culprit: &str) {
    until(host, culprit, |host| {
        let status = host.status(culprit);
        status.retired.is_empty().then_some(())
    })
    .await;
    let status = host.status(culprit);
    assert_eq!(status.history[0].end.as_deref(), Some("unloaded"));
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let state = fs::canonicalize(host.place.state().join("generations")).unwrap();
    let of_this_host = maps
        .lines()
        .filter(|line| line.contains(state.to_str().unwrap()));
    for line in of_this_host {
        let hash = status.history[0].content_hash.as_deref().unwrap();
        assert!(!line.contains(&hash[..8]), "{line}");
    }
    host.assert_serves().await;
}

/// Disables the culprit, whose library must leave the memory.
async fn is_unloaded_when_disabled(host: &TestHost, culprit: &str) {
    host.disable(culprit).await.unwrap();
    unloaded(host, culprit).await;
}

async fn until<T>(host: &TestHost, culprit: &str, look: impl Fn(&TestHost) -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        // The test's own thread has called it too.
        agentsys_host::pass_by();
        if let Some(found) = look(host) {
            return found;
        }
        let status = host.status(culprit);
        assert!(began.elapsed() < PATIENCE, "{status:#?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
