//! A file's bytes, or why there are none.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::error::Fault;

/// The largest file that is read, in bytes: 1 GiB.
pub const MAX_FILE_LEN: u64 = 1 << 30;

/// Reads the whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let why = |error| fault(path, error);
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(why)?;
    if metadata.is_dir() {
        return Err(Fault::Directory);
    }
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    if metadata.len() > MAX_FILE_LEN {
        return Err(Fault::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    let file = File::open(path).map_err(why)?;
    file.take(MAX_FILE_LEN + 1)
        .read_to_end(&mut bytes)
        .map_err(why)?;
    if bytes.len() as u64 > MAX_FILE_LEN {
        return Err(Fault::TooLarge);
    }
    Ok(bytes)
}

fn fault(path: &Path, error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Fault::Permission(error),
        io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Fault::DanglingLink { target },
            Err(_) => Fault::Missing,
        },
        _ => Fault::Unreadable(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn message(path: &Path) -> String {
        read(path).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_there_is_said() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            message(&dir.path().join("x.so")),
            "does not exist; check the path"
        );
    }

    #[test]
    fn a_directory_is_said() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            message(dir.path()),
            "is a directory, not a library; move it away, or name a file in it"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_link_names_where_it_points() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("x.so");
        std::os::unix::fs::symlink("gone/libecho.so", &link).unwrap();
        assert_eq!(
            message(&link),
            "is a link to gone/libecho.so, which does not exist; mend or remove the link"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_is_refused_before_it_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.so");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(
            message(&path),
            "is not a regular file; put the library itself there"
        );
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.so");
        File::create(&path)
            .unwrap()
            .set_len(MAX_FILE_LEN + 1)
            .unwrap();
        assert_eq!(
            message(&path),
            "is larger than the 1024 MiB that a plugin may have; strip its debug information"
        );
    }

    /// By its error only: the tests may run as a user that may read everything.
    #[test]
    fn a_forbidden_file_says_who_must_read_it_and_keeps_the_error() {
        let fault = fault(Path::new("x.so"), io::ErrorKind::PermissionDenied.into());
        assert!(matches!(&fault, Fault::Permission(_)));
        assert_eq!(
            fault.to_string(),
            "cannot be read: permission denied; let the user that runs the host read it"
        );
    }
}
