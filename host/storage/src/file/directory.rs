//! The engine's directory, before the engine sees it. Where a file is missing by which it knows a
//! store or a table, it makes a new one in its place; what it then does not know, it deletes; and a
//! name that it does not expect ends the process. So we look first.

use std::path::{Path, PathBuf};
use std::{fs, io};

use fjall::{Database, KeyspaceCreateOptions, PersistMode};

/// The engine's own name for the place of all values.
pub(super) const VALUES: &str = "values";

/// Below the engine's directory: the mark of a store, that of the list of tables and that of the
/// table of values, which is the first and only one.
const MARKS: [&str; 3] = ["version", "keyspaces/0/current", "keyspaces/1/current"];

/// The engine's directory within that of the store, which is made if it is not there.
pub(super) fn prepare(store: &Path) -> Result<PathBuf, fjall::Error> {
    let data = store.join("data");
    if !data.try_exists()? {
        create(store, &data)?;
    }
    Ok(data)
}

/// What is wrong with it, so that the engine must not be let in.
pub(super) fn flaw(data: &Path) -> io::Result<Option<String>> {
    for mark in MARKS {
        if !data.join(mark).try_exists()? {
            return Ok(Some(format!("its file \"data/{mark}\" is missing")));
        }
    }
    for entry in fs::read_dir(data.join("keyspaces"))? {
        let name = entry?.file_name();
        if name != "0" && name != "1" {
            let name = name.display();
            return Ok(Some(format!(
                "\"data/keyspaces/{name}\" is not of a storage"
            )));
        }
    }
    for entry in fs::read_dir(data)? {
        if entry?.path().extension().is_some_and(|ext| ext == "jnl") {
            return Ok(None);
        }
    }
    Ok(Some("its journal \"data/*.jnl\" is missing".to_owned()))
}

/// Makes an empty store. Made aside and then named, so that one is there as a whole or not at all;
/// what an earlier attempt left aside was never used.
fn create(store: &Path, data: &Path) -> Result<(), fjall::Error> {
    let aside = store.join("data.new");
    if aside.try_exists()? {
        fs::remove_dir_all(&aside)?;
    }
    let database = Database::builder(&aside).open()?;
    let values = database.keyspace(VALUES, KeyspaceCreateOptions::default)?;
    database.persist(PersistMode::SyncAll)?;
    drop((values, database));
    fs::rename(&aside, data)?;
    sync(store)?;
    Ok(())
}

/// Brings the names in a directory to the disk. Elsewhere the system does so by itself.
fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}
