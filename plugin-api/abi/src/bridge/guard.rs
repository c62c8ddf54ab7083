//! The wall that no panic passes.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; a panic in it comes back as its message.
///
/// # Errors
/// The panic's message.
#[inline]
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Ok(value),
        Err(panic) => Err(describe_panic(panic)),
    }
}

/// The message of a panic, as `panic!` was given it. Frees the panic's value, which may itself panic: then it is leaked.
#[must_use]
#[cold]
pub fn describe_panic(panic: Box<dyn Any + Send>) -> String {
    let message = if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(second);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("from the value's drop");
        }
    }

    #[test]
    fn a_panic_comes_back_as_its_message() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| panic!("plain")).unwrap_err(), "plain");
        assert_eq!(catch(|| panic!("with {}", 1)).unwrap_err(), "with 1");
    }

    #[test]
    fn a_panic_whose_value_panics_when_dropped_is_caught_too() {
        let message = catch(|| std::panic::panic_any(PanicsWhenDropped)).unwrap_err();
        assert_eq!(message, "a panic without a message");
    }
}
