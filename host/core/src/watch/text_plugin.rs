//! Plugins as a test writes them: a line of text that ends in a semicolon, such as `echo 1.0.0 of whatever;`

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::{fs, thread_local};

use agentsys_loader::{
    Candidate, ContentHash, Discovery, Format, INTERFACE, Inspected, Rejected, inspect_candidate,
};
use serde_json::json;

thread_local! {
    static READS: Cell<usize> = const { Cell::new(0) };
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// How many files this thread has inspected.
pub(super) fn reads() -> usize {
    READS.get()
}

/// What happens during this thread's next inspection, after the file was read.
pub(super) fn meanwhile(what: impl FnOnce() + 'static) {
    MEANWHILE.set(Some(Box::new(what)));
}

pub(super) fn inspect(path: &Path) -> Result<Candidate, Rejected> {
    READS.set(READS.get() + 1);
    let text = fs::read_to_string(path).unwrap_or_default();
    if let Some(what) = MEANWHILE.take() {
        what();
    }
    let Some(whole) = text.strip_suffix(';') else {
        return Err(inspect_candidate(path, INTERFACE).unwrap_err());
    };
    let mut words = whole.split(' ');
    let (name, version) = (words.next().unwrap(), words.next().unwrap());
    let plugin = json!({ "name": name, "version": version, "interface": "1.0" });
    let inspected = Inspected {
        metadata: serde_json::from_value(json!({ "plugin": plugin, "routes": [] })).unwrap(),
        format: Format::Elf,
        architecture: "text".to_owned(),
        content_hash: ContentHash::of(text.as_bytes()),
        len: text.len() as u64,
    };
    let path = path.to_owned();
    Ok(Candidate { path, inspected })
}

/// What a host would find in these directories.
pub(super) fn discover(dirs: &[PathBuf]) -> Discovery {
    let (mut good, mut bad, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for listed in agentsys_loader::list_libraries(dirs) {
        match listed {
            Ok(files) => files.iter().for_each(|path| match inspect(path) {
                Ok(candidate) => good.push(candidate),
                Err(rejected) => bad.push(rejected),
            }),
            Err(dir) => unreadable.push(dir),
        }
    }
    Discovery::of(good, bad, unreadable)
}

/// The files that serve, by their names and the hashes of their contents.
pub(super) fn serving(found: &Discovery) -> Vec<(String, ContentHash)> {
    let one = |it: &Candidate| {
        let name = it.path.file_name().unwrap().to_str().unwrap();
        (name.to_owned(), it.inspected.content_hash)
    };
    found.plugins.iter().map(one).collect()
}

/// What [`serving`] says of one file with this text.
pub(super) fn served(file: &str, text: &str) -> Vec<(String, ContentHash)> {
    vec![(file.to_owned(), ContentHash::of(text.as_bytes()))]
}
