//! A registered generation, and running its code.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use super::activity::Activity;
use super::area::Area;
use super::book::Book;
use super::files::AttributionError;
use super::seat;
use super::slot::Slot;
use super::word::Word;

/// A registered generation. What runs its code does so through this.
pub struct Tag {
    what: Word,
    area: Arc<Area>,
    book: Arc<Book>,
}

impl Tag {
    pub(super) fn new(serial: u32, book: Arc<Book>) -> Self {
        Self {
            what: Word::of_generation(serial),
            area: Arc::clone(book.area()),
            book,
        }
    }

    /// Runs plugin code in `f`, so that what it does to the process is put down to this. Such calls nest. The code of async handlers runs in polls: each is a call of this.
    #[inline]
    pub fn run<R>(&self, activity: Activity, f: impl FnOnce() -> R) -> R {
        let what = self.what.doing(activity);
        seat::within(&self.area, |slot| {
            let _leave = Leave(slot, slot.enter(what));
            f()
        })
    }

    /// Says which routes there are, each at its handler's number, once the plugin's code was asked.
    ///
    /// # Errors
    /// If the generation's file cannot be written; crashes of it then name no route.
    pub fn name_routes(&self, routes: Vec<String>) -> Result<(), AttributionError> {
        self.book.name_routes(self.what.serial(), routes)
    }
}

struct Leave<'a>(&'a Slot, Word);

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        self.book.remove(self.what.serial());
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.what.serial())
    }
}
