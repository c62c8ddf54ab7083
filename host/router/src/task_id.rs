//! Numbers for tasks. Each thread takes a block of them at a time: one shared counter would be the
//! most contended word of the host.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// A number that no other task of this process has; never 0.
pub(crate) fn next() -> u64 {
    NEXT.with(|next| {
        let mut id = next.get();
        // 0 of each block is left out: a thread's first call and a used-up block look the same.
        if id.is_multiple_of(BLOCK) {
            id = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK + 1;
        }
        next.set(id + 1);
        id
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{BLOCK, next};

    #[test]
    fn no_two_tasks_share_a_number() {
        let per_thread = 3 * BLOCK + 1;
        let take = move || (0..per_thread).map(|_| next()).collect::<Vec<_>>();
        let other = std::thread::spawn(take);
        let mut seen: HashSet<u64> = take().into_iter().collect();
        seen.extend(other.join().expect("the thread only counts"));
        assert_eq!(seen.len() as u64, 2 * per_thread);
        assert!(!seen.contains(&0));
    }
}
