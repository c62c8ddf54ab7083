//! Many writers at once.

use agentsys_storage::{Scan, Storage, StorageConfig};
use tokio::task::JoinSet;

use crate::synced;

const WRITERS: usize = 64;
const ROUNDS: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    sixty_four_writers(StorageConfig::file(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_who_wait_for_the_disk_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    sixty_four_writers(synced(StorageConfig::file(directory.path()))).await;
}

async fn sixty_four_writers(config: StorageConfig) {
    let storage = Storage::open(config.clone());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let space = storage.namespace(&format!("writer{writer}")).unwrap();
        writers.spawn(async move {
            for round in 0..ROUNDS {
                space
                    .put(format!("{round:03}"), format!("{writer} {round}"))
                    .await
                    .unwrap();
            }
        });
    }
    writers.join_all().await;
    storage.disconnect().await.unwrap();

    let storage = Storage::open(config);
    for writer in 0..WRITERS {
        let space = storage.namespace(&format!("writer{writer}")).unwrap();
        let page = space.scan(Scan::default()).await.unwrap();
        let found: Vec<_> = page
            .entries
            .iter()
            .map(|(_, value)| value.bytes.clone())
            .collect();
        let expected: Vec<_> = (0..ROUNDS)
            .map(|round| format!("{writer} {round}"))
            .collect();
        assert_eq!(found, expected);
    }
    storage.disconnect().await.unwrap();
}
