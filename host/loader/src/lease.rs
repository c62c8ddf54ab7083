//! Leases: counted claims that keep a generation open.
//!
//! Whatever may run a generation's code, or points into its memory, holds one. They are counted by kind, so that
//! what keeps a generation from being closed can be named. The last one to go closes it, on a thread of its own: whoever drops it may be
//! an async worker, or the plugin's own thread.

use std::fmt;
use std::sync::{Arc, Weak};

use agentsys_abi::module::PluginModuleRef;

use crate::attribution::{Activity, Tag};
use crate::closing::{self, End, OnEnd, Pin};
use crate::mapping::Mapping;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;
use crate::threads;

/// What a lease is held by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaseKind {
    /// The host itself, which may make instances.
    Host,
    /// An instance.
    Instance,
    /// A call under way.
    Call,
    /// A stream that is being read.
    Stream,
    /// An answer that lies in the plugin's memory.
    Reply,
    /// A waker of the plugin's that is being woken.
    Waker,
}

const KINDS: [LeaseKind; 6] = [
    LeaseKind::Host,
    LeaseKind::Instance,
    LeaseKind::Call,
    LeaseKind::Stream,
    LeaseKind::Reply,
    LeaseKind::Waker,
];

impl fmt::Display for LeaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Instance => "instance",
            Self::Call => "call",
            Self::Stream => "stream",
            Self::Reply => "reply",
            Self::Waker => "waker",
        })
    }
}

/// What all leases of a generation share.
pub(crate) struct Leases {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) module: PluginModuleRef,
    tag: Option<Arc<Tag>>,
    counts: [AtomicUsize; KINDS.len()],
    on_end: Option<OnEnd>,
}

impl Leases {
    pub(crate) fn new(mapping: Arc<Mapping>, module: PluginModuleRef, on_end: OnEnd) -> Arc<Self> {
        let leases = Arc::new(Self {
            tag: mapping.tag(),
            mapping,
            module,
            counts: Default::default(),
            on_end: Some(on_end),
        });
        let _ = leases.mapping.leases.set(Arc::downgrade(&leases));
        leases
    }

    /// Runs code of the generation on this thread, which says so: on the path of every call.
    #[inline]
    pub(crate) fn run<R>(&self, activity: Activity, f: impl FnOnce() -> R) -> R {
        let run = || {
            threads::enter(&self.mapping);
            f()
        };
        match &self.tag {
            Some(tag) => tag.run(activity, run),
            None => run(),
        }
    }

    /// How many leases of each kind there are, without those kinds of which there are none.
    pub(crate) fn outstanding(&self) -> Vec<(LeaseKind, usize)> {
        let count = |kind: LeaseKind| (kind, self.counts[kind as usize].load(Ordering::Relaxed));
        KINDS
            .into_iter()
            .map(count)
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        let (mapping, module) = (Arc::clone(&self.mapping), self.module);
        let Some(on_end) = self.on_end.take() else {
            return;
        };
        let on_end = Arc::new(on_end);
        let told = Arc::clone(&on_end);
        let close = move || closing::close(&mapping, module, &on_end);
        let plugin = Arc::clone(&self.mapping.plugin);
        let thread = thread::Builder::new().name(format!("close {plugin}"));
        if let Err(error) = thread.spawn(close) {
            tracing::warn!(%plugin, %error, "no thread can be started to close the plugin on: its threads go on");
            self.mapping.let_go();
            told(End::Pinned(Pin::Threads(Vec::new())));
        }
    }
}

/// A counted claim that keeps a generation open.
pub struct Lease {
    leases: Arc<Leases>,
    kind: LeaseKind,
}

impl Lease {
    pub(crate) fn new(leases: Arc<Leases>, kind: LeaseKind) -> Self {
        leases.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        Self { leases, kind }
    }

    /// Another lease on the same generation.
    #[must_use]
    pub fn another(&self, kind: LeaseKind) -> Self {
        Self::new(Arc::clone(&self.leases), kind)
    }

    pub(crate) fn mapping(&self) -> &Arc<Mapping> {
        &self.leases.mapping
    }

    pub(crate) fn leases(&self) -> &Arc<Leases> {
        &self.leases
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.counts[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sees what keeps a generation open, or from being closed, without keeping it open.
#[derive(Clone)]
pub struct LeaseWatch {
    leases: Weak<Leases>,
    mapping: Weak<Mapping>,
}

impl LeaseWatch {
    pub(crate) fn new(leases: &Arc<Leases>) -> Self {
        Self {
            leases: Arc::downgrade(leases),
            mapping: Arc::downgrade(&leases.mapping),
        }
    }

    /// How many leases of each kind there are, without those kinds of which there are none.
    #[must_use]
    pub fn outstanding(&self) -> Vec<(LeaseKind, usize)> {
        let leases = self.leases.upgrade();
        leases
            .map(|leases| leases.outstanding())
            .unwrap_or_default()
    }
}

impl LeaseWatch {
    /// What keeps a generation from being closed that serves no more: its leases, or where there are none, its own threads.
    #[must_use]
    pub fn pin(&self) -> Pin {
        let mut held = self.outstanding();
        held.retain(|(kind, _)| *kind != LeaseKind::Host);
        if !held.is_empty() {
            return Pin::Leases(held);
        }
        let mapping = self.mapping.upgrade();
        let own = mapping.map(|mapping| mapping.stays.left().own);
        let names = own.unwrap_or_default().into_iter().map(threads::name_of);
        Pin::Threads(names.collect())
    }
}

impl fmt::Debug for LeaseWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseWatch({:?})", self.outstanding())
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.kind)
    }
}
