//! The agent with the fewest tasks under way, for its weight. Of those that tie, the one whose calls take less time of late: in powers of two, since a few percent are noise. Of those that
//! still tie, each in turn: otherwise the first would get every task of a quiet route.

use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::member::Member;

/// One choice in so many goes by the load alone: who was slow a while ago is not left alone for ever. A prime, so that it is each agent's turn at times.
const LOOK_AGAIN: usize = 31;

#[inline]
pub(super) fn choose<'a, M: Borrow<Arc<Member>>>(members: &'a [M], turn: &AtomicUsize) -> &'a M {
    let turn = turn.fetch_add(1, Ordering::Relaxed);
    let by_pace = !turn.is_multiple_of(LOOK_AGAIN);
    let rank = |member: &M| {
        let member: &Arc<Member> = member.borrow();
        (member.load(), if by_pace { member.pace() } else { 0 })
    };
    // From where the turn is: the first of the best is then each in turn.
    let begin = turn % members.len();
    let (before, from) = members.split_at(begin);
    let mut best = &from[0];
    let mut least = rank(best);
    for member in from[1..].iter().chain(before) {
        let rank = rank(member);
        if rank < least {
            (best, least) = (member, rank);
        }
    }
    best
}
