//! Where slots lie: in a file that is mapped, so that they outlive the process however that ends, or in the program's own memory.

use std::fs::File;
use std::io;

use super::slot::Slot;

/// How many threads of one host may have a slot at once. Those beyond are not recorded.
pub(super) const SLOTS: usize = 2048;

/// The memory of all slots of a host.
#[derive(Debug)]
pub(super) enum Memory {
    Own(Box<[Slot]>),
    #[cfg(unix)]
    Mapped(mapped::Mapped),
}

impl Memory {
    /// That ends with the process.
    pub(super) fn own() -> Self {
        Self::Own((0..SLOTS).map(|_| Slot::new()).collect())
    }

    /// That the file keeps, which holds `offset` bytes and then as many slots as there are.
    #[cfg(unix)]
    pub(super) fn of_file(file: &File, offset: usize) -> io::Result<Self> {
        mapped::Mapped::new(file, offset).map(Self::Mapped)
    }

    #[cfg(not(unix))]
    pub(super) fn of_file(_: &File, _: usize) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn slots(&self) -> &[Slot] {
        match self {
            Self::Own(slots) => slots,
            #[cfg(unix)]
            Self::Mapped(mapped) => mapped.slots(),
        }
    }
}

#[cfg(unix)]
mod mapped {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::ptr::{self, NonNull};

    use super::{SLOTS, Slot};

    /// A file in memory, shared with whoever reads the file.
    #[derive(Debug)]
    pub(in super::super) struct Mapped {
        start: NonNull<u8>,
        len: usize,
        offset: usize,
    }

    // SAFETY: what is mapped is reached through `slots` alone, and slots are atomic words.
    unsafe impl Send for Mapped {}
    // SAFETY: as for `Send`.
    unsafe impl Sync for Mapped {}

    impl Mapped {
        /// Maps the file, whose pages were all written: a store to one that the disk has no room for would end the process.
        pub(super) fn new(file: &File, offset: usize) -> io::Result<Self> {
            let len = offset + SLOTS * size_of::<Slot>();
            if !offset.is_multiple_of(align_of::<Slot>()) || file.metadata()?.len() < len as u64 {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: a new mapping at a place that the system chooses, of an open file that is long enough.
            let start = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    len,
                    access,
                    libc::MAP_SHARED,
                    file.as_raw_fd(),
                    0,
                )
            };
            match NonNull::new(start) {
                Some(start) if start.as_ptr() != libc::MAP_FAILED => Ok(Self {
                    start: start.cast(),
                    len,
                    offset,
                }),
                _ => Err(io::Error::last_os_error()),
            }
        }

        pub(super) fn slots(&self) -> &[Slot] {
            // SAFETY: so many slots lie behind the offset, aligned, since a mapping begins at a page; each word of theirs is
            // atomic and may have any value. The mapping ends with `self`.
            unsafe {
                std::slice::from_raw_parts(self.start.add(self.offset).cast().as_ptr(), SLOTS)
            }
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: just what was mapped; nothing borrows from it any more.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}
