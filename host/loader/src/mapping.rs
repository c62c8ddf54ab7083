//! One library in memory, or one use of a plugin that is linked into the program: its file, and what threads hold of it.
//!
//! A mapping is not freed. What a plugin leaves on threads may call the host at any time as long as its code is in
//! memory, with a pointer to the mapping as its context. Closing ends what the generation runs and
//! removes its file; unmapping asks for more proof, and comes with hot reload.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use agentsys_abi::host::RawHost;
use agentsys_abi::module::PluginModuleRef;
use agentsys_abi::threads::Destructor;
use libloading::Library;

use crate::copies::PrivateCopy;
use crate::host_api;
use crate::instance::Instance;
use crate::lease::{Lease, LeaseKind, Leases};
use crate::services::Services;
use crate::threads;
use crate::waker::WakerCells;

/// A library in memory, and the context of the functions that it calls.
pub(crate) struct Mapping {
    pub(crate) plugin: Arc<str>,
    pub(crate) number: u64,
    /// The host, until the library is closed: so that a mapping, which stays, does not keep a host that went.
    services: RwLock<Option<Arc<dyn Services>>>,
    /// The generation, as long as it has a lease.
    pub(crate) leases: OnceLock<Weak<Leases>>,
    /// The plugin's wakers that the host keeps.
    pub(crate) wakers: WakerCells,
    /// The keys of thread-specific values that the library created, with their destructors.
    keys: Mutex<Vec<(u32, Option<Destructor>)>>,
    /// The instances that are not destroyed, by the pointer under which the plugin knows them.
    instances: Mutex<Vec<(usize, Weak<Instance>)>>,
    /// Held, so that nothing closes it; none for a plugin that is linked into the program.
    _library: Option<ManuallyDrop<Library>>,
    copy: Mutex<Option<PrivateCopy>>,
}

/// A library, opened from its private copy.
pub(crate) struct Opened {
    pub(crate) library: ManuallyDrop<Library>,
    pub(crate) copy: PrivateCopy,
}

impl Mapping {
    pub(crate) fn new(
        opened: Option<Opened>,
        plugin: Arc<str>,
        number: u64,
        services: Arc<dyn Services>,
    ) -> Arc<Self> {
        let (library, copy) = opened.map(|it| (it.library, it.copy)).unzip();
        let mapping = Arc::new(Self {
            plugin,
            number,
            services: RwLock::new(Some(services)),
            leases: OnceLock::new(),
            wakers: WakerCells::default(),
            keys: Mutex::default(),
            instances: Mutex::default(),
            _library: library,
            copy: Mutex::new(copy),
        });
        // Never freed: see above.
        std::mem::forget(Arc::clone(&mapping));
        mapping
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
    /// `context` must come from [`raw_host`](Self::raw_host).
    pub(crate) unsafe fn of<'a>(context: *const ()) -> &'a Self {
        // SAFETY: the caller's promise; a mapping is never freed.
        unsafe { &*context.cast::<Self>() }
    }

    /// A claim on the mapping behind a context.
    ///
    /// # Safety
    /// As for [`of`](Self::of).
    pub(crate) unsafe fn claim(context: *const ()) -> Arc<Self> {
        // SAFETY: the caller's promise; the pointer came from an `Arc` that lives.
        unsafe {
            Arc::increment_strong_count(context.cast::<Self>());
            Arc::from_raw(context.cast::<Self>())
        }
    }

    /// Takes note of an instance.
    pub(crate) fn add_instance(&self, instance: &Arc<Instance>) {
        let mut instances = self.lock_instances();
        instances.retain(|(_, instance)| instance.strong_count() > 0);
        instances.push((instance.raw().addr(), Arc::downgrade(instance)));
    }

    /// The instance that the plugin knows by that pointer, unless it is being destroyed.
    pub(crate) fn instance(&self, raw: *const ()) -> Option<Weak<Instance>> {
        // Not claimed: such a claim might become the last one, whose end runs the plugin's code, on the plugin's own thread.
        let instances = self.lock_instances();
        let mut of_that_address = instances.iter().filter(|(at, _)| *at == raw.addr());
        let alive = of_that_address.find(|(_, instance)| instance.strong_count() > 0);
        alive.map(|(_, instance)| Weak::clone(instance))
    }

    fn lock_instances(&self) -> MutexGuard<'_, Vec<(usize, Weak<Instance>)>> {
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

    /// Takes the plugin's wakers back, ends what the library runs for itself, and removes its file. Blocks.
    pub(crate) fn close(self: &Arc<Self>, module: PluginModuleRef) {
        threads::enter(self);
        self.wakers.revoke();
        // SAFETY: every instance is gone; this is the last call.
        unsafe { (module.close())() };
        self.let_go();
    }

    /// Lets go of the host, and removes the private copy; what is mapped of that stays.
    pub(crate) fn let_go(&self) {
        // One statement each, so that what is taken is dropped outside of the lock: it may be all that is left of the host.
        let services = self
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(services);
        let copy = self
            .copy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(copy);
    }

    pub(crate) fn add_key(&self, key: u32, destructor: Option<Destructor>) {
        self.lock_keys().push((key, destructor));
    }

    pub(crate) fn remove_key(&self, key: u32) {
        self.lock_keys().retain(|(other, _)| *other != key);
    }

    /// The keys that have destructors.
    pub(crate) fn destructors(&self) -> Vec<(u32, Destructor)> {
        self.lock_keys()
            .iter()
            .filter_map(|(key, destructor)| destructor.map(|d| (*key, d)))
            .collect()
    }

    fn lock_keys(&self) -> MutexGuard<'_, Vec<(u32, Option<Destructor>)>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
