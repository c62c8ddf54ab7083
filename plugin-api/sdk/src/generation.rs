//! What there is once for each library: its host, and the ends of what it runs for itself.
//!
//! A plugin that is *linked* into a program shares that program's tokio, `tracing` and panic hook, and is bound by each host anew. So for it there is
//! nothing here but that fact; what it needs of its host it has in each instance.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use abi_stable::std_types::{ROption, RStr};
use agentsys_abi::bridge::Failure;
use agentsys_abi::error::{RawError, kind};
use agentsys_abi::host::RawHost;

use crate::{logs, panics, runtime, threads};

static HOST: OnceLock<BoundHost> = OnceLock::new();
static LINKED: AtomicBool = AtomicBool::new(false);

struct BoundHost(RawHost);

// SAFETY: the seam: a host's context and functions may be used from any thread.
unsafe impl Send for BoundHost {}
// SAFETY: as for `Send`.
unsafe impl Sync for BoundHost {}

/// Gives this library its host; the first call of all.
///
/// # Safety
/// `host` must be valid until [`close`].
pub(crate) unsafe fn bind(host: RawHost) -> ROption<RawError> {
    if HOST.set(BoundHost(host)).is_err() {
        let message = "this copy of the library has a host already";
        return ROption::RSome(Failure::new(kind::INTERNAL, message).into());
    }
    // SAFETY: the caller's promise.
    unsafe { threads::bind(host) };
    panics::install_hook();
    logs::install(max_level());
    ROption::RNone
}

/// Takes note that the plugins of this program are linked into it.
pub(crate) fn bind_linked() {
    if !LINKED.swap(true, Ordering::AcqRel) {
        panics::extend_hook();
    }
}

/// Whether this copy of the SDK is part of a program, not of a library that a host opened.
#[inline]
pub(crate) fn is_linked() -> bool {
    LINKED.load(Ordering::Acquire)
}

/// Ends the library's runtime, and with it every task that still runs there; and what else of it is larger than a few bytes. Blocks.
pub(crate) fn close() {
    runtime::end();
    logs::end();
}

/// The level that the host wants; 0 (none) before there is one.
pub(crate) fn max_level() -> u32 {
    HOST.get().map_or(0, |BoundHost(host)| {
        // SAFETY: `bind`'s promise.
        unsafe { (host.api.log().max_level())(host.context) }
    })
}

/// Writes one line to the host's log. Lost before there is a host.
pub(crate) fn log(level: u32, target: &str, message: &str, fields: &str) {
    if let Some(BoundHost(host)) = HOST.get() {
        let (target, message, fields) =
            (RStr::from(target), RStr::from(message), RStr::from(fields));
        // SAFETY: `bind`'s promise.
        unsafe { (host.api.log().write())(host.context, level, target, message, fields) }
    }
}

/// Reports what the SDK itself finds wrong, as an error in the log.
pub(crate) fn report(target: &str, message: &str) {
    if is_linked() {
        tracing::error!(module = target, "{message}");
    } else {
        log(1, target, message, "{}");
    }
}

/// Whether the host has the field that a later release may append.
#[cfg(feature = "seam-newer")]
pub(crate) fn host_has_next_field() -> bool {
    HOST.get()
        .is_some_and(|BoundHost(host)| host.api.next_field().is_some())
}
