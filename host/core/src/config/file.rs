//! Reads the text of a file, within bounds, and says in a line why it cannot.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::config::document::Places;
use crate::config::problem::{ConfigProblem, Origin};

/// A larger file is no configuration.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file; `None` if there is none.
pub(super) fn text_of(path: &Path) -> Result<Option<String>, ConfigProblem> {
    let problem = |message: &str| ConfigProblem::new(whole(path), message);
    let failed = |error: io::Error| problem(&format!("it cannot be read: {error}"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(problem(
            "it is a directory; give the path of a file, as agentsys.toml",
        ));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(problem(
            "it is larger than 1 MiB, which no configuration is; give the path of another file",
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..valid]);
            let origin = Places::new(path, &text).origin(valid);
            let message = "this byte is not UTF-8; save the file as UTF-8";
            Err(ConfigProblem::new(origin, message))
        }
    }
}

/// The place of a file as a whole.
pub(super) fn whole(path: &Path) -> Origin {
    Origin::File {
        path: path.to_owned(),
        line: 0,
        column: 0,
    }
}
