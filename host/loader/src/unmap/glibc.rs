//! glibc: a library's ranges and flags, the handlers of signals, and the look into `/proc/self/maps`.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::attribution::Activity;
use crate::closing::Pin;
use crate::mapping::Mapping;
use crate::threads;

pub(super) fn obstacle(mapping: &Arc<Mapping>) -> Option<Pin> {
    let library = mapping.library();
    // None where it was closed before, and is kept by the system's loader.
    let layout = Layout::of(library.as_ref().and(mapping.path())?)?;
    if layout.stays {
        return Some(Pin::NotUnloadable);
    }
    let signals = layout.signals(&mapping.signals());
    (!signals.is_empty()).then_some(Pin::Signals(signals))
}

pub(super) fn unmap(mapping: &Arc<Mapping>) -> Result<(), Pin> {
    let library = mapping.library().take();
    if let Some(library) = library {
        // Its own finalizers run here.
        mapping.saying(Activity::Closing, || {
            // SAFETY: no lease is left and no thread has anything of it, so nothing points into it any more.
            unsafe { library.close() }
        });
        // What those may have left on this thread went with the library.
        threads::forget(mapping);
        for key in mapping.take_keys() {
            // SAFETY: the library created the key and did not delete it; no thread has a value of it, as the caller saw.
            unsafe { libc::pthread_key_delete(key) };
        }
    }
    match mapping.path() {
        Some(path) if is_mapped(path) => Err(Pin::NotUnloadable),
        _ => Ok(()),
    }
}

/// Whether the process has that file in memory, removed or not. Where that cannot be found out, it does.
fn is_mapped(path: &Path) -> bool {
    let Ok(maps) = File::open("/proc/self/maps") else {
        return true;
    };
    let mut maps = BufReader::with_capacity(1 << 16, maps);
    let (path, mut line) = (path.as_os_str().as_bytes(), Vec::new());
    loop {
        line.clear();
        match maps.read_until(b'\n', &mut line) {
            Ok(0) => return false,
            // The name of a copy stands for nothing else, and is never used again.
            Ok(_) if line.windows(path.len()).any(|part| part == path) => return true,
            Ok(_) => {}
            Err(_) => return true,
        }
    }
}

/// A library in memory.
struct Layout {
    /// From and up to which address.
    ranges: Vec<(usize, usize)>,
    /// Whether it is marked as not to be unloaded.
    stays: bool,
}

impl Layout {
    fn of(path: &Path) -> Option<Self> {
        let mut search = Search {
            path: path.as_os_str().as_bytes(),
            found: None,
        };
        let context = (&raw mut search).cast::<c_void>();
        // SAFETY: `visit` takes what the C library gives it, and the search, which lives until this returns.
        unsafe { libc::dl_iterate_phdr(Some(visit), context) };
        search.found
    }

    /// The signals whose handlers lie in it; and those that had one which it set and have not their default again, since whoever set another one after that may
    /// call it.
    fn signals(&self, handled: &BTreeSet<c_int>) -> Vec<String> {
        let within = |address: usize| {
            let mut ranges = self.ranges.iter();
            ranges.any(|(from, to)| (*from..*to).contains(&address))
        };
        let handled = (1..=libc::SIGRTMAX()).filter(|signal| {
            // SAFETY: an all-zero `sigaction` is one; the call only writes to it.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: as above; without a new action nothing is changed.
            let asked = unsafe { libc::sigaction(*signal, std::ptr::null(), &raw mut action) };
            let is_default = matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
            let may_be_called = handled.contains(signal) && !is_default;
            asked == 0 && (may_be_called || within(action.sa_sigaction))
        });
        handled.map(name_of).collect()
    }
}

struct Search<'a> {
    path: &'a [u8],
    found: Option<Layout>,
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, context: *mut c_void) -> c_int {
    // SAFETY: the C library's own record, and the search from `Layout::of`.
    let (info, search) = unsafe { (&*info, &mut *context.cast::<Search<'_>>()) };
    // SAFETY: a name that ends in 0; null has none.
    let is_it = !info.dlpi_name.is_null()
        && unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes() == search.path;
    if !is_it {
        return 0;
    }
    // SAFETY: as many headers as the record says.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let base = address(info.dlpi_addr);
    let mut layout = Layout {
        ranges: Vec::new(),
        stays: false,
    };
    for header in headers {
        let from = base.wrapping_add(address(header.p_vaddr));
        match header.p_type {
            libc::PT_LOAD => layout
                .ranges
                .push((from, from.wrapping_add(address(header.p_memsz)))),
            // SAFETY: the dynamic section of a library in memory, which ends with an empty entry.
            libc::PT_DYNAMIC => layout.stays = unsafe { is_marked(from as *const [usize; 2]) },
            _ => {}
        }
    }
    search.found = Some(layout);
    1
}

/// Whether a dynamic section has the flag `DF_1_NODELETE`.
///
/// # Safety
/// `entry` must be the first entry of a dynamic section.
unsafe fn is_marked(mut entry: *const [usize; 2]) -> bool {
    const DT_NULL: usize = 0;
    const DT_FLAGS_1: usize = 0x6fff_fffb;
    const DF_1_NODELETE: usize = 8;
    loop {
        // SAFETY: the caller's promise; the last entry ends the walk.
        let [tag, value] = unsafe { *entry };
        match tag {
            DT_NULL => return false,
            DT_FLAGS_1 => return value & DF_1_NODELETE != 0,
            // SAFETY: not the last one.
            _ => entry = unsafe { entry.add(1) },
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "addresses of this process")]
fn address(value: u64) -> usize {
    value as usize
}

fn name_of(signal: c_int) -> String {
    let known = [
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGCHLD, "SIGCHLD"),
        (libc::SIGWINCH, "SIGWINCH"),
        (libc::SIGIO, "SIGIO"),
    ];
    let name = known.iter().find(|(number, _)| *number == signal);
    name.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}
