//! What a host and its generations share: the slots, and what is to be known of each generation.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::activity::About;
use super::area::Area;
use super::files::{AttributionError, Files};
use super::memory::Memory;
use super::word::MAX_SERIAL;

/// The generations that are registered. Its files are removed when this is dropped: when the host and its last generation are gone.
#[derive(Debug)]
pub(super) struct Book {
    area: Arc<Area>,
    generations: Mutex<Generations>,
    files: Option<Files>,
}

#[derive(Debug, Default)]
struct Generations {
    about: BTreeMap<u32, Arc<About>>,
    last: u32,
}

impl Book {
    pub(super) fn new(files: Option<Files>, memory: Memory) -> Self {
        Self {
            area: Arc::new(Area::new(memory)),
            generations: Mutex::default(),
            files,
        }
    }

    pub(super) fn area(&self) -> &Arc<Area> {
        &self.area
    }

    /// Adds a generation, under a serial that no registered one has.
    pub(super) fn add(&self, about: &Arc<About>) -> u32 {
        let mut generations = self.lock();
        loop {
            generations.last = generations.last % MAX_SERIAL + 1;
            let serial = generations.last;
            if let Entry::Vacant(place) = generations.about.entry(serial) {
                place.insert(Arc::clone(about));
                return serial;
            }
        }
    }

    /// Writes a generation down, for the next host.
    pub(super) fn write(&self, serial: u32, about: &About) -> Result<(), AttributionError> {
        match &self.files {
            Some(files) => files.write(serial, about),
            None => Ok(()),
        }
    }

    pub(super) fn name_routes(
        &self,
        serial: u32,
        routes: Vec<String>,
    ) -> Result<(), AttributionError> {
        let named = self.lock().about.get_mut(&serial).map(|about| {
            Arc::make_mut(about).routes = routes;
            Arc::clone(about)
        });
        match named {
            Some(about) => self.write(serial, &about),
            None => Ok(()),
        }
    }

    pub(super) fn remove(&self, serial: u32) {
        self.lock().about.remove(&serial);
        if let Some(files) = &self.files {
            files.remove(serial);
        }
    }

    pub(super) fn about(&self, serial: u32) -> Option<Arc<About>> {
        self.lock().about.get(&serial).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.area.close();
    }
}
