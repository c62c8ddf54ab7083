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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::gate::Gate;
    use crate::lifecycle::Lifecycle;
    use crate::{AgentInfo, Payload, RoutePolicy, agent_fn};

    /// Of that weight, with so many tasks under way, whose calls took so many microseconds of late; 0 for one that has had none.
    fn member((weight, tasks, latency): (u32, usize, u64)) -> Arc<Member> {
        let policy = Arc::new(RoutePolicy::default());
        let gate = Arc::new(Gate::new("r".into(), policy));
        let agent = Arc::new(agent_fn("a", "", async |data: Payload| Ok(data)));
        let info = AgentInfo::new("a", "").weight(weight);
        let member = Member::new(agent, info, 0, gate, Arc::new(Lifecycle::default()));
        (0..tasks).for_each(|_| _ = member.enter());
        if latency > 0 {
            member.took(Duration::from_micros(latency));
        }
        Arc::new(member)
    }

    fn members() -> impl Strategy<Value = Vec<(u32, usize, u64)>> {
        let latency = prop_oneof![Just(0), 1..1_000_000_u64];
        prop::collection::vec((1..5_u32, 0..6_usize, latency), 2..8)
    }

    proptest! {
        #[test]
        fn none_is_picked_before_one_that_is_less_busy_or_as_busy_and_faster(
            given in members(),
            turn in 0..1_000_usize,
        ) {
            let members: Vec<_> = given.iter().copied().map(member).collect();
            let chosen = choose(&members, &AtomicUsize::new(turn));
            let at = members.iter().position(|member| Arc::ptr_eq(member, chosen)).unwrap();
            let (weight, tasks, latency) = given[at];
            for (its_weight, its_tasks, its_latency) in given {
                let (load, its) = (tasks * its_weight as usize, its_tasks * weight as usize);
                prop_assert!(load <= its, "a busier one");
                if load == its && !turn.is_multiple_of(LOOK_AGAIN) {
                    prop_assert!(latency <= 2 * its_latency, "a slower one");
                }
            }
        }
    }

    #[test]
    fn the_slower_of_two_quiet_agents_is_tried_now_and_then() {
        let members = [(1, 0, 100), (1, 0, 900)].map(member);
        let turn = AtomicUsize::new(0);
        let slower = || Arc::ptr_eq(choose(&members, &turn), &members[1]);
        let tried = std::iter::repeat_with(slower)
            .take(62 * LOOK_AGAIN)
            .filter(|slower| *slower);
        assert_eq!(tried.count(), 31);
    }
}
