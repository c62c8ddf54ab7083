//! What keeps a library in memory: it is told, and where the reason goes, so does the library.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use agentsys_host::{PluginOptions, agent_fn};
use agentsys_loader::{End, Pin, pass_by};
use agentsys_router::{Agent, ErrorKind};
use object::{Object, ObjectSection};

use super::{gate, host, is_unloaded_when_disabled, pinned, start, unloaded};
use crate::harness::loader::{NoServices, open};
use crate::harness::{Place, Setup, TestHost, logged};

#[tokio::test]
async fn a_thread_that_is_left_running_pins_it_by_name_until_it_ends() {
    let host = host("leaves_a_thread").await;
    let (gate, words) = gate(&host.place);
    host.call("leaves_a_thread", words).await.unwrap();
    let reason = pinned(&host, "leaves_a_thread").await;
    assert_eq!(reason, "thread left-behind of its own still runs");
    fs::write(gate, "").unwrap();
    unloaded(&host, "leaves_a_thread").await;
}

#[tokio::test]
async fn background_work_that_never_yields_pins_it_until_it_does() {
    let host = host("background_never_yields").await;
    let (gate, words) = gate(&host.place);
    host.call("background_never_yields", words).await.unwrap();
    let reason = pinned(&host, "background_never_yields").await;
    assert!(reason.starts_with("thread "), "{reason}");
    host.assert_serves().await;
    fs::write(gate, "").unwrap();
    unloaded(&host, "background_never_yields").await;
}

#[tokio::test]
async fn a_handler_that_does_not_return_pins_it_by_its_leases_until_it_does() {
    let options = PluginOptions::default().timeout(Duration::from_millis(200));
    let host = start("handler_blocks", options).await;
    let (gate, words) = gate(&host.place);
    let call = {
        let host = host.clone();
        tokio::spawn(async move {
            host.route_apart("handler_blocks", words.into(), Default::default())
                .await
        })
    };
    super::until(&host, "handler_blocks", |host| {
        let mut agents = host.routes().into_iter().flat_map(|route| route.agents);
        agents.any(|agent| agent.in_flight > 0).then_some(())
    })
    .await;
    let reason = pinned(&host, "handler_blocks").await;
    assert_eq!(reason, "leases (1 instance)");
    // Nobody can make it return: whoever called it is told so when the time is up.
    assert_eq!(call.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    fs::write(gate, "").unwrap();
    unloaded(&host, "handler_blocks").await;
}

#[tokio::test]
async fn a_drop_that_does_not_return_pins_it_until_it_does() {
    let host = host("drop_blocks").await;
    let (gate, words) = gate(&host.place);
    host.call("drop_blocks", words).await.unwrap();
    let reason = pinned(&host, "drop_blocks").await;
    assert_eq!(reason, "leases (1 instance)");
    fs::write(gate, "").unwrap();
    unloaded(&host, "drop_blocks").await;
}

#[tokio::test]
async fn a_signals_handler_pins_it_until_the_signal_has_its_default_again() {
    let host = host("handles_a_signal").await;
    host.call("handles_a_signal", "").await.unwrap();
    let reason = pinned(&host, "handles_a_signal").await;
    assert_eq!(reason, "signal handler of SIGUSR2");
    // The second generation's handler may call the one that it found.
    host.enable("handles_a_signal").await.unwrap();
    host.call("handles_a_signal", "").await.unwrap();
    // For longer than it takes the host to look again.
    let mut looks = 0;
    host.until("it was looked at again", |host| {
        looks += 1;
        assert_eq!(host.status("handles_a_signal").retired.len(), 1);
        looks > 700
    })
    .await;
    host.call("handles_a_signal", "no more").await.unwrap();
    host.until("it is unmapped", |host| {
        host.status("handles_a_signal").retired.is_empty()
    })
    .await;
    let status = host.status("handles_a_signal");
    assert_eq!(status.history[1].end.as_deref(), Some("unloaded"));
    host.assert_serves().await;
}

#[tokio::test]
async fn a_signals_handler_of_a_crate_that_it_uses_pins_it_too() {
    let host = host("listens_for_a_signal").await;
    host.call("listens_for_a_signal", "").await.unwrap();
    let reason = pinned(&host, "listens_for_a_signal").await;
    assert_eq!(reason, "signal handler of SIGWINCH");
    host.assert_serves().await;
}

#[tokio::test]
async fn what_constructors_leave_pins_it_for_good() {
    for culprit in ["constructor_starts_a_thread", "constructor_makes_a_key"] {
        let host = host(culprit).await;
        host.call(culprit, "").await.unwrap();
        let reason = pinned(&host, culprit).await;
        assert_eq!(
            reason,
            "its constructors left keys, threads or handlers of signals behind"
        );
        host.assert_serves().await;
    }
}

#[tokio::test]
async fn a_library_that_is_marked_as_not_to_be_unloaded_stays() {
    let place = Place::new();
    place.add("echo");
    let file = place.add("handler_blocks");
    fs::write(&file, marked(fs::read(&file).unwrap())).unwrap();
    let host = Setup::at(place).start().await;
    let reason = pinned(&host, "handler_blocks").await;
    assert_eq!(reason, "the library is marked as not to be unloaded");
    host.assert_serves().await;
}

/// A library with the flag that the linker sets for `-z nodelete`.
fn marked(mut bytes: Vec<u8>) -> Vec<u8> {
    const DT_FLAGS_1: u64 = 0x6fff_fffb;
    const DF_1_NODELETE: u8 = 8;
    let file = object::File::parse(&*bytes).unwrap();
    let (start, len) = file
        .section_by_name(".dynamic")
        .unwrap()
        .file_range()
        .unwrap();
    let entries = start as usize..(start + len) as usize;
    let entry = entries
        .step_by(16)
        .find(|at| bytes[*at..at + 8] == DT_FLAGS_1.to_le_bytes());
    bytes[entry.unwrap() + 8] |= DF_1_NODELETE;
    bytes
}

/// A thread that is in the C library's last instructions for it holds no lease, and would come back into code that is gone.
#[tokio::test]
async fn a_thread_that_ends_in_a_slow_destructor_pins_it_until_that_is_over() {
    let host = host("thread_local_is_slow").await;
    let (gate, words) = gate(&host.place);
    let router = host.router().clone();
    let caller = thread::Builder::new().name("slow-ender".to_owned());
    let caller = caller.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let call = router.route_task("thread_local_is_slow", words);
        runtime.unwrap().block_on(call).unwrap();
    });
    super::until(&host, "thread_local_is_slow", |_| {
        gate.with_extension("begun").exists().then_some(())
    })
    .await;
    let reason = pinned(&host, "thread_local_is_slow").await;
    assert_eq!(reason, "thread slow-ender still holds values of it");
    fs::write(gate.with_extension("end"), "").unwrap();
    unloaded(&host, "thread_local_is_slow").await;
    caller.unwrap().join().unwrap();
}

#[tokio::test]
async fn an_answer_that_somebody_keeps_pins_it_and_a_panic_in_its_release_is_logged() {
    let host = host("reply_release_panics").await;
    let answer = host.router().route_task("reply_release_panics", "").await;
    let reason = pinned(&host, "reply_release_panics").await;
    assert_eq!(reason, "leases (1 reply)");
    assert_eq!(answer.unwrap().to_str().unwrap().len(), 1 << 16);
    unloaded(&host, "reply_release_panics").await;
    assert!(!logged("the answer would not go").is_empty());
}

/// The process has 1024 of them.
#[tokio::test]
async fn keys_in_bulk_are_given_back_with_each_generation() {
    let host = host("makes_keys").await;
    for generation in 2..22 {
        host.call("makes_keys", "200").await.unwrap();
        assert_eq!(host.reload("makes_keys").await.unwrap(), generation);
        super::until(&host, "makes_keys", |host| {
            let status = host.status("makes_keys");
            status.retired.is_empty().then_some(())
        })
        .await;
    }
    is_unloaded_when_disabled(&host, "makes_keys").await;
}

/// Their numbers are another's by then.
#[tokio::test]
async fn keys_that_a_plugin_deleted_itself_are_not_deleted_again() {
    let host = Setup::with(&["echo", "deletes_its_keys", "uses_keys"])
        .start()
        .await;
    host.call("deletes_its_keys", "100").await.unwrap();
    assert_eq!(host.call("uses_keys", "100").await.unwrap(), "100");
    is_unloaded_when_disabled(&host, "deletes_its_keys").await;
    assert_eq!(host.call("uses_keys", "").await.unwrap(), "100");
    is_unloaded_when_disabled(&host, "uses_keys").await;
}

/// A route that answers never.
fn add_never(host: &TestHost) {
    let never = agent_fn("never", "Answers never.", |_| {
        std::future::pending::<Result<&str, _>>()
    });
    let never: Arc<dyn Agent> = Arc::new(never);
    host.router()
        .register_agents(vec![("never".to_owned(), never)])
        .unwrap();
}

/// What the host has of its wakers is dropped while their code is there.
#[tokio::test]
async fn futures_of_the_hosts_that_a_plugin_keeps_do_not_keep_its_library() {
    let host = host("holds_a_storage_future").await;
    add_never(&host);
    let journal = host.place.journal();
    let path = journal.path().to_str().unwrap().to_owned();
    host.call("holds_a_storage_future", path).await.unwrap();
    let dropped = "waker of routed dropped".to_owned();
    assert!(!journal.lines().contains(&dropped));
    is_unloaded_when_disabled(&host, "holds_a_storage_future").await;
    assert!(journal.lines().contains(&dropped), "{:?}", journal.lines());
}

#[tokio::test]
async fn a_waker_that_panics_is_caught_and_its_call_is_cut_off() {
    let host = host("waker_panics").await;
    add_never(&host);
    let router = host.router().clone();
    let call = tokio::spawn(async move { router.route_task("waker_panics", "never").await });
    super::until(&host, "waker_panics", |host| {
        let mut routes = host.routes().into_iter();
        let never = routes.find(|route| route.name == "never");
        (never.unwrap().agents[0].in_flight > 0).then_some(())
    })
    .await;
    is_unloaded_when_disabled(&host, "waker_panics").await;
    call.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn the_loader_too_says_which_thread_still_runs() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "leaves_a_thread", NoServices);
    let instance = agentsys_loader::Instance::create(&generation).unwrap();
    crate::harness::loader::outcome(instance.initialize(Default::default()))
        .await
        .unwrap();
    let number = crate::harness::loader::handler(&generation, "leaves_a_thread");
    let (gate, words) = gate(&place);
    let words = crate::harness::loader::text(&words);
    let invoked = instance.invoke(number, &crate::harness::loader::SomeTask, words, None);
    crate::harness::loader::outcome(invoked).await.unwrap();
    drop((instance, generation));
    pass_by();
    end.ended(|end| *end == End::Pinned(Pin::Threads(vec!["left-behind".to_owned()])))
        .await;
    fs::write(gate, "").unwrap();
    end.unloaded().await;
}
