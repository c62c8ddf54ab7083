//! Numbers that nobody can guess and no other process has: enough for trace ids and for spreading
//! retries, without a generator that would have a state to share.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::LazyLock;

/// The same for the same input within this process, and not related to it in any other way.
pub(crate) fn scatter(input: impl Hash) -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    SEED.hash_one(input)
}
