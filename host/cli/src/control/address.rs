//! Where the control socket is, and who may reach it: `control/control.sock` in the state
//! directory, `control` being of mode 0700 and its user's own.
//!
//! Both ends hold that directory open and name its entries through the handle. So what was
//! checked is what is used, even if somebody renames a parent or a plugin changes the working
//! directory; and on Linux the name stays short (`/proc/self/fd/N/control.sock`), where a
//! socket's own address has room for 108 bytes only.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    process::geteuid,
};

use super::error::AddressError;

const DIRECTORY: &str = "control";
const SOCKET: &str = "control.sock";
const LOCK: &str = "host.lock";

/// Opening without reading: also possible where a check is about to refuse the directory.
#[cfg(target_os = "linux")]
const HANDLE: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const HANDLE: OFlags = OFlags::RDONLY;

/// The directory of the control socket, open and checked.
#[derive(Debug)]
pub(super) struct ControlDirectory {
    handle: File,
    /// As a person would write it.
    path: PathBuf,
}

impl ControlDirectory {
    /// For the host: opens the directory in `state_dir`, and makes both where they are missing.
    pub(super) fn create(state_dir: &Path) -> Result<Self, AddressError> {
        let path = state_dir.join(DIRECTORY);
        let made = fs::create_dir_all(state_dir)
            .and_then(|()| DirBuilder::new().mode(0o700).create(&path))
            .or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            });
        match made {
            Ok(()) => Self::open_checked(path, Party::Host),
            Err(source) => Err(AddressError::Create { path, source }),
        }
    }

    /// For a program that asks: opens the directory in `state_dir`; none if there is none.
    pub(super) fn open(state_dir: &Path) -> Result<Option<Self>, AddressError> {
        match Self::open_checked(state_dir.join(DIRECTORY), Party::Client) {
            Err(AddressError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    /// The socket, as a person would write it.
    pub(super) fn socket_path(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    /// The socket, as the system should be given it, while `self` lives.
    pub(super) fn socket_address(&self) -> PathBuf {
        self.entry(SOCKET)
    }

    /// The lock file, as a person would write it.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// The lock file, as the system should be given it, while `self` lives.
    pub(super) fn lock_address(&self) -> PathBuf {
        self.entry(LOCK)
    }

    fn open_checked(path: PathBuf, party: Party) -> Result<Self, AddressError> {
        let flags = HANDLE | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(io::Error::from)
            .map(File::from)
            .and_then(|handle| Ok((handle.metadata()?, handle)));
        let (metadata, handle) = match opened {
            Ok(opened) => opened,
            Err(source) => return Err(AddressError::Open { path, source }),
        };
        check(
            &path,
            party,
            metadata.uid(),
            metadata.mode(),
            geteuid().as_raw(),
        )?;
        Ok(Self { handle, path })
    }

    #[cfg(target_os = "linux")]
    fn entry(&self, name: &str) -> PathBuf {
        use std::os::fd::AsRawFd;

        Path::new("/proc/self/fd")
            .join(self.handle.as_raw_fd().to_string())
            .join(name)
    }

    #[cfg(not(target_os = "linux"))]
    fn entry(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Who opens the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Host,
    Client,
}

/// Whether a directory of this owner and mode may hold the socket. Root may ask any user's host;
/// it does not become the host of another user's directory, where that user could replace the
/// socket under it.
pub(super) fn check(
    path: &Path,
    party: Party,
    owner: u32,
    mode: u32,
    own: u32,
) -> Result<(), AddressError> {
    let root_asks = party == Party::Client && own == 0;
    if owner != own && !root_asks {
        return Err(AddressError::ForeignOwner {
            path: path.to_owned(),
            owner,
            own,
        });
    }
    if mode & 0o077 != 0 {
        return Err(AddressError::NotPrivate {
            path: path.to_owned(),
            mode: mode & 0o7777,
        });
    }
    Ok(())
}

/// Whether a user who connects may speak to a host that runs as `own`: that same user, and root.
/// The directory's mode says so already; this holds even if someone has loosened it since.
pub(super) fn admits(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}
