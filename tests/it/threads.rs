//! What plugins leave on threads, and the threads they start: the host owns their ends.

use std::fs;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use agentsys_host::agent_fn;
use object::{Object, ObjectSymbol};

use crate::harness::{Setup, TestHost, library};

async fn host() -> TestHost {
    Setup::with(&["thread_locals"])
        .journal("thread_locals")
        .start()
        .await
}

#[tokio::test]
async fn a_value_left_on_a_thread_of_the_hosts_is_dropped_when_that_ends() {
    let host = host().await;
    let router = host.router().clone();
    let caller = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(router.route_task("leave", "the first"))
            .unwrap();
        runtime
            .block_on(router.route_task("leave", "the second"))
            .unwrap();
    });
    caller.join().unwrap();
    assert_eq!(
        host.place.journal().lines(),
        ["the first dropped", "the second dropped"]
    );
    host.shutdown().await;
}

#[tokio::test]
async fn a_value_left_on_a_thread_is_dropped_also_where_its_plugin_was_stopped_before() {
    let host = host().await;
    let (left, go) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let router = host.router().clone();
    let caller = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(router.route_task("leave", "it")).unwrap();
        left.0.send(()).unwrap();
        go.1.recv().unwrap();
    });
    left.1.recv().unwrap();
    host.shutdown().await;
    go.0.send(()).unwrap();
    caller.join().unwrap();
    assert_eq!(host.place.journal().lines(), ["it dropped"]);
}

/// Nobody asks it again after it was too busy to hear.
#[tokio::test]
async fn a_worker_that_is_busy_when_a_plugin_is_closed_drops_its_values_before_it_sleeps() {
    let host = Setup::with(&["thread_locals", "nests"])
        .journal("thread_locals")
        .start()
        .await;
    let (left, go) = (mpsc::channel(), mpsc::channel::<()>());
    let work = Mutex::new(Some((left.0, go.1, host.router().clone())));
    let busy = agent_fn("busy", "Keeps a worker busy.", move |_| {
        let work = work.lock().unwrap().take();
        let (left, go, router) = work.unwrap();
        // In a task of a plugin's, so on one of the host's workers.
        tokio::spawn(async move {
            router.route_task("leave", "it").await.unwrap();
            left.send(()).unwrap();
            let _ = go.recv();
        });
        async { Ok("") }
    });
    host.router()
        .register_agent("busy", Arc::new(busy))
        .await
        .unwrap();
    host.call("forwards_to", "busy").await.unwrap();
    left.1.recv().unwrap();
    host.disable("thread_locals").await.unwrap();
    let retired = host.status("thread_locals").retired;
    assert_eq!(
        retired[0].pinned.as_deref(),
        Some("thread agentsys-worker still holds values of it")
    );
    assert!(host.place.journal().lines().is_empty());
    drop(go.0);
    host.place.journal().wait_for("it dropped").await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_value_left_on_a_thread_of_the_plugins_own_is_dropped_before_that_is_joined() {
    let host = host().await;
    assert_eq!(
        host.call("leave_on_a_thread", "it").await.unwrap(),
        "leaver"
    );
    host.place.journal().wait_for("it dropped").await;
}

#[tokio::test]
async fn plugins_may_ask_which_thread_they_are_on() {
    let host = host().await;
    let router = host.router().clone();
    for _ in 0..50 {
        let router = router.clone();
        let caller = thread::Builder::new()
            .name("caller".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(router.route_task("current", "")).unwrap()
            });
        let name = caller.unwrap().join().unwrap();
        // A library's own copy of std does not know the names that another one gave.
        assert!(!name.to_str().unwrap().is_empty());
    }
}

/// Taken from the C library, they would leave behind what the host does not know of.
#[cfg(target_env = "gnu")]
#[test]
fn a_plugin_binds_to_the_sdks_own_functions_for_threads() {
    for plugin in ["echo", "data_agents", "thread_locals", "fetches"] {
        let bytes = fs::read(library(plugin)).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let names: Vec<_> = file
            .dynamic_symbols()
            .map(|symbol| symbol.name().unwrap().to_owned())
            .collect();
        for hidden in [
            "__cxa_thread_atexit_impl",
            "pthread_key_create",
            "pthread_key_delete",
            "pthread_setspecific",
            "pthread_create",
            "sigaction",
            "signal",
        ] {
            assert!(
                !names.iter().any(|name| name == hidden),
                "{plugin} imports or exports {hidden}"
            );
        }
    }
}

#[test]
fn a_plugin_exports_its_entry_and_nothing_else_of_ours() {
    let bytes = fs::read(library("echo")).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut exported: Vec<_> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition())
        .map(|symbol| symbol.name().unwrap())
        .collect();
    exported.sort_unstable();
    assert_eq!(exported, [agentsys_abi::header_name("echo")]);
}
