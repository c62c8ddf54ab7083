//! What holds when several are at work at once.

use tokio::task::JoinSet;

use super::{bytes, keys, must, namespace, same};
use crate::{Change, Namespace, Scan, Storage};

const WRITERS: usize = 16;
const ROUNDS: usize = 20;

pub(super) async fn check(storage: &Storage) {
    let space = namespace(storage, "atomic");
    writers_do_not_disturb_each_other(&space).await;
    one_of_many_deletes_finds_the_key(&space).await;
    no_half_of_a_batch_is_seen(&space).await;
}

async fn writers_do_not_disturb_each_other(space: &Namespace) {
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let space = space.clone();
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let key = format!("writer{writer:02}-{round:02}");
                must(space.put(&key, key.clone()).await, "a put among others");
                same(
                    bytes(&space, &key).await,
                    Some(key.into_bytes()),
                    "what was put must be there at once",
                );
            }
        });
    }
    finish(tasks).await;
    same(
        keys(space, Scan::prefix("writer")).await.len(),
        WRITERS * ROUNDS,
        "what each of many writers put must be there",
    );
}

async fn one_of_many_deletes_finds_the_key(space: &Namespace) {
    for _ in 0..ROUNDS {
        must(space.put("one", "one").await, "a put");
        let mut tasks = JoinSet::new();
        for _ in 0..WRITERS {
            let space = space.clone();
            tasks.spawn(async move { must(space.delete("one").await, "a delete among others") });
        }
        let found = finish(tasks)
            .await
            .into_iter()
            .filter(|found| *found)
            .count();
        same(
            found,
            1,
            "of many deletes of a key, one must say that it was there",
        );
    }
}

async fn no_half_of_a_batch_is_seen(space: &Namespace) {
    let write = async |round: usize| {
        let changes = (0..WRITERS)
            .map(|n| Change::put(format!("batch{n:02}"), round.to_string()))
            .collect();
        must(space.batch(changes).await, "a batch among reads");
    };
    write(0).await;
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        let space = space.clone();
        readers.spawn(async move {
            for _ in 0..ROUNDS {
                let page = must(space.scan(Scan::prefix("batch")).await, "a scan");
                same(
                    page.entries.len(),
                    WRITERS,
                    "a batch must be there as a whole",
                );
                let first = &page.entries[0].1;
                assert!(
                    page.entries.iter().all(|(_, value)| value == first),
                    "a scan must not see a half of a batch"
                );
            }
        });
    }
    for round in 1..=ROUNDS {
        write(round).await;
        tokio::task::yield_now().await;
    }
    finish(readers).await;
}

/// The tasks' results; a panic in one of them goes on here.
async fn finish<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        match result {
            Ok(result) => results.push(result),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    results
}
