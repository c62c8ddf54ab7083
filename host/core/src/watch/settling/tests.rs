use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A state of a thing, unlike any other that it was in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    number: usize,
    bad: bool,
}

const GOOD: bool = false;

/// Things that really change, and a clock.
struct World {
    start: Instant,
    now: Instant,
    changes: usize,
    /// What is there, and since when.
    things: BTreeMap<u8, (Option<State>, Instant)>,
    /// Since which look things were absent. What was there between two looks, nobody can know.
    absent: BTreeMap<u8, Instant>,
    settling: Settling<u8, State, State>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            changes: 0,
            things: BTreeMap::new(),
            absent: BTreeMap::new(),
            settling: Settling::new(now, []),
        }
    }

    fn put(&mut self, key: u8, bad: bool) -> State {
        self.changes += 1;
        let number = self.changes;
        let state = State { number, bad };
        self.things.insert(key, (Some(state), self.now));
        state
    }

    fn remove(&mut self, key: u8) {
        if let Some(thing) = self.things.get_mut(&key)
            && thing.0.is_some()
        {
            *thing = (None, self.now);
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Looks, inspects and settles; the rules must hold for whatever stands differently then.
    fn look(&mut self) -> bool {
        let seen = self
            .things
            .iter()
            .filter_map(|(key, thing)| Some((*key, thing.0?)));
        self.settling.observe(self.now, seen, |_| false);
        for (key, (state, _)) in &self.things {
            match state {
                Some(_) => {
                    self.absent.remove(key);
                }
                None => {
                    self.absent.entry(*key).or_insert(self.now);
                }
            }
        }
        for (key, state) in self.settling.due(self.now) {
            assert!(self.age(key) >= SETTLED, "inspected at {:?}", self.age(key));
            let finding = Finding {
                content: state,
                patience: if state.bad { BAD } else { SETTLED },
                passing: false,
            };
            self.settling.inspected(&key, finding);
        }
        let before = self.standing();
        let differs = self.settling.settle(self.now);
        let after = self.standing();
        assert_eq!(differs, before != after);
        for (key, state) in &after {
            if before.get(key) != Some(state) {
                assert_eq!(self.things[key].0, Some(*state));
                assert!(self.age(*key) >= if state.bad { BAD } else { SETTLED });
            }
        }
        for key in before.keys().filter(|key| !after.contains_key(key)) {
            let absent = self.now - self.absent[key];
            assert!(absent >= ABSENT, "gone after {absent:?}");
        }
        differs
    }

    fn age(&self, key: u8) -> Duration {
        self.now - self.things[&key].1
    }

    fn standing(&self) -> BTreeMap<u8, State> {
        let standing = self.settling.standing();
        standing.map(|(key, state)| (*key, *state)).collect()
    }

    /// Looks only when the rules say that it is time, until they ask for no more.
    fn come_to_rest(&mut self) {
        self.look();
        let mut looks = 0;
        while let Some(next) = self.settling.next() {
            assert!(next > self.now, "asks for a look that changes nothing");
            self.now = next;
            self.look();
            looks += 1;
            assert!(looks < 100, "never comes to rest");
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

#[test]
fn a_new_thing_stands_once_it_has_been_the_same_for_a_while() {
    let mut world = World::new();
    let state = world.put(1, GOOD);
    assert!(!world.look());
    world.pass(199);
    assert!(!world.look());
    world.pass(1);
    assert!(world.look());
    assert_eq!(world.standing(), BTreeMap::from([(1, state)]));
}

#[test]
fn while_a_thing_changes_what_stood_before_stands() {
    let mut world = World::new();
    let old = world.put(1, GOOD);
    world.come_to_rest();
    for _ in 0..50 {
        world.put(1, GOOD);
        assert!(!world.look());
        world.pass(150);
    }
    assert_eq!(world.standing()[&1], old);
    let new = world.put(1, GOOD);
    world.come_to_rest();
    assert_eq!(world.standing()[&1], new);
}

#[test]
fn a_bad_thing_stands_later_and_a_good_one_takes_its_place_at_once() {
    let mut world = World::new();
    let old = world.put(1, GOOD);
    world.come_to_rest();
    let bad = world.put(1, true);
    world.look();
    world.pass(1_999);
    world.look();
    assert_eq!(world.standing()[&1], old);
    world.pass(1);
    world.look();
    assert_eq!(world.standing()[&1], bad);
    let good = world.put(1, GOOD);
    world.look();
    world.pass(200);
    world.look();
    assert_eq!(world.standing()[&1], good);
}

#[test]
fn what_comes_back_within_a_second_was_not_removed() {
    let mut world = World::new();
    let old = world.put(1, GOOD);
    world.come_to_rest();
    world.remove(1);
    world.look();
    world.pass(999);
    world.look();
    assert_eq!(world.standing()[&1], old);
    let new = world.put(1, GOOD);
    world.come_to_rest();
    assert_eq!(world.standing()[&1], new);
}

#[test]
fn what_stays_away_for_a_second_is_gone() {
    let mut world = World::new();
    world.put(1, GOOD);
    world.come_to_rest();
    world.remove(1);
    let begin = world.elapsed();
    world.come_to_rest();
    assert!(world.standing().is_empty());
    assert_eq!(world.elapsed() - begin, ABSENT);
}

#[test]
fn what_could_not_be_seen_is_not_absent() {
    let now = Instant::now();
    let mut settling = Settling::<_, u8, _>::new(now, [("here", 1), ("there", 2)]);
    settling.observe(now, [], |key| *key == "there");
    let later = now + ABSENT;
    settling.observe(later, [], |key| *key == "there");
    assert!(settling.settle(later));
    assert_eq!(settling.standing().collect::<Vec<_>>(), [(&"there", &2)]);
    // And what could be seen again, but is not there, is absent from then on.
    settling.observe(later, [], |_| false);
    assert!(!settling.settle(later + ABSENT / 2));
    assert!(settling.settle(later + ABSENT));
}

#[test]
fn what_stood_from_the_start_is_inspected_once_and_told_only_if_it_differs() {
    let start = Instant::now();
    let mut settling = Settling::new(start, [("same", 1), ("other", 2)]);
    let seen = [("same", 'a'), ("other", 'b')];
    settling.observe(start, seen, |_| false);
    assert!(settling.due(start).is_empty());
    let later = start + SETTLED;
    settling.observe(later, seen, |_| false);
    assert_eq!(settling.due(later), [("other", 'b'), ("same", 'a')]);
    let good = |content| Finding {
        content,
        patience: SETTLED,
        passing: false,
    };
    settling.inspected(&"same", good(1));
    assert!(!settling.settle(later));
    settling.inspected(&"other", good(3));
    assert!(settling.settle(later));
    assert!(settling.due(later).is_empty());
    assert_eq!(settling.next(), None);
}

#[test]
fn a_finding_that_may_pass_is_looked_into_at_each_look_and_asks_for_none() {
    let start = Instant::now();
    let mut settling = Settling::new(start, []);
    settling.observe(start, [("file", 'a')], |_| false);
    let later = start + BAD;
    let unread = Finding {
        content: 0,
        patience: BAD,
        passing: true,
    };
    settling.inspected(&"file", unread);
    assert!(settling.settle(later));
    assert_eq!(settling.due(later), [("file", 'a')]);
    assert_eq!(settling.next(), None);
}

#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, bad: bool },
    Remove { key: u8 },
    Pass { millis: u64 },
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8, any::<bool>()).prop_map(|(key, bad)| Step::Put { key, bad }),
        (0..3_u8).prop_map(|key| Step::Remove { key }),
        (0..1_500_u64).prop_map(|millis| Step::Pass { millis }),
        (0..300_u64).prop_map(|millis| Step::Pass { millis }),
        Just(Step::Look),
    ]
}

proptest! {
    /// `look` holds each report to the rules; what is left to see is that everything is told in the end.
    #[test]
    fn nothing_is_told_too_early_and_everything_is_told_in_the_end(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Put { key, bad } => {
                    world.put(key, bad);
                }
                Step::Remove { key } => world.remove(key),
                Step::Pass { millis } => world.pass(millis),
                Step::Look => {
                    world.look();
                }
            }
        }
        world.come_to_rest();
        let there = world.things.iter().filter_map(|(key, thing)| Some((*key, thing.0?)));
        prop_assert_eq!(world.standing(), there.collect::<BTreeMap<_, _>>());
    }
}
