//! A file's bytes, or why there are none.
//!
//! They lie in pages of their own, which go back to the system at once. In the heap, each thread that ever read a plugin would keep room for one: the C library gives threads
//! heaps of their own, and large pieces of them back late or never.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

use memmap2::MmapMut;

use super::error::Fault;

/// The largest file that is read, in bytes: 1 GiB.
pub const MAX_FILE_LEN: u64 = 1 << 30;

/// What a file held.
#[derive(Debug)]
pub struct FileBytes {
    pages: MmapMut,
    len: usize,
}

impl FileBytes {
    fn read(file: &mut File, len: usize) -> io::Result<Self> {
        let mut bytes = Self {
            // There are no pages of no length.
            pages: MmapMut::map_anon(len.max(1))?,
            len: 0,
        };
        while bytes.len < len {
            match file.read(&mut bytes.pages[bytes.len..len]) {
                Ok(0) => return Ok(bytes),
                Ok(more) => bytes.len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match file.read(&mut [0])? {
            0 => Ok(bytes),
            _ => Err(io::Error::other("it grew while it was read")),
        }
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.pages[..self.len]
    }
}

/// Reads the whole file.
pub(super) fn read(path: &Path) -> Result<FileBytes, Fault> {
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
    let len = usize::try_from(metadata.len()).map_err(|_| Fault::TooLarge)?;
    let mut file = File::open(path).map_err(why)?;
    FileBytes::read(&mut file, len).map_err(why)
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
    fn a_file_is_read_as_it_is_an_empty_one_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.so");
        for content in [&b""[..], &[7; 100_000]] {
            fs::write(&path, content).unwrap();
            assert_eq!(&*read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_file_that_grows_meanwhile_is_not_taken_for_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.so");
        fs::write(&path, "longer").unwrap();
        let error = FileBytes::read(&mut File::open(&path).unwrap(), 4).unwrap_err();
        assert_eq!(error.to_string(), "it grew while it was read");
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
