//! Plugins that go bad while they serve: those that panic again and again are quarantined, those that hold a worker are named.

use std::time::{Duration, Instant};

use agentsys_host::{Config, PluginState, Quarantine};

use crate::harness::{PATIENCE, Setup, TestHost, logged};

/// A host with these plugins and that config.
async fn host(plugins: &[&str], change: impl FnOnce(&mut Config)) -> TestHost {
    let mut config = Config::default();
    change(&mut config);
    let setup = Setup::with(plugins);
    let (dir, state) = (setup.place.plugins(), setup.place.state());
    let configured = setup.tune(|builder| builder.config(config).plugin_dir(dir).state_dir(state));
    configured.start().await
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn content_that_panics_on_many_tasks_in_a_row_is_quarantined_until_it_is_cleared() {
    let host = host(&["misbehaves", "echo"], |config| {
        config.host.quarantine_after = 3
    })
    .await;
    for _ in 0..3 {
        host.call("panics", "").await.unwrap_err();
    }
    until("it is quarantined", || {
        host.status("misbehaves").state == PluginState::Failed
    })
    .await;
    let reason = host.failure("misbehaves");
    assert!(
        reason.contains("is in quarantine: its instances panicked on 3 different tasks in a row"),
        "{reason}"
    );
    host.assert_serves().await;

    let quarantine = Quarantine::open(&host.place.state()).unwrap();
    assert_eq!(quarantine.list().unwrap().len(), 1);
    host.reload("misbehaves").await.unwrap_err();
    assert_eq!(quarantine.clear(Some("misbehaves")).unwrap(), 1);
    host.reload("misbehaves").await.unwrap();
    assert_eq!(host.status("misbehaves").state, PluginState::Running);
    host.shutdown().await;
}

#[tokio::test]
async fn panics_with_successes_between_them_are_no_reason_to_quarantine() {
    let host = host(&["misbehaves"], |config| config.host.quarantine_after = 3).await;
    for _ in 0..6 {
        host.call("panics", "").await.unwrap_err();
        host.call("instance", "").await.unwrap();
    }
    assert_eq!(host.status("misbehaves").state, PluginState::Running);
    let quarantine = Quarantine::open(&host.place.state()).unwrap();
    assert!(quarantine.list().unwrap().is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn a_handler_that_holds_a_worker_is_named_and_counted_while_it_does() {
    let change = |config: &mut Config| config.host.block_warn = Duration::from_millis(20);
    let host = host(&["changing_1"], change).await;
    let go = host.place.path().join("go");
    let (router, file) = (host.router().clone(), go.to_str().unwrap().to_owned());
    let caller = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(router.route_task("changing_blocks", file))
            .map(drop)
    });
    until("it is counted", || {
        host.metrics().plugins.iter().any(|of| of.held_workers == 1)
    })
    .await;
    assert!(!caller.is_finished());
    std::fs::write(&go, "").unwrap();
    caller.join().unwrap().unwrap();
    let line = logged("has held the thread").pop().unwrap();
    let said = line["fields"]["message"].as_str().unwrap();
    assert!(
        said.contains("changing_blocks") && said.contains("blocking"),
        "{said}"
    );
    host.shutdown().await;
}
