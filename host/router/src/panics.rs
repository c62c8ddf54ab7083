//! What a caught panic said. Agents, strategies and observers are other people's code: wherever the
//! router runs some, it catches.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

pub(crate) fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(without a message)")
}

/// The future of somebody's code, made and polled where its panics are caught.
pub(crate) async fn caught<F: Future + Unpin>(
    make: impl FnOnce() -> F,
) -> Result<F::Output, Box<dyn Any + Send>> {
    let (mut make, mut future) = (Some(make), None);
    poll_fn(|cx| {
        let step = || {
            if let Some(make) = make.take() {
                future = Some(make());
            }
            let future = future.as_mut();
            Pin::new(future.expect("made above, or it panicked and was not polled again")).poll(cx)
        };
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}
