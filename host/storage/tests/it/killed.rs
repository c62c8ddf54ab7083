//! The death of the process, by a real one: this test binary runs itself, writes, says what was
//! acknowledged, and is killed in the middle of it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use agentsys_storage::{Change, Namespace, Storage, StorageConfig, StorageError};
use tokio::task::JoinSet;

const PATH: &str = "AGENTSYS_STORAGE_TEST_PATH";
const ROUND: &str = "AGENTSYS_STORAGE_TEST_ROUND";
const WRITERS: usize = 4;
/// Half of a batch is easily seen in so many.
const BATCH: usize = 20;

#[test]
fn an_acknowledged_put_survives_a_kill() {
    let own_name = "killed::an_acknowledged_put_survives_a_kill";
    kill_again_and_again(own_name, Duration::from_secs(60));
}

#[test]
fn an_acknowledged_put_survives_a_kill_where_each_is_synced() {
    let own_name = "killed::an_acknowledged_put_survives_a_kill_where_each_is_synced";
    kill_again_and_again(own_name, Duration::ZERO);
}

fn kill_again_and_again(test: &str, interval: Duration) {
    if let Ok(path) = std::env::var(PATH) {
        return be_killed(Path::new(&path), interval);
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..6 {
        // Early, in the middle of opening too, and late.
        let wait_for = [0, 1, 50, 300, 7, 100][round];
        acknowledged += kill(test, directory.path(), round, wait_for);
    }
    assert!(acknowledged >= 458, "{acknowledged}");
}

/// Kills a writer after so many acknowledgements and looks for each that it gave. Gives their number.
fn kill(test: &str, path: &Path, round: usize, wait_for: usize) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PATH, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut read = |until: usize| {
        while acknowledged.len() < until {
            let Some(line) = lines.next() else { break };
            // A line that the kill cut off was not said.
            if let Some(key) = line.unwrap().strip_prefix("ack ")
                && let Some(key) = key.strip_suffix('.')
            {
                acknowledged.push(key.to_owned());
            }
        }
    };
    read(wait_for);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    if wait_for > 0 {
        let storage = Storage::open(StorageConfig::file(path));
        let error = runtime.block_on(storage.connect()).expect_err("in use");
        assert!(
            matches!(error, StorageError::InUse { pid, .. } if pid == Some(child.id())),
            "{error}"
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
    read(usize::MAX);

    runtime.block_on(async {
        let storage = Storage::open(StorageConfig::file(path));
        let space = storage.namespace("test").unwrap();
        for key in &acknowledged {
            let value = space.get(key).await.unwrap();
            let value = value.unwrap_or_else(|| panic!("{key} was acknowledged and is lost"));
            assert_eq!(value.bytes, value_of(key));
        }
        for writer in 0..WRITERS {
            assert_batch_is_whole(&space, writer).await;
        }
        storage.disconnect().await.unwrap();
    });
    acknowledged.len()
}

fn value_of(key: &str) -> String {
    key.repeat(10)
}

async fn assert_batch_is_whole(space: &Namespace, writer: usize) {
    let mut values = Vec::new();
    for n in 0..BATCH {
        let value = space.get(format!("batch-{writer}-{n}")).await.unwrap();
        values.push(value.map(|value| value.bytes));
    }
    assert!(
        values.iter().all(|value| *value == values[0]),
        "half of a batch: {values:?}"
    );
}

/// What a test does in the process of its own that it starts.
fn be_killed(path: &Path, interval: Duration) {
    let round = std::env::var(ROUND).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let result: Result<(), StorageError> = runtime.block_on(async {
        let storage = Storage::open(StorageConfig::file(path).flush_interval(interval));
        let space = storage.namespace("test")?;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write_for_ever(space.clone(), round.clone(), writer));
        }
        writers.join_all().await.into_iter().collect()
    });
    result.unwrap();
}

async fn write_for_ever(
    space: Namespace,
    round: String,
    writer: usize,
) -> Result<(), StorageError> {
    for n in 0_u64.. {
        let key = format!("{round}-{writer}-{n}");
        space.put(&key, value_of(&key)).await?;
        // One write of a whole line.
        std::io::stdout()
            .write_all(format!("ack {key}.\n").as_bytes())
            .unwrap();
        let batch = (0..BATCH).map(|k| Change::put(format!("batch-{writer}-{k}"), key.clone()));
        space.batch(batch.collect()).await?;
    }
    Ok(())
}
