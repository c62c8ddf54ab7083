//! The plugin: its functions notice when they run at a time at which they must not.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Weak};
use std::time::Duration;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RStr, RString};
use agentsys_abi::bridge::Failure;
use agentsys_abi::call::{RawCall, RawReply};
use agentsys_abi::error::RawError;
use agentsys_abi::host::RawHost;
use agentsys_abi::module::{PluginModule, PluginModuleRef};
use agentsys_abi::payload::RawPayload;
use agentsys_abi::routing::{RawAgents, RawOutcome, RawSelection, RawTask, RawVerdict};
use agentsys_abi::waker::RawWaker;

use super::thread::JoinHandle;
use crate::instance::Instance;
use crate::output::Data;
use crate::services::{
    AddedRoute, AgentAnswers, LogLine, MetricKind, MetricUpdate, Routed, SendOptions, Services,
    StorageOperation, Stored, Target,
};
use crate::stream::DataStream;
use crate::task::Task;

pub(super) static PLUGIN: Plugin = Plugin {
    closed: AtomicUsize::new(0),
    unmapped: AtomicBool::new(false),
    wakers: AtomicUsize::new(0),
    left: AtomicUsize::new(0),
    thread: Mutex::new(None),
    faults: Mutex::new(Vec::new()),
};

/// Not of the checker's types, since it outlives each way that is tried; nor has it to be.
pub(super) struct Plugin {
    closed: AtomicUsize,
    unmapped: AtomicBool,
    /// Its wakers that somebody has.
    wakers: AtomicUsize,
    /// Its destructors that are still to be run.
    left: AtomicUsize,
    /// A thread of its own, which it waits for when it is closed.
    thread: Mutex<Option<JoinHandle<()>>>,
    faults: Mutex<Vec<&'static str>>,
}

impl Plugin {
    pub(super) fn begin(&self) {
        self.closed.store(0, Ordering::Relaxed);
        self.unmapped.store(false, Ordering::Relaxed);
        self.wakers.store(0, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
        *self.thread.lock().unwrap() = None;
        self.faults.lock().unwrap().clear();
    }

    /// At the end: all that it is promised was kept.
    pub(super) fn check(&self) {
        assert_eq!(self.closed.load(Ordering::Relaxed), 1, "how often closed");
        assert_eq!(self.wakers.load(Ordering::Relaxed), 0, "wakers kept");
        assert_eq!(self.left.load(Ordering::Relaxed), 0, "destructors not run");
        // Taken first: a failure must not poison it for other scenarios.
        let faults = std::mem::take(&mut *self.faults.lock().unwrap());
        assert!(faults.is_empty(), "{faults:?}");
    }

    /// Code of the plugin's, which other threads may interrupt.
    pub(super) fn runs(&self) {
        for _ in 0..2 {
            self.expect(self.closed.load(Ordering::Relaxed) == 0, "runs when closed");
            pause();
        }
    }

    /// A destructor of the plugin's, as [`runs`](Self::runs): it may run as long as there is a library.
    pub(super) fn destroys(&self) {
        for _ in 0..2 {
            let mapped = !self.unmapped.load(Ordering::Relaxed);
            self.expect(mapped, "a destructor runs when unmapped");
            pause();
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn leaves(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_thread(&self, thread: JoinHandle<()>) {
        *self.thread.lock().unwrap() = Some(thread);
    }

    pub(super) fn makes_waker(&self) {
        self.wakers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drops_waker(&self) {
        self.runs();
        self.wakers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_unmapped(&self) {
        self.unmapped.store(true, Ordering::Relaxed);
    }

    fn close(&self) {
        let thread = self.thread.lock().unwrap().take();
        if let Some(thread) = thread {
            self.expect(thread.join().is_ok(), "its thread panicked");
        }
        self.expect(
            self.wakers.load(Ordering::Relaxed) == 0,
            "closed while a waker is kept",
        );
        pause();
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Not by a panic, which would go through the seam.
    fn expect(&self, holds: bool, fault: &'static str) {
        if !holds {
            self.faults.lock().unwrap().push(fault);
        }
    }
}

/// Lets others go on here.
fn pause() {
    shuttle::thread::sleep(Duration::ZERO);
}

pub(super) const MODULE: PluginModuleRef = PluginModuleRef(
    const {
        &WithMetadata::new(PluginModule {
            bind,
            describe,
            check_config,
            create,
            initialize,
            invoke,
            cleanup,
            destroy,
            close,
            set_log_level,
            blocking_threads: 0,
            save_state,
            restore_state,
            select_agent,
            before_task,
            after_task,
        })
    }
    .static_as_prefix(),
);

unsafe extern "C" fn close() {
    PLUGIN.close();
}

/// The scenarios are of what comes after these.
fn is_not_called() -> ! {
    unreachable!("the model calls `close` alone")
}

unsafe extern "C" fn bind(_: RawHost) -> ROption<RawError> {
    is_not_called()
}

unsafe extern "C" fn describe() -> RString {
    is_not_called()
}

unsafe extern "C" fn check_config(_: *mut RawPayload) -> RString {
    is_not_called()
}

unsafe extern "C" fn create(_: RawHost) -> *const () {
    is_not_called()
}

unsafe extern "C" fn initialize(_: *const (), _: *mut RawPayload, _: *const RawWaker) -> RawReply {
    is_not_called()
}

unsafe extern "C" fn invoke(_: *const (), _: *mut RawCall, _: *const RawWaker) -> RawReply {
    is_not_called()
}

unsafe extern "C" fn cleanup(_: *const (), _: *const RawWaker) -> RawReply {
    is_not_called()
}

unsafe extern "C" fn destroy(_: *const ()) {
    is_not_called()
}

unsafe extern "C" fn set_log_level(_: u32) {
    is_not_called()
}

unsafe extern "C" fn save_state(_: *const (), _: *const RawWaker) -> RawReply {
    is_not_called()
}

unsafe extern "C" fn restore_state(
    _: *const (),
    _: *mut RawPayload,
    _: RStr<'_>,
    _: *const RawWaker,
) -> RawReply {
    is_not_called()
}

unsafe extern "C" fn select_agent(
    _: *const (),
    _: *const RawTask<'_>,
    _: *const RawAgents,
    _: *const RawWaker,
) -> RawSelection {
    is_not_called()
}

unsafe extern "C" fn before_task(
    _: *const (),
    _: *const RawTask<'_>,
    _: *const RawPayload,
    _: *const RawWaker,
) -> RawVerdict {
    is_not_called()
}

unsafe extern "C" fn after_task(
    _: *const (),
    _: *const RawTask<'_>,
    _: *const RawOutcome<'_>,
    _: *const RawWaker,
) -> RawReply {
    is_not_called()
}

/// The plugin asks for none.
pub(super) struct NoServices;

impl Services for NoServices {
    fn max_log_level(&self) -> u32 {
        is_not_called()
    }

    fn log(&self, _: LogLine<'_>) {
        is_not_called()
    }

    fn send(&self, _: Option<&dyn Task>, _: Target, _: &str, _: Data, _: SendOptions) -> Routed {
        is_not_called()
    }

    fn stream(
        &self,
        _: Option<&dyn Task>,
        _: Target,
        _: &str,
        _: Data,
        _: SendOptions,
        _: Option<DataStream>,
    ) -> Result<DataStream, Failure> {
        is_not_called()
    }

    fn broadcast(
        &self,
        _: Option<&dyn Task>,
        _: &str,
        _: Data,
        _: SendOptions,
    ) -> Result<AgentAnswers, Failure> {
        is_not_called()
    }

    fn add_route(&self, _: &Weak<Instance>, _: AddedRoute) -> Result<(), Failure> {
        is_not_called()
    }

    fn remove_route(&self, _: &Weak<Instance>, _: u32) -> bool {
        is_not_called()
    }

    fn storage(&self, _: StorageOperation) -> Stored {
        is_not_called()
    }

    fn register_metric(&self, _: MetricKind, _: &str) -> u64 {
        is_not_called()
    }

    fn update_metric(&self, _: u64, _: MetricUpdate) {
        is_not_called()
    }
}
