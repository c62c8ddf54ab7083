//! Each agent in turn, however busy it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::member::Member;

pub(super) fn choose<'a>(members: &'a [Arc<Member>], turn: &AtomicUsize) -> &'a Arc<Member> {
    &members[turn.fetch_add(1, Ordering::Relaxed) % members.len()]
}
