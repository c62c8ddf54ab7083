//! How often custom strategies failed. The counts stand here, and not with the strategies, because
//! those are the embedder's: the same one may serve many routes and routers, and is one instance.
//! Only failures come here; a strategy that never fails has no entry.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::RoutingStrategy;

/// How often one strategy is complained about at most.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(1);

static FAULTS: Mutex<Vec<Faults>> = Mutex::new(Vec::new());

struct Faults {
    /// While this is here, no other strategy has the same address.
    of: Weak<dyn RoutingStrategy>,
    count: u64,
    warned: Instant,
}

/// Counts a failure. Gives the new count if it is time to complain.
#[cold]
pub(super) fn count(strategy: &Arc<dyn RoutingStrategy>) -> Option<u64> {
    let now = Instant::now();
    let mut faults = faults();
    if let Some(known) = faults.iter_mut().find(|known| known.is_of(strategy)) {
        known.count += 1;
        if now.duration_since(known.warned) < BETWEEN_WARNINGS {
            return None;
        }
        known.warned = now;
        return Some(known.count);
    }
    faults.retain(|known| known.of.strong_count() > 0);
    faults.push(Faults {
        of: Arc::downgrade(strategy),
        count: 1,
        warned: now,
    });
    Some(1)
}

pub(super) fn of(strategy: &Arc<dyn RoutingStrategy>) -> u64 {
    let faults = faults();
    let known = faults.iter().find(|known| known.is_of(strategy));
    known.map_or(0, |known| known.count)
}

impl Faults {
    fn is_of(&self, strategy: &Arc<dyn RoutingStrategy>) -> bool {
        std::ptr::addr_eq(self.of.as_ptr(), Arc::as_ptr(strategy))
    }
}

fn faults() -> MutexGuard<'static, Vec<Faults>> {
    FAULTS.lock().unwrap_or_else(PoisonError::into_inner)
}
