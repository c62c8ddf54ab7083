//! The task at hand, as plugins see it: borrowed for the length of a call, claimed by a handler that goes on.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// What the loader asks of the host's record of a task.
pub trait Task: Send + Sync {
    /// The task's number, unique in its host.
    fn id(&self) -> u64;
    /// How many tasks it is nested in.
    fn hops(&self) -> u32;
    /// The time that is left; none where nothing limits it.
    fn remaining(&self) -> Option<Duration>;
    /// Whether nobody waits for the answer any more.
    fn is_cancelled(&self) -> bool;
    /// The key by which tasks of a kind are told apart.
    fn key(&self) -> Option<&[u8]> {
        None
    }
    /// The value of a label.
    fn label(&self, _name: &str) -> Option<&str> {
        None
    }
    /// A label by its place, from 0 on: its name and its value.
    fn label_at(&self, _place: usize) -> Option<(&str, &str)> {
        None
    }
    /// Its trace, as the W3C's `traceparent`.
    fn traceparent(&self) -> Option<String> {
        None
    }
    /// The same task, to be kept.
    fn share(&self) -> Arc<dyn SharedTask>;
}

/// A task that is kept; the host knows its own again by its type.
pub trait SharedTask: Task + Any {}

impl<T: Task + Any> SharedTask for T {}

/// What a plugin's `task` pointer points at: on the caller's stack, or in a box that a claim owns.
pub(crate) struct Slot {
    task: *const dyn Task,
    owner: Option<Arc<dyn SharedTask>>,
}

impl Slot {
    /// A slot for the length of a call.
    #[inline]
    pub(crate) fn borrowed(task: &dyn Task) -> Self {
        let task: *const (dyn Task + '_) = task;
        // SAFETY: only the lifetime's name goes; `RawCall::task` is valid until the call returns, and no longer is this.
        let task = unsafe { std::mem::transmute::<*const (dyn Task + '_), *const dyn Task>(task) };
        Self { task, owner: None }
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// # Safety
    /// `slot` must be the pointer of a call that has not returned, or of a claim.
    pub(crate) unsafe fn task<'a>(slot: *const ()) -> &'a dyn Task {
        // SAFETY: the caller's promise: slot and task are alive.
        unsafe { &*(*slot.cast::<Self>()).task }
    }

    /// # Safety
    /// As for [`task`](Self::task).
    pub(crate) unsafe fn claim(slot: *const ()) -> *const () {
        // SAFETY: the caller's promise.
        let this = unsafe { &*slot.cast::<Self>() };
        let owner = match &this.owner {
            Some(owner) => Arc::clone(owner),
            // SAFETY: as above.
            None => unsafe { Self::task(slot) }.share(),
        };
        let task: &dyn Task = &*owner;
        let task = std::ptr::from_ref(task);
        let claim = Box::new(Self {
            task,
            owner: Some(owner),
        });
        Box::into_raw(claim).cast_const().cast()
    }

    /// # Safety
    /// `slot` must be a claim, given up once.
    pub(crate) unsafe fn release(slot: *const ()) {
        // SAFETY: the caller's promise: a box from `claim`.
        drop(unsafe { Box::from_raw(slot.cast::<Self>().cast_mut()) });
    }
}
