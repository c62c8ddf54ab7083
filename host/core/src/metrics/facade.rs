//! The figures for whichever exporter the program has installed through the `metrics` crate. That facade costs a look-up for each call where it is
//! used as it is meant; here it gets a snapshot now and then, and no call knows of it.

use metrics::{Label, counter, describe_counter, describe_gauge, gauge};

use super::HostMetrics;
use super::families::{Kind, Labels, Value, families, quantiles};

impl HostMetrics {
    /// Gives the figures to the recorder of the `metrics` crate that is installed, under the names that [`to_prometheus`](Self::to_prometheus) has. To be called as often as
    /// they are to be seen.
    ///
    /// The facade counts in whole numbers, and takes no summaries: a quantile is a gauge with the label `quantile`, and `_sum` and `_count` are one each.
    pub fn publish(&self) {
        for family in families(self) {
            let name = &family.name;
            match family.kind {
                Kind::Counter => describe_counter!(name.clone(), family.help),
                Kind::Gauge | Kind::Summary => describe_gauge!(name.clone(), family.help),
            }
            for sample in &family.samples {
                match (&sample.value, family.kind) {
                    // Beyond what 64 bits hold, and below 0, it stands at the bound.
                    (Value::Number(value), Kind::Counter) => {
                        counter!(name.clone(), labels(&sample.labels)).absolute(*value as u64);
                    }
                    (Value::Number(value), _) => {
                        gauge!(name.clone(), labels(&sample.labels)).set(*value);
                    }
                    (Value::Summary(summary), _) => {
                        for (quantile, value) in quantiles(summary) {
                            let mut labels = labels(&sample.labels);
                            labels.push(Label::from_static_parts("quantile", quantile));
                            gauge!(name.clone(), labels).set(value);
                        }
                        let parts = [("sum", summary.sum), ("count", summary.count as f64)];
                        for (part, value) in parts {
                            gauge!(format!("{name}_{part}"), labels(&sample.labels)).set(value);
                        }
                    }
                }
            }
        }
    }
}

fn labels(labels: &Labels) -> Vec<Label> {
    let labels = labels.iter();
    labels
        .map(|(name, value)| Label::new(*name, value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use agentsys_router::{Router, RouterConfig, agent_fn};
    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder,
        SharedString, Unit,
    };

    use super::*;

    /// Keeps what it is given, by name and labels.
    #[derive(Default)]
    struct Keeps(Arc<Mutex<BTreeMap<String, f64>>>);

    struct One(Arc<Mutex<BTreeMap<String, f64>>>, String);

    impl One {
        fn keep(&self, value: f64) {
            self.0.lock().unwrap().insert(self.1.clone(), value);
        }
    }

    impl CounterFn for One {
        fn increment(&self, _: u64) {
            panic!("a snapshot counts nothing")
        }

        fn absolute(&self, value: u64) {
            self.keep(value as f64);
        }
    }

    impl GaugeFn for One {
        fn increment(&self, _: f64) {
            panic!("a snapshot has the level")
        }

        fn decrement(&self, _: f64) {
            panic!("a snapshot has the level")
        }

        fn set(&self, value: f64) {
            self.keep(value);
        }
    }

    impl Keeps {
        fn one(&self, key: &Key) -> Arc<One> {
            let labels = key
                .labels()
                .map(|label| format!(" {}={}", label.key(), label.value()));
            let name = format!("{}{}", key.name(), labels.collect::<String>());
            Arc::new(One(Arc::clone(&self.0), name))
        }
    }

    impl Recorder for Keeps {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
            panic!("there are none")
        }

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.one(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.one(key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            panic!("there are none")
        }
    }

    #[tokio::test]
    async fn a_recorder_gets_what_was_counted_by_its_name_and_labels() {
        let router = Router::new(RouterConfig::default());
        let agent = Arc::new(agent_fn("a", "", async |_| Ok("x")));
        router
            .register_agents(vec![("r".to_owned(), agent)])
            .unwrap();
        router.start();
        let recorder = Keeps::default();
        for calls in [1.0, 2.0] {
            router.route_task("r", "").await.unwrap();
            let metrics = HostMetrics {
                routes: router.metrics(),
                plugins: Vec::new(),
            };
            metrics::with_local_recorder(&recorder, || metrics.publish());
            let kept = recorder.0.lock().unwrap();
            assert_eq!(kept["agentsys_route_calls_total route=r"], calls);
            assert_eq!(kept["agentsys_route_under_way route=r"], 0.0);
            let timed = kept["agentsys_route_latency_seconds_count route=r"];
            assert_eq!(timed, metrics.routes[0].latency.count as f64);
            let median = "agentsys_route_latency_seconds route=r quantile=0.5";
            assert_eq!(kept.get(median).copied(), metrics.routes[0].latency.p50);
        }
    }
}
