//! Several hosts in one process: at once, without a leak of state between them, and one after the other, without a leak of anything.

use std::fs;
use std::path::Path;
use std::time::Duration;

use agentsys_host::storage::{StorageConfig, StorageError};
use agentsys_host::{Host, HostError, Metric};
use tempfile::TempDir;

use crate::child::run_alone;
use crate::harness::{PATIENCE, Place, options};
use crate::player::{Stage, bare, part, tell};

#[tokio::test]
async fn two_hosts_with_one_linked_plugin_share_nothing_of_what_it_does() {
    let (one, two) = (Stage::new(), Stage::new());
    let host_of = async |stage: &Stage| {
        let builder = bare().linked(part("p", "1.0.0", &[]));
        builder
            .plugin_options("p", stage.plays())
            .build()
            .await
            .unwrap()
    };
    let (first, second) = tokio::join!(host_of(&one), host_of(&two));
    tell(&first, "p", "put in the first").await.unwrap();
    assert_eq!(
        tell(&second, "p", "get").await.unwrap_err(),
        "nothing was said"
    );
    tell(&first, "p", "count").await.unwrap();
    let counted = |host: &Host| host.metrics().plugins[0].metric("told").cloned();
    assert_eq!(counted(&first), Some(Metric::Counter(1.0)));
    assert_eq!(counted(&second), None);
    tell(&second, "p", "panic").await.unwrap_err();
    assert_eq!((first.errors().len(), second.errors().len()), (0, 2));
    first.shutdown().await;
    assert_eq!(tell(&second, "p", "hi").await.unwrap(), "p says hi");
    second.shutdown().await;
    assert_eq!(one.lines(), ["p initialized", "p cleaned up", "p dropped"]);
    two.all_dropped().await;
    assert_eq!(
        (two.count(" initialized"), two.count(" cleaned up")),
        (2, 1)
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_hundred_hosts_with_linked_plugins_leave_no_memory_thread_or_file_behind() {
    run_alone("many_hosts::hosts_one_after_the_other");
}

#[test]
#[cfg(target_os = "linux")]
fn a_hundred_hosts_with_compiled_plugins_leave_no_memory_thread_or_file_behind() {
    run_alone("many_hosts::compiled_hosts_one_after_the_other");
}

/// What the process has.
#[derive(Debug, Clone, Copy)]
struct Usage {
    rss_kib: usize,
    threads: usize,
    /// Open files of all kinds but sockets.
    files: usize,
    sockets: usize,
}

impl Usage {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |key: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let open = fs::read_dir("/proc/self/fd").unwrap();
        let kinds = open.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
        let (sockets, files): (Vec<_>, Vec<_>) =
            kinds.partition(|kind| kind.to_string_lossy().starts_with("socket:"));
        Self {
            rss_kib: number("VmRSS:"),
            threads: number("Threads:"),
            files: files.len(),
            sockets: sockets.len(),
        }
    }

    /// Once threads that have been told to end have done so.
    fn settled(threads: usize) -> Self {
        let began = std::time::Instant::now();
        loop {
            let now = Self::now();
            if now.threads <= threads || began.elapsed() > PATIENCE {
                return now;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

const WARM_UP: usize = 20;
const HOSTS: usize = 100;

/// Lives through many hosts; what the process has after those that warm it up, and after all.
fn live(one: impl Fn(usize)) -> (Usage, Usage) {
    let threads = Usage::now().threads;
    (0..WARM_UP).for_each(&one);
    let before = Usage::settled(threads);
    (0..HOSTS).for_each(&one);
    let after = Usage::settled(threads);
    println!("{before:?}\n{after:?}");
    assert_eq!((before.threads, after.threads), (threads, threads));
    assert_eq!(before.files, after.files);
    (before, after)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(future)
}

async fn build(stage: &Stage, number: usize, dir: &Path) -> Host {
    loop {
        let builder = if number.is_multiple_of(2) {
            bare()
        } else {
            Host::builder().storage(StorageConfig::file(dir))
        };
        let built = builder
            .linked(part("p", "1.0.0", &[]))
            .linked(part("lazy", "1.0.0", &["p"]))
            .plugin_options("p", stage.plays().instances(2))
            .plugin_options("lazy", stage.plays().lazy(true))
            .build()
            .await;
        match built {
            Ok(host) => return host,
            // A host that was dropped lets go of its files a moment later.
            Err(HostError::Storage(StorageError::InUse { .. })) => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn use_host(number: usize, dir: &Path) {
    let stage = Stage::new();
    let host = build(&stage, number, dir).await;
    for name in ["p", "lazy"] {
        for text in ["sleep 0", "work", "put a word", "count", "log word"] {
            tell(&host, name, text).await.unwrap();
        }
        tell(&host, name, "panic").await.unwrap_err();
    }
    // One in three is dropped in place of being shut down.
    if !number.is_multiple_of(3) {
        host.shutdown().await;
    }
    drop(host);
    stage.all_dropped().await;
}

#[test]
#[ignore = "run in a process of its own, whose memory it looks at"]
#[cfg(target_os = "linux")]
fn hosts_one_after_the_other() {
    let dir = TempDir::new().unwrap();
    let (before, after) = live(|number| block_on(use_host(number, dir.path())));
    assert_eq!(before.sockets, after.sockets);
    // A host that stayed would cost hundreds of KiB: its runtimes, its router, its storage. What does stay, by design, is a record of each generation (under 1 KiB);
    // the allocator moves by some hundred KiB either way.
    let grown = after.rss_kib.saturating_sub(before.rss_kib);
    assert!(
        grown < HOSTS * BOUND_KIB,
        "{grown} KiB: {before:?} {after:?}"
    );
}

/// How many KiB a host may leave behind, the allocator's pools included.
const BOUND_KIB: usize = 40;

#[test]
#[ignore = "run in a process of its own, whose threads it counts"]
#[cfg(target_os = "linux")]
fn compiled_hosts_one_after_the_other() {
    let place = Place::new();
    place.add("runs_tokio");
    place.add("steps");
    let journal = serde_json::json!({ "journal": place.journal().path() });
    let (before, after) = live(|_| {
        block_on(async {
            let host = Host::builder()
                .plugin_dir(place.plugins())
                .state_dir(place.state())
                .plugin_options("steps", options(journal.clone()))
                .build()
                .await
                .unwrap();
            host.router().route_task("sleeps", "1").await.unwrap();
            host.router()
                .route_task("steps_panics", "")
                .await
                .unwrap_err();
            host.shutdown().await;
        });
    });
    assert_eq!(before.sockets, after.sockets);
    // A library that stayed in memory would cost hundreds of KiB by itself.
    let grown = after.rss_kib.saturating_sub(before.rss_kib);
    assert!(
        grown < HOSTS * BOUND_KIB,
        "{grown} KiB: {before:?} {after:?}"
    );
    assert!(place.copies().is_empty());
}
