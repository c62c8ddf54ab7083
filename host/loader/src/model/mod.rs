//! The orders in which a generation can come to its end: the promises hold in whatever order threads come to run.
//!
//! This is the loader itself with a linked plugin, and with shuttle's locks, atomics, threads and thread-locals in place of the standard library's (`crate::sync`): it stops a thread before each
//! use of one, and chooses who goes on. Some thousands of ways are drawn at random, half of them by an algorithm (PCT) that finds what needs few changes of thread, however far apart; what is small is tried in all ways. A
//! wait that nothing ends is found as well. Shuttle knows one order of all atomic operations, so a wrong `Ordering` is not found. `Arc` is the standard library's, and trusted. (loom, which
//! knows orderings, has no `Weak`.) Unmapping itself needs a file: the tests of whole plugins show it.
//!
//! `RUSTFLAGS="--cfg agentsys_model" cargo test -p agentsys-loader --lib --target-dir target/model model`

mod lease;
mod plugin;
mod stay;
pub(crate) mod thread;
mod waker;

use std::sync::{Arc, Mutex, PoisonError};

use crate::attribution::{About, Attribution};
use crate::lease::{Lease, LeaseKind, Leases};
use crate::mapping::Mapping;
use crate::sync;
use crate::threads;
use plugin::PLUGIN;

/// How many ways are tried by each algorithm.
const WAYS: usize = 2_000;
/// In how many places a thread has to be stopped for what PCT is to find.
const DEPTH: usize = 3;

/// The plugin is one for the whole process.
static TURN: Mutex<()> = Mutex::new(());

fn check(scenario: fn()) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let scenario = move || {
        threads::begin_in_model();
        PLUGIN.begin();
        scenario();
        PLUGIN.check();
    };
    shuttle::check_random(scenario, WAYS);
    shuttle::check_pct(scenario, WAYS, DEPTH);
}

/// A generation of the linked plugin, with the host's lease.
struct Generation {
    mapping: Arc<Mapping>,
    lease: Lease,
    closed: Arc<(sync::Mutex<bool>, sync::Condvar)>,
}

impl Generation {
    fn new() -> Self {
        let about = About {
            plugin: "modelled".to_owned(),
            version: "1.0.0".to_owned(),
            generation: 1,
            content_hash: None,
            path: "modelled".into(),
            routes: Vec::new(),
        };
        let tag = Attribution::in_memory().register(about).unwrap();
        let services = Arc::new(plugin::NoServices);
        let mapping = Mapping::new(None, "modelled".into(), 1, services, tag);
        let closed = Arc::new((sync::Mutex::new(false), sync::Condvar::new()));
        let told = closed.clone();
        let on_end = move |_| {
            *told.0.lock().unwrap() = true;
            told.1.notify_all();
        };
        let leases = Leases::new(mapping.clone(), plugin::MODULE, Box::new(on_end));
        Self {
            mapping,
            lease: Lease::new(leases, LeaseKind::Host),
            closed,
        }
    }

    /// Gives the host's lease back, and waits until the generation was closed.
    fn close(self) {
        drop(self.lease);
        let (closed, changed) = &*self.closed;
        let closed = closed.lock().unwrap();
        drop(changed.wait_while(closed, |closed| !*closed).unwrap());
    }
}
