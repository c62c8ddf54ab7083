//! The events of plugins' lives: each step, in order, by the table of the machine, and never an end between two states.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agentsys_host::{Host, HostBuilder, PluginEvent, PluginOptions, PluginState, TaskOptions};
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Builder;

use crate::player::{Stage, bare, on_this_runtime, part, status, tell};

async fn all(host: &Host) -> Vec<PluginEvent> {
    let (mut events, mut all) = (host.events(), Vec::new());
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

#[tokio::test]
async fn a_reader_gets_the_history_then_what_comes_then_the_end() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("p", "1.2.3", &[]))
        .plugin_options("p", stage.plays())
        .build()
        .await
        .unwrap();
    let reading = tokio::spawn({
        let host = host.clone();
        async move { all(&host).await }
    });
    host.shutdown().await;
    use PluginState::{Discovered, Draining, Initializing, Loaded, Running, Stopped};
    let life = [Discovered, Loaded, Initializing, Running, Draining, Stopped];
    let read = reading.await.unwrap();
    assert_eq!(read.iter().map(|event| event.to).collect::<Vec<_>>(), life);
    let before = std::iter::once(None).chain(life.map(Some));
    assert!(
        read.iter()
            .map(|event| event.from)
            .eq(before.take(life.len()))
    );
    for event in &read {
        assert_eq!(
            (event.plugin.as_str(), event.version.as_deref()),
            ("p", Some("1.2.3"))
        );
        let generation = (event.to != Discovered).then_some(1);
        assert_eq!(event.generation, generation, "{event:?}");
    }
    assert!(read.is_sorted_by_key(|event| event.at));
    // Who asks after the end gets the same.
    assert_eq!(all(&host).await, read);
}

#[tokio::test]
async fn events_end_also_where_the_host_is_dropped() {
    let host = bare().build().await.unwrap();
    let mut events = host.events();
    drop(host);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_reason_of_a_step_goes_with_it() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("fails", "1.0.0", &[]))
        .linked(part("off", "1.0.0", &[]))
        .plugin_options("fails", stage.acts(json!({ "fails": 1 })))
        .plugin_options("off", stage.plays().enabled(false))
        .plugin_options("nowhere", PluginOptions::default())
        .build()
        .await
        .unwrap();
    host.shutdown().await;
    let reasons = all(&host)
        .await
        .into_iter()
        .filter_map(|event| Some((event.plugin, event.reason?)));
    let expected = [
        ("fails", "`initialize` failed: no luck (1)"),
        (
            "nowhere",
            r#"no plugin directory holds a library that calls itself "nowhere""#,
        ),
        ("off", "its config says `enabled = false`"),
    ];
    let expected = expected.map(|(plugin, reason)| (plugin.to_owned(), reason.to_owned()));
    assert_eq!(
        reasons.collect::<BTreeMap<_, _>>(),
        BTreeMap::from(expected)
    );
}

/// Each pair of states between which the machine's table has a step.
fn table() -> BTreeSet<(String, String)> {
    let rows = include_str!("../../host/core/src/lifecycle/machine.rs").lines();
    let rows = rows.filter_map(|line| line.strip_prefix("//! | "));
    let cells = rows.map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect());
    let steps = cells
        .filter_map(|cells: Vec<String>| Some((cells.first()?.clone(), cells.get(2)?.clone())));
    steps.collect()
}

/// A plugin of a random host.
#[derive(Debug, Clone)]
struct Role {
    fails: u32,
    panics: bool,
    waits_from: u32,
    enabled: bool,
    lazy: bool,
    instances: usize,
    restarts: u32,
    /// The plugin that it needs, itself and later ones included: circles too.
    needs: Option<usize>,
}

fn role() -> impl Strategy<Value = Role> {
    let fails = prop_oneof![3 => Just(0), 1 => 1_u32..4, 1 => Just(99)];
    let waits = prop_oneof![4 => Just(0), 1 => 1_u32..3];
    let needs = prop_oneof![2 => Just(None), 1 => (0_usize..6).prop_map(Some)];
    let flags = (any::<bool>(), prop::bool::weighted(0.9), any::<bool>());
    let all = (fails, waits, needs, flags, 1_usize..3, 0_u32..3);
    all.prop_map(
        |(fails, waits_from, needs, flags, instances, restarts)| Role {
            fails,
            panics: flags.0,
            waits_from,
            enabled: flags.1,
            lazy: flags.2,
            instances,
            restarts,
            needs,
        },
    )
}

/// What happens to a random host.
#[derive(Debug, Clone)]
enum Act {
    /// A call that is not waited for.
    Send(usize, &'static str),
    /// A call that is.
    Call(usize, &'static str),
    Wait(u32),
    Open,
    /// One more plugin, for some time.
    Scoped(usize, u32),
}

fn act() -> impl Strategy<Value = Act> {
    let text = || prop::sample::select(vec!["hi", "panic", "fail", "sleep 7", "work"]);
    prop_oneof![
        (0_usize..6, text()).prop_map(|(at, text)| Act::Send(at, text)),
        (0_usize..6, text()).prop_map(|(at, text)| Act::Call(at, text)),
        (0_u32..3000).prop_map(Act::Wait),
        Just(Act::Open),
        (0_usize..6, 0_u32..2000).prop_map(|(at, time)| Act::Scoped(at, time)),
    ]
}

/// A random host and what it lives through; a `unit` is a millisecond of paused time, and less of real time.
struct Life {
    roles: Vec<Role>,
    acts: Vec<Act>,
    unit: Duration,
}

impl Life {
    /// Goes on until the host's shutdown, and looks at what is left.
    async fn live(self, builder: HostBuilder) {
        let stage = Stage::new();
        let host = host_of(builder, &self, &stage).await;
        play(&host, &stage, &self).await;
        let opening = stage.clone();
        tokio::join!(host.shutdown(), async move { opening.open() });
        let events = all(&host).await;
        stage.all_dropped().await;
        check(&host, &events, &table());
    }
}

async fn host_of(mut builder: HostBuilder, life: &Life, stage: &Stage) -> Host {
    let Life { roles, unit, .. } = life;
    for (at, role) in roles.iter().enumerate() {
        let needs = role
            .needs
            .map(|needed| format!("p{}", needed % roles.len()));
        let config =
            json!({ "fails": role.fails, "panics": role.panics, "waits_from": role.waits_from });
        let options = stage
            .acts(config)
            .enabled(role.enabled)
            .lazy(role.lazy)
            .instances(role.instances)
            .initialize_timeout(*unit * 30_000)
            .retry_count(0);
        let options = match role.restarts {
            0 => options,
            limit => options.restart_on_failure(limit, *unit * 500),
        };
        let name = format!("p{at}");
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        builder = builder
            .linked(part(&name, "1.0.0", &needs))
            .plugin_options(name, options);
    }
    builder.build().await.unwrap()
}

async fn play(host: &Host, stage: &Stage, life: &Life) {
    let (plugins, unit) = (life.roles.len(), life.unit);
    for act in life.acts.clone() {
        match act {
            Act::Send(at, text) => {
                let (host, name) = (host.clone(), format!("p{}", at % plugins));
                drop(tokio::spawn(async move { tell(&host, &name, text).await }));
                tokio::task::yield_now().await;
            }
            Act::Call(at, text) => drop(tell(host, &format!("p{}", at % plugins), text).await),
            Act::Wait(units) => tokio::time::sleep(unit * units).await,
            Act::Open => stage.open(),
            Act::Scoped(at, units) => {
                let options = stage.acts(json!({ "waits_from": at % 2 }));
                let options = options.library(format!("p{}", at % plugins));
                let using = host.with_plugin("extra", options, async |plugin| {
                    let call = plugin.process_with("sleep 0", TaskOptions::default());
                    drop(call.await);
                });
                // Given up where that takes longer.
                drop(tokio::time::timeout(unit * units, using).await);
            }
        }
    }
}

fn check(host: &Host, events: &[PluginEvent], table: &BTreeSet<(String, String)>) {
    use PluginState::{Disabled, Discovered, Failed, Stopped};
    for plugin in host.plugins() {
        let at_rest = matches!(plugin.state, Discovered | Failed | Stopped | Disabled);
        assert!(at_rest, "{plugin:?} after {events:#?}");
    }
    let mut last: BTreeMap<&str, PluginState> = BTreeMap::new();
    for event in events {
        let before = last.insert(&event.plugin, event.to);
        match event.from {
            // `extra` comes more than once, each time anew.
            None => assert!(before.is_none_or(|before| before == Stopped), "{event:?}"),
            Some(from) => {
                assert_eq!(before, Some(from), "{event:?}");
                assert!(
                    table.contains(&(from.to_string(), event.to.to_string())),
                    "{event:?}"
                );
            }
        }
    }
    for (name, state) in last {
        match host.plugin(name) {
            Ok(_) => assert_eq!(state, status(host, name).state, "{name} after {events:#?}"),
            Err(_) => assert_eq!(state, Stopped, "{name} after {events:#?}"),
        }
    }
    assert!(host.routes().is_empty(), "{:?}", host.routes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_order_of_events_leaves_a_plugin_between_states_or_an_instance_behind(
        roles in prop::collection::vec(role(), 1..6),
        acts in prop::collection::vec(act(), 0..14),
    ) {
        let life = Life { roles, acts, unit: Duration::from_millis(1) };
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async { life.live(on_this_runtime()).await });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn nor_does_any_order_on_many_threads(
        roles in prop::collection::vec(role(), 1..6),
        acts in prop::collection::vec(act(), 0..14),
    ) {
        let acts = acts.into_iter().filter(|act| !matches!(act, Act::Send(_, "sleep 7") | Act::Call(_, "sleep 7")));
        let life = Life { roles, acts: acts.collect(), unit: Duration::from_micros(1) };
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(life.live(bare()));
    }
}
