//! Plugins that need each other: the order of their start and end, and what each is told that has to wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agentsys_host::{Host, HostBuilder, PluginState};
use serde_json::json;

use crate::player::{Stage, bare, on_this_runtime, part, status};

#[tokio::test]
async fn plugins_start_after_those_that_they_need_and_stop_before_them() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("a", "1.0.0", &["b ^2", "c"]))
        .linked(part("b", "2.1.0", &["c"]))
        .linked(part("c", "1.0.0", &[]))
        .plugin_options("a", stage.plays())
        .plugin_options("b", stage.plays())
        .plugin_options("c", stage.plays())
        .build()
        .await
        .unwrap();
    host.shutdown().await;
    let expected = [
        "c initialized",
        "b initialized",
        "a initialized",
        "a cleaned up",
        "a dropped",
        "b cleaned up",
        "b dropped",
        "c cleaned up",
        "c dropped",
    ];
    assert_eq!(stage.lines(), expected);
}

/// Why that plugin waits.
fn waits(host: &Host, name: &str) -> String {
    let status = status(host, name);
    assert_eq!(status.state, PluginState::Discovered, "{status:?}");
    status.reason.unwrap()
}

#[tokio::test]
async fn whoever_cannot_start_says_why_to_the_end_of_the_chain() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("alone", "1.0.0", &["nobody ^1.2"]))
        .linked(part("behind", "1.0.0", &["alone"]))
        .linked(part("old", "1.0.0", &[]))
        .linked(part("wants-new", "1.0.0", &["old ^2"]))
        .linked(part("off", "1.0.0", &[]))
        .linked(part("wants-off", "1.0.0", &["off"]))
        .linked(part("fails", "1.0.0", &[]))
        .linked(part("wants-fails", "1.0.0", &["fails"]))
        .linked(part("x", "1.0.0", &["y"]))
        .linked(part("y", "1.0.0", &["z"]))
        .linked(part("z", "1.0.0", &["x"]))
        .linked(part("wants-x", "1.0.0", &["old", "x"]))
        .linked(part("itself", "1.0.0", &["itself"]))
        .plugin_options("old", stage.plays())
        .plugin_options("off", stage.plays().enabled(false))
        .plugin_options("fails", stage.acts(json!({ "fails": 1 })))
        .build()
        .await
        .unwrap();
    let nobody = "needs nobody ^1.2, and there is no such plugin";
    assert_eq!(waits(&host, "alone"), nobody);
    assert_eq!(
        waits(&host, "behind"),
        format!("waits for alone, which {nobody}")
    );
    assert_eq!(waits(&host, "wants-new"), "needs old ^2, and old is 1.0.0");
    assert_eq!(
        waits(&host, "wants-off"),
        "waits for off, which is disabled"
    );
    assert_eq!(
        waits(&host, "wants-fails"),
        "waits for fails, which failed: `initialize` failed: no luck (1)"
    );
    let circle = "is part of a circle of plugins that need each other:";
    assert_eq!(waits(&host, "x"), format!("{circle} x -> y -> z -> x"));
    assert_eq!(waits(&host, "z"), format!("{circle} z -> x -> y -> z"));
    assert_eq!(
        waits(&host, "wants-x"),
        format!("waits for x, which {circle} x -> y -> z -> x")
    );
    assert_eq!(waits(&host, "itself"), format!("{circle} itself -> itself"));
    assert_eq!(stage.lines(), ["old initialized"]);
    host.shutdown().await;
    assert_eq!(waits(&host, "alone"), nobody);
}

#[tokio::test(start_paused = true)]
async fn a_dependent_of_a_failed_plugin_starts_when_that_is_up_again() {
    let stage = Stage::new();
    let flaky = stage.acts(json!({ "fails": 2 }));
    let host = on_this_runtime()
        .linked(part("above", "1.0.0", &["flaky ^1"]))
        .linked(part("flaky", "1.0.0", &[]))
        .plugin_options("above", stage.plays())
        .plugin_options(
            "flaky",
            flaky.restart_on_failure(5, Duration::from_secs(60)),
        )
        .build()
        .await
        .unwrap();
    let why = |tries: u32| {
        format!("waits for flaky, which failed: `initialize` failed: no luck ({tries})")
    };
    assert_eq!(waits(&host, "above"), why(1));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(waits(&host, "above"), why(2));
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert_eq!(status(&host, "above").state, PluginState::Running);
    assert_eq!(status(&host, "above").reason, None);
    assert_eq!(stage.lines(), ["flaky initialized", "above initialized"]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_library_under_other_names_serves_those_that_need_it() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("base", "1.4.0", &[]))
        .linked(part("above", "1.0.0", &["base ^1.2"]))
        .plugin_options("first", stage.acts(json!({ "fails": 1 })).library("base"))
        .plugin_options("second", stage.plays().library("base"))
        .plugin_options("above", stage.plays())
        .build()
        .await
        .unwrap();
    assert_eq!(stage.lines(), ["second initialized", "above initialized"]);
    host.shutdown().await;
    let lines = stage.lines();
    let at = |line: &str| lines.iter().position(|noted| noted == line).unwrap();
    assert!(at("above dropped") < at("second cleaned up"), "{lines:?}");
}

/// Fifty plugins: what each needs. Their names say nothing of their order.
fn web() -> BTreeMap<String, Vec<String>> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut numbers: Vec<usize> = (0..50).collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, random.below(at + 1));
    }
    let names: Vec<String> = numbers
        .iter()
        .map(|number| format!("p{number:02}"))
        .collect();
    let needs = |at: usize, random: &mut Random| -> Vec<String> {
        let count = random.below(4).min(at);
        let needs: BTreeSet<usize> = (0..count).map(|_| random.below(at)).collect();
        needs.into_iter().map(|at| names[at].clone()).collect()
    };
    (0..50)
        .map(|at| (names[at].clone(), needs(at, &mut random)))
        .collect()
}

/// An order that is the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

fn host_of(web: &BTreeMap<String, Vec<String>>, stage: &Stage) -> HostBuilder {
    web.iter().fold(bare(), |builder, (name, needs)| {
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        builder
            .linked(part(name, "1.0.0", &needs))
            .plugin_options(name, stage.plays())
    })
}

/// All that need it, directly or not.
fn dependents(web: &BTreeMap<String, Vec<String>>, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([name.to_owned()]);
    loop {
        let before = found.len();
        let more = web
            .iter()
            .filter(|(_, needs)| needs.iter().any(|need| found.contains(need)));
        let more: Vec<String> = more.map(|(name, _)| name.clone()).collect();
        found.extend(more);
        if found.len() == before {
            found.remove(name);
            return found;
        }
    }
}

#[tokio::test]
async fn a_web_of_fifty_plugins_starts_and_stops_in_an_order_that_respects_every_need() {
    let (stage, web) = (Stage::new(), web());
    let host = host_of(&web, &stage).build().await.unwrap();
    host.shutdown().await;
    let lines = stage.lines();
    assert_eq!(lines.len(), 150);
    let at = |name: &str, what: &str| {
        let line = format!("{name} {what}");
        lines
            .iter()
            .position(|noted| *noted == line)
            .unwrap_or_else(|| panic!("no {line}"))
    };
    for (name, needs) in &web {
        for need in needs {
            assert!(
                at(need, "initialized") < at(name, "initialized"),
                "{name} needs {need}"
            );
            assert!(
                at(name, "dropped") < at(need, "cleaned up"),
                "{name} needs {need}"
            );
        }
    }
}

#[tokio::test]
async fn where_one_of_fifty_fails_exactly_those_that_need_it_wait_each_with_a_chain_to_the_cause() {
    let (stage, web) = (Stage::new(), web());
    // One in the middle: of those that have needs, the one with the most dependents.
    let middle = web.keys().filter(|name| !web[*name].is_empty());
    let failing = middle
        .max_by_key(|name| dependents(&web, name).len())
        .unwrap();
    let waiting = dependents(&web, failing);
    assert!(waiting.len() > 5, "{waiting:?}");
    let host = host_of(&web, &stage)
        .plugin_options(failing, stage.acts(json!({ "fails": 1 })))
        .build()
        .await
        .unwrap();
    for plugin in host.plugins() {
        let name = &plugin.name;
        if name == failing {
            assert_eq!(plugin.state, PluginState::Failed);
        } else if waiting.contains(name) {
            let reason = waits(&host, name);
            let chain = reason.strip_suffix(", which failed: `initialize` failed: no luck (1)");
            let mut at = name.as_str();
            for link in chain
                .unwrap_or_else(|| panic!("{name} {reason}"))
                .split(", which ")
            {
                let next = link.strip_prefix("waits for ").unwrap();
                assert!(
                    web[at].iter().any(|need| need == next),
                    "{at} needs no {next}"
                );
                at = next;
            }
            assert_eq!(at, failing);
        } else {
            assert_eq!(plugin.state, PluginState::Running, "{plugin:?}");
        }
    }
    host.shutdown().await;
    assert_eq!(stage.count(" initialized"), 49 - waiting.len());
    assert_eq!(stage.count(" dropped"), 49 - waiting.len());
}
