//! The slots of all threads of one host, and which of them are taken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::memory::Memory;
use super::slot::{Look, Slot};

/// One host's slots. It lives as long as a thread has one of them, or a generation of that host is registered.
#[derive(Debug)]
pub(super) struct Area {
    memory: Memory,
    taken: Mutex<Taken>,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Taken {
    /// How many were ever taken: the others are all zeros.
    ever: usize,
    /// Those of them that are free again.
    free: Vec<usize>,
}

impl Area {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            memory,
            taken: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes a slot for the calling thread, unless all are taken.
    pub(super) fn take(&self, may_block: bool) -> Option<usize> {
        let mut taken = self.lock();
        let index = match taken.free.pop() {
            Some(index) => index,
            None if taken.ever < self.memory.slots().len() => {
                taken.ever += 1;
                taken.ever - 1
            }
            None => return None,
        };
        self.slot(index).take(may_block);
        Some(index)
    }

    /// Gives a slot back, whose thread is outside of plugin code and stays so.
    pub(super) fn give_back(&self, index: usize) {
        self.lock().free.push(index);
    }

    pub(super) fn slot(&self, index: usize) -> &Slot {
        &self.memory.slots()[index]
    }

    /// What the threads are in that are in plugin code, with their slots' places.
    pub(super) fn look(&self) -> Vec<(usize, Look)> {
        let ever = self.lock().ever;
        let slots = self.memory.slots()[..ever].iter().enumerate();
        slots
            .filter_map(|(index, slot)| Some((index, slot.look()?)))
            .collect()
    }

    /// Says that no generation will ever be entered here again.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
