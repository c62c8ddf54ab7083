//! What counting a call costs: as the host does it, and through the `metrics` facade with a recorder of `metrics-util`'s, which exporters build on.
//!
//! The facade's macros look a metric up by its name and labels each time; who keeps the handles pays for the clock and for the shared counter; and who
//! also times one call in 64, as the host does, has only the difference between one counter for all threads and one for each.

use std::hint::black_box;
use std::sync::{Arc, Barrier, Once};
use std::thread;
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{AtomicStorage, Registry};

use crate::host_meter::calls::CallMeter;
use crate::rounds::Row;

const ROUTE: &str = "route-of-the-call";
const AGENT: &str = "agent-of-the-call";
const TIMED_ONE_IN: u64 = 64;

/// One call in 64 is timed.
pub(crate) fn own(threads: usize) -> Row {
    let meter = Arc::new(CallMeter::default());
    row(
        format!("the host's own, {}", on(threads)),
        threads,
        move || {
            let meter = meter.clone();
            move |_| meter.answered(black_box(meter.begin()))
        },
    )
}

/// As the facade's documentation has it: by name and labels, where the call is.
pub(crate) fn facade_named() -> Row {
    install();
    let (route, agent): (Arc<str>, Arc<str>) = (ROUTE.into(), AGENT.into());
    row("facade, by name and labels", 1, move || {
        let (route, agent) = (route.clone(), agent.clone());
        move |_| {
            let began = Instant::now();
            let labels = || {
                let (route, agent) = (route.clone(), agent.clone());
                [
                    ("route", SharedString::from(route)),
                    ("agent", agent.into()),
                ]
            };
            metrics::counter!("calls", &labels()).increment(1);
            metrics::histogram!("latency", &labels()).record(began.elapsed());
        }
    })
}

/// The handles are kept; each call is timed.
pub(crate) fn facade_kept() -> Row {
    row("facade, handles kept", 1, || {
        let (counter, histogram) = handles();
        move |_| {
            let began = black_box(Instant::now());
            counter.increment(1);
            histogram.record(began.elapsed());
        }
    })
}

/// The handles are kept; one call in 64 is timed.
pub(crate) fn facade_sampled(threads: usize) -> Row {
    let name = format!(
        "facade, handles kept, one in {TIMED_ONE_IN} timed, {}",
        on(threads)
    );
    row(name, threads, || {
        let (counter, histogram) = handles();
        move |call: u64| {
            let began = call.is_multiple_of(TIMED_ONE_IN).then(Instant::now);
            counter.increment(1);
            if let Some(began) = black_box(began) {
                histogram.record(began.elapsed());
            }
        }
    })
}

fn on(threads: usize) -> &'static str {
    if threads == 1 {
        "1 thread"
    } else {
        "2 threads"
    }
}

/// `counter` makes what each thread calls, with the number of the call.
fn row<C: FnMut(u64)>(
    name: impl Into<String>,
    threads: usize,
    counter: impl Fn() -> C + Send + Sync + 'static,
) -> Row {
    let run = move |calls| match threads {
        1 => timed(calls, counter()),
        _ => together(calls, threads, &counter),
    };
    Row {
        name: name.into(),
        run: Box::new(run),
    }
}

fn timed(calls: u64, mut count: impl FnMut(u64)) -> Duration {
    let began = Instant::now();
    (0..calls).for_each(|call| count(black_box(call)));
    began.elapsed()
}

/// How many times as often threads call that do so at the same time, so that what they do before they are all awake counts for nothing.
const LONGER: u64 = 20;

/// Each thread calls, and all the time; the longest time of theirs.
fn together<C: FnMut(u64)>(
    calls: u64,
    threads: usize,
    counter: &(impl Fn() -> C + Sync),
) -> Duration {
    let begin = Barrier::new(threads);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let count = counter();
                    begin.wait();
                    timed(calls * LONGER, count)
                })
            })
            .collect();
        let times = running.into_iter().map(|thread| thread.join());
        times.map(|time| time.expect("it only counts")).max()
    })
    .map_or(Duration::ZERO, |time| time / LONGER as u32)
}

fn handles() -> (Counter, Histogram) {
    install();
    let labels = [("route", ROUTE), ("agent", AGENT)];
    (
        metrics::counter!("calls", &labels),
        metrics::histogram!("latency", &labels),
    )
}

/// What stands behind the facade.
struct Recording(&'static Registry<Key, AtomicStorage>);

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let registry: &'static _ = Box::leak(Box::new(Registry::atomic()));
        metrics::set_global_recorder(Recording(registry)).expect("the first recorder");
        // As an exporter would: a histogram keeps every value until somebody takes them.
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(100));
                registry.visit_histograms(|_, values| values.clear());
            }
        });
    });
}

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0
            .get_or_create_counter(key, |counter| Counter::from_arc(counter.clone()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0
            .get_or_create_gauge(key, |gauge| Gauge::from_arc(gauge.clone()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.0
            .get_or_create_histogram(key, |values| Histogram::from_arc(values.clone()))
    }
}
