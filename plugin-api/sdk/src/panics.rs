//! The author's panics: caught wherever the host calls, and turned into an error that says where it happened.

use std::cell::{Cell, RefCell};
use std::panic;
use std::ptr;

use agentsys_abi::bridge;

use crate::error::Error;
use crate::generation;

thread_local! {
    /// Whether a panic on this thread will come back to the host as an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic on this thread happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the author's code. `what` names it, should it panic.
#[inline]
pub(crate) fn catch<R>(what: impl FnOnce() -> String, f: impl FnOnce() -> R) -> Result<R, Error> {
    // Looked for once: in a library, finding a thread-local is a function call.
    let caught = CAUGHT.with(ptr::from_ref);
    // SAFETY: a thread-local without a destructor is valid as long as its thread, which is ours.
    let outer = unsafe { &*caught }.replace(true);
    let result = bridge::catch(f);
    // SAFETY: as above.
    unsafe { &*caught }.set(outer);
    result.map_err(|message| panicked(&what(), &message))
}

/// Runs code of others in the midst of the author's: in a program with linked plugins a panic there is not ours to keep quiet about.
#[inline]
pub(crate) fn of_others<R>(f: impl FnOnce() -> R) -> R {
    let outer = CAUGHT.replace(false);
    let result = f();
    CAUGHT.set(outer);
    result
}

#[cold]
fn panicked(what: &str, message: &str) -> Error {
    let place = PLACE
        .take()
        .map_or_else(String::new, |place| format!(" at {place}"));
    Error::poisoned(format!("{what} panicked{place}: {message}"))
}

/// Takes over from std's own hook, whose words on standard error would name neither plugin nor route. This is the library's own copy
/// of std: the host's hook is another.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(|info| {
        if !note_place(info) {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("without a name").to_owned();
            let place = info.location().map(ToString::to_string);
            let place = place.unwrap_or_else(|| "an unknown place".to_owned());
            let message = info.payload_as_str().unwrap_or("a panic without a message");
            let line = format!("a thread of the plugin ({name}) panicked at {place}: {message}");
            generation::report("agentsys_plugin::panics", &line);
        }
    }));
}

/// Goes before the program's own hook, which is left to say what it says of panics that are not caught here: those of a linked plugin's handlers.
pub(crate) fn extend_hook() {
    let theirs = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !note_place(info) {
            theirs(info);
        }
    }));
}

/// Keeps the place of a panic that will come back to the host as an error. False where it will not.
fn note_place(info: &panic::PanicHookInfo<'_>) -> bool {
    let caught = CAUGHT.get();
    if caught {
        PLACE.set(info.location().map(ToString::to_string));
    }
    caught
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caught_panic_says_what_panicked_and_where() {
        install_hook();
        let error = catch(|| "route `x`".to_owned(), || panic!("no {}", "good")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Panicked);
        let message = error.message();
        assert!(message.starts_with("route `x` panicked at "), "{message}");
        assert!(
            message.contains("panics.rs:") && message.ends_with(": no good"),
            "{message}"
        );
        let _ = panic::take_hook();
    }
}
