//! The same agent for the same key, by rendezvous hashing: every agent draws a number for the key, and the highest has it. When an agent comes or goes, only keys move that it gets or had.
//!
//! What an agent draws by is its name and which of its name it is, not its registration: so keys stay where they are when a plugin is replaced.

use std::borrow::Borrow;
use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::member::Member;

/// What an agent draws its numbers by.
pub(crate) fn identity(name: &str, ordinal: usize) -> u64 {
    mixed(hash(name.as_bytes()) ^ mixed(ordinal as u64))
}

pub(super) fn choose<'a, M: Borrow<Arc<Member>>>(members: &'a [M], key: &[u8]) -> &'a M {
    let key = hash(key);
    let draw = |member: &M| {
        let member: &Arc<Member> = member.borrow();
        // Evenly between 0 and 1, both excluded; as an exponential waiting time, the shortest wins as often as the agent weighs.
        let drawn = (mixed(key ^ member.identity) >> 11) as f64 + 0.5;
        -(drawn / (1_u64 << 53) as f64).ln() / f64::from(member.weight())
    };
    let mut best = (&members[0], draw(&members[0]));
    for member in &members[1..] {
        let drawn = draw(member);
        if drawn < best.1 {
            best = (member, drawn);
        }
    }
    best.0
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.write_usize(bytes.len());
    mixed(hasher.finish())
}

/// Every bit of it depends on every bit of `x` (the last step of SplitMix64).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
