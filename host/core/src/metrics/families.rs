//! The figures as monitoring systems have them: families of samples with labels, each family with a kind and a line of help.

use std::collections::BTreeMap;

use agentsys_router::{AgentMetrics, Summary};

use super::{HostMetrics, Metric};

/// Samples of one name.
#[derive(Debug)]
pub(super) struct Family {
    /// Letters, digits and `_`; a counter's ends with `_total`.
    pub(super) name: String,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Summary,
}

pub(super) type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Number(f64),
    Summary(Summary),
}

/// The quantiles that a summary has, as labels have them.
pub(super) fn quantiles(summary: &Summary) -> impl Iterator<Item = (&'static str, f64)> {
    let all = [
        ("0.5", summary.p50),
        ("0.9", summary.p90),
        ("0.99", summary.p99),
        ("0.999", summary.p999),
    ];
    all.into_iter()
        .filter_map(|(quantile, value)| Some((quantile, value?)))
}

/// Families in the order in which they are first spoken of.
#[derive(Default)]
struct Families(Vec<Family>);

impl Families {
    fn add(&mut self, name: &str, kind: Kind, help: &'static str, labels: &Labels, value: Value) {
        let sample = Sample {
            labels: labels.clone(),
            value,
        };
        match self.0.iter_mut().find(|family| family.name == name) {
            Some(family) => family.samples.push(sample),
            None => self.0.push(Family {
                name: name.to_owned(),
                help,
                kind,
                samples: vec![sample],
            }),
        }
    }

    fn count(&mut self, name: &str, help: &'static str, labels: &Labels, count: u64) {
        let value = Value::Number(count as f64);
        self.add(name, Kind::Counter, help, labels, value);
    }

    fn level(&mut self, name: &str, help: &'static str, labels: &Labels, level: f64) {
        self.add(name, Kind::Gauge, help, labels, Value::Number(level));
    }

    fn spread(&mut self, name: &str, help: &'static str, labels: &Labels, summary: &Summary) {
        let value = Value::Summary(summary.clone());
        self.add(name, Kind::Summary, help, labels, value);
    }

    fn errors(
        &mut self,
        name: &str,
        help: &'static str,
        labels: &Labels,
        errors: &BTreeMap<&'static str, u64>,
    ) {
        for (kind, count) in errors {
            let labels = [&labels[..], &[("kind", (*kind).to_owned())]].concat();
            self.count(name, help, &labels, *count);
        }
    }
}

pub(super) fn families(metrics: &HostMetrics) -> Vec<Family> {
    let mut all = Families::default();
    for route in &metrics.routes {
        let labels = vec![("route", route.route.clone())];
        let counts = [
            ("calls", "Tasks that were sent to the route.", route.calls),
            ("retries", "Attempts beyond the first ones.", route.retries),
            (
                "retries_refused",
                "Retries that the budget did not allow.",
                route.retries_refused,
            ),
            ("fallbacks", "Tasks that got the fallback.", route.fallbacks),
            (
                "rejected",
                "Tasks that were refused, since too many waited.",
                route.rejected,
            ),
        ];
        for (what, help, count) in counts {
            all.count(
                &format!("agentsys_route_{what}_total"),
                help,
                &labels,
                count,
            );
        }
        let help = "Tasks that failed in the end, by kind of failure.";
        all.errors("agentsys_route_errors_total", help, &labels, &route.errors);
        let help = "Attempts that are with the route's agents now.";
        all.level(
            "agentsys_route_under_way",
            help,
            &labels,
            route.under_way as f64,
        );
        let help = "Tasks that wait now, for a place or an agent.";
        all.level(
            "agentsys_route_waiting",
            help,
            &labels,
            route.waiting as f64,
        );
        let help = "How long tasks took; of those that were answered at once, some were measured.";
        all.spread(
            "agentsys_route_latency_seconds",
            help,
            &labels,
            &route.latency,
        );
        agents(&mut all, &route.route, &route.agents);
    }
    plugins(&mut all, metrics);
    all.0
}

fn agents(all: &mut Families, route: &str, agents: &[AgentMetrics]) {
    // Agents of a route may share a name, as a plugin's instances do; their ids are others with each replacement.
    let mut numbers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for agent in agents {
        let plugin = agent.owner.as_deref().unwrap_or_default();
        let number = numbers.entry((plugin, &agent.name)).or_default();
        *number += 1;
        let labels = vec![
            ("route", route.to_owned()),
            ("plugin", plugin.to_owned()),
            ("agent", agent.name.clone()),
            ("number", number.to_string()),
        ];
        let help = "Attempts that the agent got.";
        all.count("agentsys_agent_calls_total", help, &labels, agent.calls);
        let help = "Attempts that failed, by kind of failure.";
        all.errors("agentsys_agent_errors_total", help, &labels, &agent.errors);
        let help = "Tasks that failed with the agent and were tried again.";
        all.count("agentsys_agent_retries_total", help, &labels, agent.retries);
        let help = "Tasks that failed with the agent in the end and got the fallback.";
        all.count(
            "agentsys_agent_fallbacks_total",
            help,
            &labels,
            agent.fallbacks,
        );
        let help = "How many times the agent was left out, since it failed.";
        all.count(
            "agentsys_agent_ejections_total",
            help,
            &labels,
            agent.ejections,
        );
        let help = "Attempts that the agent has now.";
        all.level(
            "agentsys_agent_under_way",
            help,
            &labels,
            agent.under_way as f64,
        );
        let help = "1 while the agent is left out, since it failed.";
        all.level(
            "agentsys_agent_ejected",
            help,
            &labels,
            f64::from(u8::from(agent.ejected)),
        );
        let help =
            "How long attempts took; of those that were answered at once, some were measured.";
        all.spread(
            "agentsys_agent_latency_seconds",
            help,
            &labels,
            &agent.latency,
        );
    }
}

fn plugins(all: &mut Families, metrics: &HostMetrics) {
    for plugin in &metrics.plugins {
        let labels = vec![("plugin", plugin.plugin.clone())];
        let calls = &plugin.calls;
        let help = "Calls of the plugin's handlers.";
        all.count("agentsys_plugin_calls_total", help, &labels, calls.calls);
        let help = "Calls that failed, by kind of failure.";
        all.errors("agentsys_plugin_errors_total", help, &labels, &calls.errors);
        let help = "Tasks that failed with the plugin's agents and were tried again.";
        all.count(
            "agentsys_plugin_retries_total",
            help,
            &labels,
            plugin.retries,
        );
        let help = "Tasks that failed with the plugin's agents in the end and got the fallback.";
        all.count(
            "agentsys_plugin_fallbacks_total",
            help,
            &labels,
            plugin.fallbacks,
        );
        let help = "How many times the plugin's code held a worker for too long.";
        all.count(
            "agentsys_plugin_held_workers_total",
            help,
            &labels,
            plugin.held_workers,
        );
        let help = "Attempts that the plugin's agents have now.";
        all.level(
            "agentsys_plugin_under_way",
            help,
            &labels,
            plugin.under_way as f64,
        );
        let help = "Agents of the plugin that are left out now, since they fail.";
        all.level(
            "agentsys_plugin_ejected",
            help,
            &labels,
            plugin.ejected as f64,
        );
        let help = "How long calls took; of those that were answered at once, some were measured.";
        all.spread(
            "agentsys_plugin_latency_seconds",
            help,
            &labels,
            &calls.latency,
        );
    }
    // What a plugin calls its own may be another's of another kind, or end as a summary's parts do: so each kind has an end of its own.
    for plugin in &metrics.plugins {
        let labels = vec![("plugin", plugin.plugin.clone())];
        let help = "Measured by plugins themselves.";
        for (name, metric) in &plugin.metrics {
            let named = |end: &str| format!("agentsys_own_{name}_{end}");
            match metric {
                Metric::Counter(value) => {
                    let value = Value::Number(*value);
                    all.add(&named("total"), Kind::Counter, help, &labels, value);
                }
                Metric::Gauge(value) => all.level(&named("value"), help, &labels, *value),
                Metric::Histogram(summary) => all.spread(&named("values"), help, &labels, summary),
            }
        }
    }
}
