//! Each agent in turn, however busy it is; one of twice the weight gets two turns for another's one.

use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::member::Member;

/// `schedule` is the route's, for all of its agents.
#[inline]
pub(super) fn choose<'a, M: Borrow<Arc<Member>>>(
    members: &'a [M],
    turn: &AtomicUsize,
    schedule: Option<&Schedule>,
) -> &'a M {
    let turn = turn.fetch_add(1, Ordering::Relaxed);
    match schedule {
        Some(schedule) => &members[schedule.at(turn)],
        None => in_turn(members, turn),
    }
}

/// Without a schedule: one after the other where they weigh the same, and else each as often as it weighs.
fn in_turn<M: Borrow<Arc<Member>>>(members: &[M], turn: usize) -> &M {
    let weight = |member: &M| u64::from(member.borrow().weight());
    let first = weight(&members[0]);
    if members.iter().all(|member| weight(member) == first) {
        return &members[turn % members.len()];
    }
    let all: u64 = members.iter().map(weight).sum();
    let mut left = spread(turn as u64 % all, all);
    for member in members {
        if left < weight(member) {
            return member;
        }
        left -= weight(member);
    }
    &members[0]
}

/// Every number below `all` for one below `all`, and those of neighbours far apart: otherwise an agent would get all of its turns in a row.
fn spread(at: u64, all: u64) -> u64 {
    // In steps of the golden section, which leave no large gap however many were made; the nearest that comes by every number.
    let section = (all as f64 * 0.618_033_988_75) as u64;
    let step = (1..=section)
        .rev()
        .find(|step| greatest_common_divisor(all, *step) == 1);
    at * step.unwrap_or(1) % all
}

/// Whose turn it is, where agents have different weights: each as often as it weighs, and spread as evenly as that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule(Box<[u32]>);

/// Longer than this it would be if many agents had many different weights; they are then rounded.
const LONGEST: u64 = 1 << 16;

impl Schedule {
    /// None where all weigh the same.
    pub(crate) fn of(members: &[Arc<Member>]) -> Option<Self> {
        let weights: Vec<u64> = members
            .iter()
            .map(|member| u64::from(member.weight()))
            .collect();
        Self::of_weights(&weights)
    }

    fn of_weights(weights: &[u64]) -> Option<Self> {
        if weights.windows(2).all(|pair| pair[0] == pair[1]) {
            return None;
        }
        let common = weights.iter().copied().fold(0, greatest_common_divisor);
        let sum = weights.iter().sum::<u64>() / common;
        let scale = sum.div_ceil(LONGEST).max(1);
        let turns = |weight: u64| (weight / common / scale).max(1);
        // An agent of n turns has them at (k + 1/2) / n of the way, for each k below n.
        let mut order: Vec<(u64, u64, u32)> = Vec::new();
        for (agent, weight) in weights.iter().enumerate() {
            let turns = turns(*weight);
            order.extend((0..turns).map(|k| (2 * k + 1, 2 * turns, agent as u32)));
        }
        order.sort_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.2.cmp(&b.2)));
        Some(Self(order.into_iter().map(|(.., agent)| agent).collect()))
    }

    #[inline]
    fn at(&self, turn: usize) -> usize {
        self.0[turn % self.0.len()] as usize
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(weights: &[u64]) -> Vec<u32> {
        Schedule::of_weights(weights)
            .map(|schedule| schedule.0.to_vec())
            .unwrap_or_default()
    }

    #[test]
    fn equal_weights_need_none() {
        assert!(of(&[]).is_empty() && of(&[3]).is_empty() && of(&[3, 3, 3]).is_empty());
    }

    #[test]
    fn turns_are_spread_and_not_bunched() {
        assert_eq!(of(&[2, 1]), [0, 1, 0]);
        assert_eq!(of(&[40, 20]), [0, 1, 0]);
        assert_eq!(of(&[5, 1, 1]), [0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn turns_without_a_schedule_are_spread_too_and_none_is_lost() {
        for all in 1..300 {
            let turns: Vec<u64> = (0..all).map(|turn| spread(turn, all)).collect();
            let mut sorted = turns.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..all), "{all}: {turns:?}");
            // Of one that has half of the turns, at most three in a row.
            let of_half: Vec<bool> = turns.iter().map(|turn| turn * 2 < all).collect();
            let longest = of_half.chunk_by(|a, b| a == b).map(<[bool]>::len).max();
            assert!(longest <= Some(3), "{all}: {turns:?}");
        }
    }

    #[test]
    fn a_schedule_stays_short_and_nobody_is_left_out_of_it() {
        let weights: Vec<u64> = (0..10_000).map(|n| n % 1_000 + 1).collect();
        let schedule = of(&weights);
        assert!(schedule.len() <= 2 * LONGEST as usize, "{}", schedule.len());
        let mut seen = vec![false; weights.len()];
        schedule
            .iter()
            .for_each(|agent| seen[*agent as usize] = true);
        assert!(seen.iter().all(|seen| *seen));
    }
}
