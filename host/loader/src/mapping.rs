//! One library in memory, or one use of a plugin that is linked into the program: its file, and what threads hold of it.
//!
//! The library knows its mapping by a plain pointer, and may use that as long as its code is in memory. So a mapping holds itself, until the library was seen to
//! be unmapped (`closing`); that of a linked plugin, whose code never goes, is never freed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, Weak};

use agentsys_abi::host::RawHost;
use agentsys_abi::module::PluginModuleRef;
use agentsys_abi::threads::Destructor;

use crate::attribution::{Activity, Tag};
use crate::copies::PrivateCopy;
use crate::host_api;
use crate::instance::Instance;
use crate::lease::{Lease, LeaseKind, Leases};
use crate::library::OpenLibrary;
use crate::services::Services;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, RwLock};
use crate::threads::{self, Stays};
use crate::waker::WakerCells;

/// A library in memory, and the context of the functions that it calls.
pub(crate) struct Mapping {
    pub(crate) plugin: Arc<str>,
    pub(crate) number: u64,
    /// The host, until the library is closed: so that one which stays in memory does not keep a host that went.
    services: RwLock<Option<Arc<dyn Services>>>,
    /// The generation, as long as it has a lease.
    pub(crate) leases: OnceLock<Weak<Leases>>,
    /// The plugin's wakers that the host keeps.
    pub(crate) wakers: WakerCells,
    /// What threads have left in it.
    pub(crate) stays: Stays,
    /// The keys of thread-specific values that the library created, with their destructors.
    keys: Mutex<Vec<(u32, Option<Destructor>)>>,
    /// The signals that had a handler of the library's.
    signals: Mutex<BTreeSet<i32>>,
    /// Whether the library reports what it leaves on threads, and what came too early for that.
    reports: OnceLock<Early>,
    /// The instances that are not destroyed, by the pointer under which the plugin knows them.
    instances: Mutex<Vec<(usize, Weak<Instance>)>>,
    /// Whether nothing of it runs any more but what threads have left.
    closed: AtomicBool,
    /// None for a plugin that is linked into the program, and for a library that was closed.
    library: Mutex<Option<OpenLibrary>>,
    copy: Mutex<Option<Arc<PrivateCopy>>>,
    /// Whose code it is, for the account of who runs what; until it is closed for a linked plugin, whose mapping stays, and for others until it is unmapped.
    tag: Mutex<Option<Arc<Tag>>>,
    /// Where the copy is, or was; none for a linked plugin.
    path: Option<PathBuf>,
}

/// A library, opened from its private copy.
pub(crate) struct Opened {
    pub(crate) library: OpenLibrary,
    pub(crate) copy: Arc<PrivateCopy>,
}

/// What a library's constructors left before they could report it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Early {
    pub(crate) keys: u32,
    pub(crate) threads: u32,
}

impl Mapping {
    pub(crate) fn new(
        opened: Option<Opened>,
        plugin: Arc<str>,
        number: u64,
        services: Arc<dyn Services>,
        tag: Tag,
    ) -> Arc<Self> {
        let (library, copy) = opened.map(|it| (it.library, it.copy)).unzip();
        let mapping = Arc::new(Self {
            plugin,
            number,
            services: RwLock::new(Some(services)),
            leases: OnceLock::new(),
            wakers: WakerCells::default(),
            stays: Stays::default(),
            keys: Mutex::default(),
            signals: Mutex::default(),
            reports: OnceLock::new(),
            instances: Mutex::default(),
            closed: AtomicBool::new(false),
            library: Mutex::new(library),
            path: copy.as_ref().map(|copy| copy.path().to_owned()),
            copy: Mutex::new(copy),
            tag: Mutex::new(Some(Arc::new(tag))),
        });
        // Held by itself: see above.
        std::mem::forget(Arc::clone(&mapping));
        mapping
    }

    /// Ends the mapping's hold on itself.
    ///
    /// # Safety
    /// To be called once, when the library is in memory no more.
    pub(crate) unsafe fn free(self: &Arc<Self>) {
        // SAFETY: the count that `new` forgot; the library, which alone relied on it, is gone.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(self)) }
    }

    /// The host, as this library sees it.
    pub(crate) fn raw_host(self: &Arc<Self>) -> RawHost {
        RawHost {
            context: Arc::as_ptr(self).cast(),
            api: host_api::API,
        }
    }

    /// The mapping behind a context.
    ///
    /// # Safety
    /// `context` must come from [`raw_host`](Self::raw_host), and its library be in memory as long as this is used.
    pub(crate) unsafe fn of<'a>(context: *const ()) -> &'a Self {
        // SAFETY: the caller's promise; a mapping holds itself as long as its library is in memory.
        unsafe { &*context.cast::<Self>() }
    }

    /// A claim on the mapping behind a context.
    ///
    /// # Safety
    /// As for [`of`](Self::of), while this is called.
    pub(crate) unsafe fn claim(context: *const ()) -> Arc<Self> {
        // SAFETY: the caller's promise; the pointer came from an `Arc` that lives.
        unsafe {
            Arc::increment_strong_count(context.cast::<Self>());
            Arc::from_raw(context.cast::<Self>())
        }
    }

    /// Runs code of the library on this thread, which says so. For calls there is [`Leases::run`].
    pub(crate) fn run<R>(self: &Arc<Self>, activity: Activity, f: impl FnOnce() -> R) -> R {
        self.saying(activity, || {
            threads::enter(self);
            f()
        })
    }

    /// Has this thread say what it is in.
    pub(crate) fn saying<R>(&self, activity: Activity, f: impl FnOnce() -> R) -> R {
        match self.tag() {
            Some(tag) => tag.run(activity, f),
            None => f(),
        }
    }

    pub(crate) fn tag(&self) -> Option<Arc<Tag>> {
        lock(&self.tag).clone()
    }

    /// Takes note of an instance.
    pub(crate) fn add_instance(&self, instance: &Arc<Instance>) {
        let mut instances = lock(&self.instances);
        instances.retain(|(_, instance)| instance.strong_count() > 0);
        instances.push((instance.raw().addr(), Arc::downgrade(instance)));
    }

    /// The instance that the plugin knows by that pointer, unless it is being destroyed.
    pub(crate) fn instance(&self, raw: *const ()) -> Option<Weak<Instance>> {
        // Not claimed: such a claim might become the last one, whose end runs the plugin's code, on the plugin's own thread.
        let instances = lock(&self.instances);
        let mut of_that_address = instances.iter().filter(|(at, _)| *at == raw.addr());
        let alive = of_that_address.find(|(_, instance)| instance.strong_count() > 0);
        alive.map(|(_, instance)| Weak::clone(instance))
    }

    /// A lease on the generation, unless that is being closed.
    pub(crate) fn lease(&self, kind: LeaseKind) -> Option<Lease> {
        self.leases
            .get()?
            .upgrade()
            .map(|leases| Lease::new(leases, kind))
    }

    /// The host, unless the library is closed.
    pub(crate) fn services(&self) -> Option<Arc<dyn Services>> {
        self.services
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes the plugin's wakers back, ends what the library runs for itself, and removes its file. Blocks. What is left are the
    /// threads that have something of it.
    pub(crate) fn close(self: &Arc<Self>, module: PluginModuleRef) {
        self.wakers.revoke();
        // SAFETY: every instance is gone; this is the last call.
        self.run(Activity::Closing, || unsafe { (module.close())() });
        self.let_go();
        if self.path.is_none() {
            *lock(&self.tag) = None;
        }
        self.closed.store(true, Ordering::Release);
        threads::announce_closed();
    }

    /// Lets go of the host, and of the private copy.
    pub(crate) fn let_go(&self) {
        // One statement each, so that what is taken is dropped outside of the lock: it may be all that is left of the host.
        let services = self
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(services);
        let copy = lock(&self.copy).take();
        drop(copy);
    }

    /// Whether nothing of it runs any more but what threads have left.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Where its private copy is, or was; none for a linked plugin.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The library, unless it was closed.
    pub(crate) fn library(&self) -> MutexGuard<'_, Option<OpenLibrary>> {
        lock(&self.library)
    }

    pub(crate) fn add_signal(&self, signal: i32) {
        lock(&self.signals).insert(signal);
    }

    /// The signals that had a handler of the library's.
    pub(crate) fn signals(&self) -> BTreeSet<i32> {
        lock(&self.signals).clone()
    }

    /// The library reports from here on.
    pub(crate) fn reports(&self, keys: u32, threads: u32) {
        let _ = self.reports.set(Early { keys, threads });
    }

    /// What came too early to be reported; none where the library reports nothing at all.
    pub(crate) fn early(&self) -> Option<Early> {
        self.reports.get().copied()
    }

    pub(crate) fn add_key(&self, key: u32, destructor: Option<Destructor>) {
        lock(&self.keys).push((key, destructor));
    }

    pub(crate) fn remove_key(&self, key: u32) {
        lock(&self.keys).retain(|(other, _)| *other != key);
    }

    /// The destructor of a key of the library's, if it has one.
    pub(crate) fn destructor_of(&self, key: u32) -> Option<Destructor> {
        let keys = lock(&self.keys);
        keys.iter().find(|(other, _)| *other == key)?.1
    }

    /// The keys that the library did not delete.
    pub(crate) fn take_keys(&self) -> Vec<u32> {
        let keys = std::mem::take(&mut *lock(&self.keys));
        keys.into_iter().map(|(key, _)| key).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
