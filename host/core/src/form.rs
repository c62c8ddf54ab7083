//! Whether a task is answered once or item by item. To the router one answer is a stream of one item, and a plugin that is started by a task answers a stream in any case; a caller that shows
//! the two differently has to know. So what calls a plugin's handler says which it was, to the caller that polls it: it does so inside of that caller's polls.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;

use agentsys_router::{Payload, Task, TaskError, TaskStream};
use futures_util::{FutureExt, Stream};
use tokio::sync::{mpsc, oneshot};

type Item = Result<Payload, TaskError>;

/// How an answer begins.
pub(crate) enum Begun {
    /// This is all of it.
    One(Item),
    Items,
}

/// What a handler answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    One = 1,
    Items = 2,
}

tokio::task_local! {
    /// Where a caller that wants to know is told. None for tasks that are nested in its own.
    static ASKED: Option<Arc<AtomicU8>>;
}

/// Says how a task is answered, if its caller wants to know.
pub(crate) fn tell(task: &Task, form: Form) {
    if task.streams() && task.parent().is_none() {
        let _ = ASKED.try_with(|asked| {
            if let Some(asked) = asked {
                asked.store(form as u8, Ordering::Relaxed);
            }
        });
    }
}

/// Polls another task's stream, which is none of the caller's business.
pub(crate) fn of_another<T>(poll: impl FnOnce() -> T) -> T {
    ASKED.sync_scope(None, poll)
}

/// Reads a stream, and says how it begins; then hands its items on, each when there is room for it.
pub(crate) async fn hand_on(
    stream: TaskStream,
    begin: oneshot::Sender<Begun>,
    items: mpsc::Sender<Item>,
) {
    let told = Arc::new(AtomicU8::new(0));
    let work = read(stream, Arc::clone(&told), begin, items);
    ASKED.scope(Some(told), work).await;
}

async fn read(
    mut stream: TaskStream,
    told: Arc<AtomicU8>,
    begin: oneshot::Sender<Begun>,
    items: mpsc::Sender<Item>,
) {
    let is = |form: Form| told.load(Ordering::Relaxed) == form as u8;
    let first = poll_fn(|cx| match Pin::new(&mut stream).poll_next(cx) {
        // It is open, and has no item yet.
        Poll::Pending if is(Form::Items) => Poll::Ready(None),
        polled => polled.map(Some),
    })
    .await;
    let mut known = Vec::new();
    match first {
        None => {}
        Some(None) => {
            let _ = begin.send(Begun::Items);
            return;
        }
        Some(Some(item)) if is(Form::Items) => known.push(item),
        Some(Some(item)) => {
            // To its end all the same: the router counts a stream that is dropped before as cancelled.
            let next = if is(Form::One) {
                Some(stream.next().await)
            } else {
                stream.next().now_or_never()
            };
            match next {
                Some(None) => {
                    let _ = begin.send(Begun::One(item));
                    return;
                }
                next => known.extend([Some(item), next.flatten()].into_iter().flatten()),
            }
        }
    }
    if begin.send(Begun::Items).is_err() {
        return;
    }
    for item in known {
        if items.send(item).await.is_err() {
            return;
        }
    }
    // A place first: a reader that takes nothing is not read ahead of.
    while let Ok(place) = items.reserve().await {
        match stream.next().await {
            Some(item) => place.send(item),
            None => return,
        }
    }
}
