//! What a caught panic said. Agents, strategies and observers are other people's code: wherever the
//! router runs some, it catches.

use std::any::Any;

pub(crate) fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(without a message)")
}
