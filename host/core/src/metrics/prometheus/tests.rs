//! Holds what is written to the format's rules, with a reader that takes nothing for granted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agentsys_router::{ErrorKind, Router, RouterConfig, Sketch, Summary, TaskError, agent_fn};

use super::*;
use crate::metrics::{CallMetrics, Metric, PluginMetrics};

fn summary(values: &[f64]) -> Summary {
    let sketch = Sketch::default();
    values.iter().for_each(|value| sketch.add(*value));
    sketch.summary()
}

fn plugin(name: &str, metrics: &[(&str, Metric)]) -> PluginMetrics {
    PluginMetrics {
        plugin: name.to_owned(),
        calls: CallMetrics {
            calls: 5,
            errors: [("failed", 1), ("timeout", 2)].into(),
            latency: summary(&[0.5]),
        },
        retries: 2,
        fallbacks: 1,
        under_way: 1,
        ejected: 0,
        held_workers: 3,
        metrics: metrics
            .iter()
            .map(|(name, metric)| ((*name).to_owned(), metric.clone()))
            .collect(),
    }
}

/// Figures with all that is hard to write.
async fn hard() -> HostMetrics {
    let router = Router::new(RouterConfig::default());
    let odd = "a \"b\" \\ é";
    for _ in 0..2 {
        let fails = agent_fn(odd, "", async |_| {
            Err::<&str, _>(TaskError::new(ErrorKind::InvalidInput, "no"))
        });
        let agent = Arc::new(fails);
        router
            .register_agents(vec![(odd.to_owned(), agent)])
            .unwrap();
    }
    router.start();
    router.route_task(odd, "").await.unwrap_err();
    let of = |value| Metric::Histogram(summary(value));
    HostMetrics {
        routes: router.metrics(),
        plugins: vec![
            plugin("a-b", &[("x", Metric::Counter(1.5)), ("x_sum", of(&[]))]),
            plugin(
                "a_b",
                &[("x", of(&[1.0, 2.0])), ("x_total", Metric::Gauge(-1e-9))],
            ),
        ],
    }
}

/// A reader of the format that takes nothing for granted: name, labels and value of each line, by family.
struct Read {
    kinds: BTreeMap<String, String>,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn read(text: &str) -> Read {
    assert!(text.ends_with('\n') && !text.contains("\n\n"));
    let (mut kinds, mut samples) = (BTreeMap::new(), Vec::new());
    let (mut helped, mut now) = (BTreeSet::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let name = help.split(' ').next().unwrap();
            assert!(helped.insert(name.to_owned()), "{name} has its help twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "{name} has no help before its type");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none());
            now = name.to_owned();
        } else {
            let (name, rest) = line.split_once('{').unwrap();
            let (labels, value) = labels(rest);
            let value: f64 = value.strip_prefix(' ').unwrap().parse().unwrap();
            let end = name
                .strip_prefix(&now)
                .unwrap_or_else(|| panic!("{name} in {now}"));
            match kinds[&now].as_str() {
                "summary" => assert!(
                    ["_sum", "_count"].contains(&end)
                        || end.is_empty() && labels.contains_key("quantile")
                ),
                "counter" => assert!(end.is_empty() && now.ends_with("_total") && value >= 0.0),
                _ => assert!(end.is_empty()),
            }
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(plain), "{name}");
            samples.push((name.to_owned(), labels, value));
        }
    }
    Read { kinds, samples }
}

/// Labels up to the brace, and what is behind it.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap();
        let (mut value, mut chars) = (String::new(), behind.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c} is no escape"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(
            labels.insert(name.to_owned(), value).is_none(),
            "{name} twice"
        );
        rest = &behind[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix('}').unwrap()),
        }
    }
}

#[tokio::test]
async fn what_is_written_is_read_as_it_was() {
    let metrics = hard().await;
    let read = read(&metrics.to_prometheus());
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let mut found = read.samples.iter().filter(|(sample, labels, _)| {
            sample == name
                && wanted
                    .iter()
                    .all(|(label, value)| labels[*label] == **value)
        });
        let (_, _, value) = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(found.next().is_none(), "{name} is not one sample");
        *value
    };
    let odd = "a \"b\" \\ é";
    assert_eq!(value("agentsys_route_calls_total", &[("route", odd)]), 1.0);
    let failed = [("route", odd), ("kind", "invalid_input")];
    assert_eq!(value("agentsys_route_errors_total", &failed), 1.0);
    let first = [("agent", odd), ("number", "1"), ("plugin", "")];
    let second = [("agent", odd), ("number", "2")];
    let calls = |labels| value("agentsys_agent_calls_total", labels);
    assert_eq!(calls(&first) + calls(&second), 1.0);
    assert_eq!(
        value(
            "agentsys_plugin_errors_total",
            &[("plugin", "a-b"), ("kind", "timeout")]
        ),
        2.0
    );
    assert_eq!(
        value("agentsys_plugin_latency_seconds_sum", &[("plugin", "a-b")]),
        0.5
    );
    assert_eq!(
        value(
            "agentsys_plugin_latency_seconds_count",
            &[("plugin", "a-b")]
        ),
        1.0
    );
    let median = [("plugin", "a-b"), ("quantile", "0.5")];
    assert_eq!(value("agentsys_plugin_latency_seconds", &median), 0.5);
    assert_eq!(value("agentsys_own_x_total", &[]), 1.5);
    assert_eq!(value("agentsys_own_x_total_value", &[]), -1e-9);
    assert_eq!(value("agentsys_own_x_values_sum", &[]), 3.0);
    assert_eq!(value("agentsys_own_x_sum_values_count", &[]), 0.0);
}

#[tokio::test]
async fn no_sample_is_there_twice_and_each_family_has_a_kind() {
    let read = read(&hard().await.to_prometheus());
    let mut seen = BTreeSet::new();
    for (name, labels, _) in &read.samples {
        assert!(seen.insert((name, labels)), "{name} {labels:?}");
    }
    let kind = |name: &str| read.kinds[name].as_str();
    assert_eq!(kind("agentsys_route_under_way"), "gauge");
    assert_eq!(kind("agentsys_route_latency_seconds"), "summary");
    assert_eq!(kind("agentsys_agent_ejections_total"), "counter");
}

#[test]
fn a_line_stays_a_line() {
    assert_eq!(escaped("a\nb\\\"c\"", true), r#"a\nb\\\"c\""#);
    assert_eq!(escaped("a\nb\\\"c\"", false), r#"a\nb\\"c""#);
}
