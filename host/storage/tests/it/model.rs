//! Any sequence of operations, beside a plain map that does the same, with restarts in between.

use std::collections::BTreeMap;

use agentsys_storage::{Change, Namespace, Scan, Storage, StorageConfig, Value};
use proptest::prelude::*;
use tokio::runtime::Builder;

#[derive(Debug, Clone)]
enum Step {
    Get(usize, Vec<u8>),
    Put(usize, Vec<u8>, Vec<u8>),
    Delete(usize, Vec<u8>),
    Batch(usize, Vec<(Vec<u8>, Option<Vec<u8>>)>),
    Scan(usize, Vec<u8>, Vec<u8>, usize),
    Restart,
}

const NAMES: [&str; 2] = ["a", "a-"];

type Model = [BTreeMap<Vec<u8>, Vec<u8>>; NAMES.len()];

/// Few bytes and short, so that keys meet; the ones that are special somewhere.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0), Just(b'-'), Just(b'a'), Just(254), Just(255)];
    prop::collection::vec(byte, 1..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        (any::<u8>(), 1000..3000_usize).prop_map(|(byte, size)| vec![byte; size]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let space = 0..NAMES.len();
    let maybe_empty = || prop_oneof![Just(Vec::new()), key()];
    let change = (key(), prop::option::of(value()));
    prop_oneof![
        4 => (space.clone(), key()).prop_map(|(s, k)| Step::Get(s, k)),
        6 => (space.clone(), key(), value()).prop_map(|(s, k, v)| Step::Put(s, k, v)),
        3 => (space.clone(), key()).prop_map(|(s, k)| Step::Delete(s, k)),
        2 => (space.clone(), prop::collection::vec(change, 0..6))
            .prop_map(|(s, changes)| Step::Batch(s, changes)),
        3 => (space, maybe_empty(), maybe_empty(), 0..6_usize)
            .prop_map(|(s, prefix, after, limit)| Step::Scan(s, prefix, after, limit)),
        1 => Just(Step::Restart),
    ]
}

async fn take(step: Step, storage: &Storage, spaces: &[Namespace], model: &mut Model) {
    match step {
        Step::Get(s, key) => {
            let found = spaces[s].get(&key).await.unwrap();
            assert_eq!(
                found.map(|value| value.bytes.to_vec()),
                model[s].get(&key).cloned()
            );
        }
        Step::Put(s, key, value) => {
            spaces[s].put(&key, value.clone()).await.unwrap();
            model[s].insert(key, value);
        }
        Step::Delete(s, key) => {
            let was_there = spaces[s].delete(&key).await.unwrap();
            assert_eq!(was_there, model[s].remove(&key).is_some());
        }
        Step::Batch(s, changes) => {
            let batch = changes.iter().map(|(key, value)| match value {
                Some(value) => Change::put(key, value.clone()),
                None => Change::delete(key),
            });
            spaces[s].batch(batch.collect()).await.unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => model[s].insert(key, value),
                    None => model[s].remove(&key),
                };
            }
        }
        Step::Scan(s, prefix, after, limit) => {
            let scan = Scan::prefix(&prefix).after(&after).limit(limit);
            let page = spaces[s].scan(scan).await.unwrap();
            let mut expected: Vec<(Vec<u8>, Value)> = model[s]
                .iter()
                .filter(|(key, _)| key.starts_with(&prefix) && **key > after)
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect();
            assert_eq!(page.more, expected.len() > limit);
            expected.truncate(limit);
            let found: Vec<_> = page
                .entries
                .into_iter()
                .map(|(key, value)| (key.to_vec(), value))
                .collect();
            assert_eq!(found, expected);
        }
        Step::Restart => {
            storage.disconnect().await.unwrap();
            storage.connect().await.unwrap();
        }
    }
}

fn run(config: StorageConfig, steps: Vec<Step>) {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let storage = Storage::open(config);
        let spaces = NAMES.map(|name| storage.namespace(name).unwrap());
        let mut model = Model::default();
        for step in steps {
            take(step, &storage, &spaces, &mut model).await;
        }
        storage.disconnect().await.unwrap();
    });
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(256))]
    #[test]
    fn memory_does_what_a_map_does(steps in prop::collection::vec(step(), 0..60)) {
        run(StorageConfig::memory(), steps);
    }
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn files_do_what_a_map_does(steps in prop::collection::vec(step(), 0..60)) {
        let directory = tempfile::tempdir().unwrap();
        run(StorageConfig::file(directory.path()), steps);
    }
}
