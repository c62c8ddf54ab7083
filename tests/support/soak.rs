//! Callers at full rate while a plugin is replaced again and again by builds that answer differently: what was called, what failed, what was answered wrongly, how long it
//! took, and what is left at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use agentsys_host::Host;
use sketches_ddsketch::{Config, DDSketch};

/// The routes that are called: one that answers at once, one that waits.
const ROUTES: [&str; 2] = ["changing_now", "changing_later"];

/// A soak that is to be run.
pub(crate) struct Soak {
    /// The builds, which take turns; they answer `1.0.0` and `2.0.0`.
    pub(crate) builds: [PathBuf; 2],
    pub(crate) replacements: u64,
    /// After how many calls a caller's thread ends and another one takes its place; none: never.
    pub(crate) calls_of_a_thread: Option<u64>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// Answered by a generation that had not begun to serve when the call ended, or had been replaced when it began.
    pub(crate) wrong: u64,
    pub(crate) outside: Latency,
    pub(crate) during: Latency,
    /// From the moment at which the new file is there to the first answer of its code.
    pub(crate) first_answer: Latency,
    pub(crate) before: Usage,
    pub(crate) after: Usage,
    /// Resident memory in KiB after every hundredth replacement.
    pub(crate) resident: Vec<u64>,
    pub(crate) took: Duration,
    pub(crate) replacements: u64,
}

/// Quantiles, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// What the process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Private copies of plugins in memory.
    pub(crate) mappings: usize,
    pub(crate) threads: usize,
    pub(crate) files: usize,
}

/// What callers and the one who replaces know of each other.
#[derive(Default)]
struct Shared {
    /// Replacements that have begun, and those that are done: generation N + 1 serves after the N-th.
    begun: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
    /// The replacement whose first answer was seen last, and when, in nanoseconds since the start.
    seen: AtomicU64,
    seen_at: AtomicU64,
}

#[derive(Clone)]
struct Tally {
    calls: u64,
    failed: u64,
    wrong: u64,
    outside: DDSketch,
    during: DDSketch,
}

impl Soak {
    /// Runs it, in a directory of its own. Blocks.
    pub(crate) fn run(&self, dir: &Path) -> Report {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let plugins = dir.join("plugins");
        fs::create_dir(&plugins).expect("a plugin directory");
        let file = plugins.join("changing.so");
        self.put(0, &file);
        let state = dir.join("state");
        let builder = Host::builder().plugin_dir(&plugins).state_dir(&state);
        let host = runtime.block_on(builder.build()).expect("a host");
        warm_up(&runtime, &host);
        let before = settle(&state, None);

        let shared = Shared::default();
        let began = Instant::now();
        let (tallies, first, resident) = thread::scope(|scope| {
            let callers: Vec<_> = ROUTES
                .iter()
                .map(|route| scope.spawn(|| self.call(&host, route, &shared, began)))
                .collect();
            let replaced = self.replace(&runtime, &host, &file, &shared, began);
            shared.stop.store(true, Ordering::SeqCst);
            let tallies: Vec<Tally> = callers
                .into_iter()
                .map(|caller| caller.join().expect("callers do not panic"))
                .collect();
            (tallies, replaced.0, replaced.1)
        });
        let took = began.elapsed();
        let after = settle(&state, Some(before));
        runtime.block_on(host.shutdown());
        let mut all = Tally::new();
        tallies.iter().for_each(|tally| all.add(tally));
        Report {
            calls: all.calls,
            failed: all.failed,
            wrong: all.wrong,
            outside: Latency::of(&all.outside),
            during: Latency::of(&all.during),
            first_answer: Latency::of(&first),
            before,
            after,
            resident,
            took,
            replacements: self.replacements,
        }
    }

    /// Puts the build of that turn in the file's place, in one step.
    fn put(&self, turn: u64, file: &Path) {
        let build = &self.builds[usize::from(turn % 2 == 1)];
        let fresh = file.with_extension("fresh");
        fs::copy(build, &fresh).expect("a copy");
        fs::rename(fresh, file).expect("a file");
    }

    fn replace(
        &self,
        runtime: &tokio::runtime::Runtime,
        host: &Host,
        file: &Path,
        shared: &Shared,
        began: Instant,
    ) -> (DDSketch, Vec<u64>) {
        let (mut first, mut resident) = (DDSketch::new(Config::defaults()), Vec::new());
        for turn in 1..=self.replacements {
            self.put(turn, file);
            let there = began.elapsed();
            shared.begun.store(turn, Ordering::SeqCst);
            runtime
                .block_on(host.reload("changing"))
                .expect("it is replaced");
            shared.done.store(turn, Ordering::SeqCst);
            // The callers are at full rate: it is called in no time.
            while shared.seen.load(Ordering::SeqCst) < turn {
                thread::yield_now();
            }
            let seen = Duration::from_nanos(shared.seen_at.load(Ordering::SeqCst));
            first.add(micros(seen.saturating_sub(there)));
            if turn % 100 == 0 {
                resident.push(resident_kib());
            }
        }
        (first, resident)
    }

    fn call(&self, host: &Host, route: &'static str, shared: &Shared, began: Instant) -> Tally {
        let mut all = Tally::new();
        match self.calls_of_a_thread {
            None => all.call(host, route, shared, began, u64::MAX),
            Some(calls) => {
                while !shared.stop.load(Ordering::Relaxed) {
                    let caller = thread::scope(|scope| {
                        let caller = scope.spawn(|| {
                            let mut tally = Tally::new();
                            tally.call(host, route, shared, began, calls);
                            tally
                        });
                        caller.join().expect("callers do not panic")
                    });
                    all.add(&caller);
                }
            }
        }
        all
    }
}

impl Tally {
    fn new() -> Self {
        Self {
            calls: 0,
            failed: 0,
            wrong: 0,
            outside: DDSketch::new(Config::defaults()),
            during: DDSketch::new(Config::defaults()),
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.wrong += other.wrong;
        self.outside.merge(&other.outside).expect("alike");
        self.during.merge(&other.during).expect("alike");
    }

    fn call(&mut self, host: &Host, route: &str, shared: &Shared, began: Instant, most: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .on_thread_park(agentsys_host::pass_by)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            for _ in 0..most {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let oldest = shared.done.load(Ordering::SeqCst);
                let start = Instant::now();
                let answer = host.router().route_task(route, "").await;
                let end = Instant::now();
                let newest = shared.begun.load(Ordering::SeqCst);
                self.calls += 1;
                let latency = micros(end - start);
                if oldest == newest {
                    self.outside.add(latency);
                } else {
                    self.during.add(latency);
                }
                let Ok(answer) = answer else {
                    self.failed += 1;
                    continue;
                };
                let second = answer.bytes().first() == Some(&b'2');
                if oldest == newest && second != (newest % 2 == 1) {
                    self.wrong += 1;
                }
                if newest > shared.seen.load(Ordering::Relaxed) && second == (newest % 2 == 1) {
                    let at = u64::try_from((end - began).as_nanos()).unwrap_or(u64::MAX);
                    if shared.seen.load(Ordering::SeqCst) < newest {
                        shared.seen_at.store(at, Ordering::SeqCst);
                        shared.seen.fetch_max(newest, Ordering::SeqCst);
                    }
                }
            }
        });
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { p50, p99, p999 } = self;
        write!(f, "p50 {p50:.1}, p99 {p99:.1}, p99.9 {p999:.1}")
    }
}

impl Latency {
    fn of(sketch: &DDSketch) -> Self {
        let quantile = |q| sketch.quantile(q).ok().flatten().unwrap_or_default();
        Self {
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
        }
    }
}

impl Usage {
    fn now(state: &Path) -> Self {
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
        let state = fs::canonicalize(state.join("generations")).expect("it is there");
        let state = state.to_str().expect("text");
        let mut mapped: Vec<&str> = maps
            .lines()
            .filter_map(|line| Some(line.split_once(state)?.1))
            .collect();
        mapped.sort_unstable();
        mapped.dedup();
        Self {
            mappings: mapped.len(),
            threads: fs::read_dir("/proc/self/task").expect("Linux").count(),
            files: fs::read_dir("/proc/self/fd").expect("Linux").count(),
        }
    }
}

/// Calls each route a few times, so that threads and memory are there that stay.
fn warm_up(runtime: &tokio::runtime::Runtime, host: &Host) {
    for _ in 0..100 {
        for route in ROUTES {
            runtime
                .block_on(host.router().route_task(route, ""))
                .expect("it answers");
        }
    }
}

/// What there is once that has come to rest; `wanted`, if it does.
fn settle(state: &Path, wanted: Option<Usage>) -> Usage {
    let patience = Duration::from_secs(30);
    let (mut began, mut last) = (Instant::now(), Usage::now(state));
    let start = began;
    loop {
        agentsys_host::pass_by();
        thread::sleep(Duration::from_millis(10));
        let now = Usage::now(state);
        if now != last {
            (began, last) = (Instant::now(), now);
        }
        let calm = began.elapsed() > Duration::from_millis(500);
        let as_wanted = wanted.is_none_or(|wanted| wanted == now);
        if (calm && as_wanted) || start.elapsed() > patience {
            return now;
        }
    }
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
