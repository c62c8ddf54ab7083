//! A host in a program of another's: in any runtime, with the program's own agents, storage, strategy, subscriber and panic hook.

use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use agentsys_host::storage::StorageConfig;
use agentsys_host::{
    Candidate, Config, ErrorKind, Host, HostBuilder, Payload, PluginState, RoutingStrategy,
    Selection, Task, TaskError, agent_fn,
};
use tokio::runtime::Builder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Instrument, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::child::run_alone;
use crate::harness::{Place, example};
use crate::player::{Stage, bare, on_this_runtime, part, tell};
use crate::shelf::Shelf;

#[test]
fn the_example_of_an_embedder_runs() {
    let place = Place::new();
    place.add("echo");
    let output = Command::new(example("agentsys-host", "embed"))
        .arg(place.plugins())
        .arg(place.state())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "plugin echo is running\nshout answers HELLO\necho answers hello\n"
    );
}

/// A host that is built, used and shut down in whatever runtime this runs.
async fn serves_here() {
    let stage = Stage::new();
    let host = with_p(bare(), &stage).build().await.unwrap();
    assert_eq!(tell(&host, "p", "hi").await.unwrap(), "p says hi");
    let slow = tell(&host, "p", "sleep 0").await.unwrap();
    assert_eq!(slow, "p slept");
    host.shutdown().await;
    assert_eq!(
        stage.lines(),
        ["p initialized", "p cleaned up", "p dropped"]
    );
}

fn with_p(builder: HostBuilder, stage: &Stage) -> HostBuilder {
    let builder = builder.linked(part("p", "1.0.0", &[]));
    builder.plugin_options("p", stage.plays())
}

#[tokio::test]
async fn a_host_works_in_a_current_thread_runtime() {
    serves_here().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_works_in_a_multi_thread_runtime() {
    tokio::spawn(serves_here()).await.unwrap();
}

#[test]
fn a_host_that_keeps_to_its_own_runtimes_outlives_the_one_that_built_it() {
    let stage = Stage::new();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let host = runtime().block_on(with_p(bare(), &stage).build()).unwrap();
    let answer = runtime().block_on(tell(&host, "p", "sleep 0"));
    assert_eq!(answer.unwrap(), "p slept");
    runtime().block_on(host.shutdown());
    assert_eq!(
        stage.lines(),
        ["p initialized", "p cleaned up", "p dropped"]
    );
}

#[test]
fn a_host_may_be_dropped_in_a_runtime_that_ends_and_after_one_that_ended() {
    for ended in [false, true] {
        let stage = Stage::new();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let builder = bare().runtime(runtime.handle().clone());
        let host = runtime.block_on(with_p(builder, &stage).build()).unwrap();
        if ended {
            drop(runtime);
            drop(host);
        } else {
            runtime.block_on(async { drop(host) });
        }
        // In a runtime that is the host's too, nobody can wait for that.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(stage.all_dropped());
        assert_eq!(stage.lines(), ["p initialized", "p dropped"]);
    }
}

#[tokio::test]
async fn a_host_that_is_dropped_without_a_shutdown_drops_its_plugins() {
    let stage = Stage::new();
    let host = with_p(bare(), &stage).build().await.unwrap();
    let router = host.router().clone();
    drop(host);
    assert_eq!(stage.lines(), ["p initialized", "p dropped"]);
    let error = router.route_task("play", "hi").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
}

#[tokio::test]
async fn a_plugin_reaches_the_programs_own_agents_and_the_program_a_plugin_by_its_name() {
    let stage = Stage::new();
    let shout = agent_fn("shout", "Says something loud.", async |_: Payload| {
        Ok("HEY")
    });
    let host = with_p(bare(), &stage)
        .agent("shout", shout)
        .build()
        .await
        .unwrap();
    assert_eq!(tell(&host, "p", "ask shout").await.unwrap(), "HEY");
    let error = host.plugin("q-p").unwrap_err().to_string();
    assert_eq!(error, r#"there is no plugin "q-p""#);
    let plugin = host.plugin("p").unwrap();
    host.shutdown().await;
    assert_eq!(
        plugin.process("hi").await.unwrap_err().kind(),
        ErrorKind::NotRunning
    );
    assert_eq!(plugin.status().unwrap().state, PluginState::Stopped);
}

#[tokio::test]
async fn a_plugins_name_that_is_nearly_one_is_hinted_at() {
    let builder = bare().linked(part("greeter", "1.0.0", &[]));
    let host = builder.build().await.unwrap();
    assert_eq!(
        host.plugin("greter").unwrap_err().to_string(),
        r#"there is no plugin "greter"; did you mean "greeter"?"#
    );
    host.shutdown().await;
}

#[tokio::test]
async fn a_program_brings_its_own_storage() {
    let stage = Stage::new();
    let shelf = Shelf::default();
    let builder = Host::builder().storage_backend(shelf.clone());
    let host = with_p(builder, &stage).build().await.unwrap();
    tell(&host, "p", "put a word").await.unwrap();
    assert_eq!(tell(&host, "p", "get").await.unwrap(), "a word");
    host.storage().put("said", "the host's").await.unwrap();
    assert_eq!(tell(&host, "p", "get").await.unwrap(), "a word");
    host.shutdown().await;
    assert_eq!(shelf.values(), ["the host's", "a word"].map(str::as_bytes));
    assert_eq!(shelf.steps(), ["connected", "disconnected"]);
}

/// Gives each task to the agent that was registered last.
struct Last;

impl RoutingStrategy for Last {
    fn name(&self) -> &str {
        "last"
    }

    fn select_agent(&self, agents: &[Candidate<'_>], _: &Task) -> Selection {
        agents.len().checked_sub(1).into()
    }
}

fn two_plugins(stage: &Stage, strategy: &str) -> HostBuilder {
    let mut config = Config::default();
    config.host.plugin_dirs.clear();
    config.router.strategy = strategy.to_owned();
    let builder = Host::builder()
        .config(config)
        .storage(StorageConfig::memory())
        .linked(part("first", "1.0.0", &[]))
        .linked(part("second", "1.0.0", &["first"]));
    let builder = builder.plugin_options("first", stage.plays());
    builder.plugin_options("second", stage.plays())
}

#[tokio::test]
async fn a_config_names_the_programs_own_strategy() {
    let stage = Stage::new();
    let builder = two_plugins(&stage, "last").strategy(Last);
    let host = builder.build().await.unwrap();
    for _ in 0..4 {
        let answer = host.router().route_task("play", "hi").await.unwrap();
        assert_eq!(answer.to_str().unwrap(), "second says hi");
    }
    host.shutdown().await;
    let error = two_plugins(&stage, "lasst")
        .strategy(Last)
        .build()
        .await
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains(r#"router.strategy is "lasst"; did you mean "last"?"#),
        "{said}"
    );
}

/// A subscriber that keeps messages, with the spans round them.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let mut words = Words::default();
        attributes.record(&mut words);
        context.span(id).unwrap().extensions_mut().insert(words);
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let spans = context
            .event_scope(event)
            .into_iter()
            .flatten()
            .map(|span| {
                let fields = span.extensions().get::<Words>().unwrap().0.clone();
                format!("{}{{{fields}}}", span.name())
            });
        let spans: Vec<String> = spans.collect();
        self.0
            .lock()
            .unwrap()
            .push(format!("{} in [{}]", words.0, spans.join(" ")));
    }
}

/// Fields as text.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&match field.name() {
            "message" => format!("{value:?}"),
            name => format!("{name}={value:?}"),
        });
    }
}

#[tokio::test]
async fn the_programs_own_subscriber_sees_what_a_linked_plugin_logs_in_a_span_that_names_it() {
    let ear = Ear::default();
    let subscriber = tracing_subscriber::registry().with(ear.clone());
    let _here = tracing::subscriber::set_default(subscriber);
    let stage = Stage::new();
    let host = with_p(on_this_runtime(), &stage).build().await.unwrap();
    let outer = tracing::info_span!("outer");
    tell(&host, "p", "log hello")
        .instrument(outer)
        .await
        .unwrap();
    tracing::info!("the program's own");
    host.shutdown().await;
    let heard = ear.0.lock().unwrap().clone();
    let hello: Vec<&String> = heard
        .iter()
        .filter(|line| line.starts_with("hello"))
        .collect();
    assert_eq!(hello, [r#"hello in [plugin{plugin="p"}]"#]);
    assert!(
        heard.contains(&"the program's own in []".to_owned()),
        "{heard:?}"
    );
}

/// A subscriber that asks the host about its plugins at each event.
struct Asks(Arc<OnceLock<Host>>);

impl<S: Subscriber> Layer<S> for Asks {
    fn on_event(&self, _: &Event<'_>, _: LayerContext<'_, S>) {
        if let Some(host) = self.0.get() {
            drop(host.plugins());
        }
    }
}

#[tokio::test]
async fn a_subscriber_may_ask_the_host_that_logs() {
    let asked = Arc::new(OnceLock::new());
    let subscriber = tracing_subscriber::registry().with(Asks(Arc::clone(&asked)));
    let _here = tracing::subscriber::set_default(subscriber);
    let stage = Stage::new();
    let host = with_p(on_this_runtime(), &stage).build().await.unwrap();
    asked.set(host.clone()).unwrap();
    tell(&host, "p", "panic").await.unwrap_err();
    // Waits for the instance that replaces the one that panicked.
    tell(&host, "p", "hi").await.unwrap();
    let more = host.with_plugin("more", stage.plays().library("p"), async |_| ());
    more.await.unwrap();
    host.shutdown().await;
    assert_eq!(stage.count(" initialized"), 3);
}

#[test]
fn the_programs_panic_hook_sees_its_own_panics_and_not_a_linked_plugins() {
    run_alone("embedding::panics_beside_a_host");
}

#[tokio::test]
#[ignore = "run in a process of its own, since a panic hook is the whole process's"]
async fn panics_beside_a_host() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    std::panic::set_hook(Box::new(|info| {
        let said = info.payload_as_str().unwrap_or_default().to_owned();
        SEEN.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(said);
    }));
    let stage = Stage::new();
    let bad = agent_fn(
        "bad",
        "Panics.",
        async |_: Payload| -> Result<Payload, TaskError> { panic!("the program's agent") },
    );
    let builder = with_p(bare(), &stage).agent("bad", bad);
    let host = builder.build().await.unwrap();
    tell(&host, "p", "panic").await.unwrap_err();
    assert_eq!(*SEEN.lock().unwrap(), [""; 0]);
    drop(std::thread::spawn(|| panic!("the program's thread")).join());
    drop(host.router().route_task("bad", "").await);
    // The program's agent, called by the plugin, on a thread that is in the plugin's code.
    tell(&host, "p", "ask bad").await.unwrap_err();
    host.shutdown().await;
    drop(std::thread::spawn(|| panic!("after the host")).join());
    let expected = [
        "the program's thread",
        "the program's agent",
        "the program's agent",
        "after the host",
    ];
    // From here on a panic is to be seen again.
    drop(std::panic::take_hook());
    assert_eq!(*SEEN.lock().unwrap(), expected);
}
