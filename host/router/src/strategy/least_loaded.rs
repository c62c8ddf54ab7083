//! The agent with the fewest tasks under way. Of those that tie, each in turn: otherwise the first
//! would get every task of a quiet route.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::member::Member;

pub(super) fn choose<'a>(members: &'a [Arc<Member>], turn: &AtomicUsize) -> &'a Arc<Member> {
    let mut least = usize::MAX;
    let mut first = 0;
    let mut ties = 0_usize;
    for (index, member) in members.iter().enumerate() {
        let load = member.in_flight();
        if load < least {
            (least, first, ties) = (load, index, 1);
        } else if load == least {
            ties += 1;
        }
    }
    if ties < 2 {
        return &members[first];
    }
    let nth = turn.fetch_add(1, Ordering::Relaxed) % ties;
    members[first..]
        .iter()
        .filter(|member| member.in_flight() <= least)
        .nth(nth)
        // Loads that rose between the two looks leave fewer ties.
        .unwrap_or(&members[first])
}
