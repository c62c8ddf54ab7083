//! What the store's own thread does while the store is open: it syncs, when it is told to and when
//! something has waited for the interval. While nothing is to be synced, it sleeps.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::StorageError;

pub(super) enum Message<C> {
    /// Something was written, and nothing unsynced was there before it.
    Unsynced,
    /// Sync, and say when it is done.
    Sync(oneshot::Sender<Result<(), StorageError>>),
    /// End, with what the end needs.
    Close(C),
}

/// Runs until it is told to close, or until nobody is left who could tell it: then with nothing.
///
/// `sync` keeps writers out, calls its argument, and then syncs. So all who have written before it
/// and wait for a sync share this one.
pub(super) fn run<C>(
    messages: &Receiver<Message<C>>,
    interval: Duration,
    mut sync: impl FnMut(&mut dyn FnMut()) -> Result<(), StorageError>,
) -> Option<C> {
    let mut due: Option<Instant> = None;
    loop {
        let message = match due {
            None => messages.recv().map_err(RecvTimeoutError::from),
            Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        let mut waiting = Vec::new();
        match message {
            // An interval that no clock can show never ends.
            Ok(Message::Unsynced) => {
                due = Instant::now().checked_add(interval);
                continue;
            }
            Ok(Message::Sync(done)) => waiting.push(done),
            Ok(Message::Close(closing)) => return Some(closing),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        due = None;
        let mut closing = None;
        let result = sync(&mut || {
            for message in messages.try_iter() {
                match message {
                    Message::Unsynced => {}
                    Message::Sync(done) => waiting.push(done),
                    Message::Close(last) => closing = Some(last),
                }
            }
        });
        if let Err(error) = &result
            && waiting.is_empty()
        {
            tracing::error!(%error, "a storage could not be synced");
        }
        for done in waiting {
            let _ = done.send(result.clone());
        }
        if closing.is_some() {
            return closing;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    /// A keeper whose syncs are events. Each sync gathers when it is let.
    fn keeper(interval: Duration) -> (Sender<Message<()>>, Receiver<()>, Sender<()>) {
        let (sender, messages) = channel();
        let (synced, syncs) = channel();
        let (gate, let_through) = channel();
        thread::spawn(move || {
            run(&messages, interval, |gather| {
                let_through.recv().expect("the test lets it");
                gather();
                synced.send(()).expect("the test listens");
                Ok(())
            })
        });
        (sender, syncs, gate)
    }

    #[test]
    fn what_was_written_is_synced_once_when_the_interval_is_over() {
        let (sender, syncs, gate) = keeper(SOON);
        gate.send(()).expect("it listens");
        sender.send(Message::Unsynced).expect("it listens");
        syncs.recv().expect("one sync");
        sender.send(Message::Close(())).expect("it listens");
        assert!(syncs.recv().is_err(), "it synced again for nothing");
    }

    #[test]
    fn nothing_is_synced_where_nothing_was_written() {
        let (sender, syncs, _gate) = keeper(SOON);
        sender.send(Message::Close(())).expect("it listens");
        assert!(syncs.recv().is_err(), "it synced for nothing");
    }

    #[test]
    fn an_interval_without_end_is_no_fault() {
        let (sender, syncs, gate) = keeper(Duration::MAX);
        sender.send(Message::Unsynced).expect("it listens");
        gate.send(()).expect("it listens");
        let (done, synced) = oneshot::channel();
        sender.send(Message::Sync(done)).expect("it listens");
        synced
            .blocking_recv()
            .expect("an answer")
            .expect("it syncs");
        syncs.recv().expect("one sync");
    }

    #[test]
    fn all_who_wait_share_one_sync() {
        let (sender, syncs, gate) = keeper(Duration::MAX);
        let waiting: Vec<_> = (0..64)
            .map(|_| {
                let (done, synced) = oneshot::channel();
                sender.send(Message::Sync(done)).expect("it listens");
                synced
            })
            .collect();
        sender.send(Message::Close(())).expect("it listens");
        gate.send(()).expect("it listens");
        for synced in waiting {
            synced
                .blocking_recv()
                .expect("an answer")
                .expect("it syncs");
        }
        assert_eq!(syncs.iter().count(), 1);
    }

    #[test]
    fn a_failed_sync_is_the_answer_to_all_who_wait() {
        let (sender, messages) = channel::<Message<()>>();
        let (done, synced) = oneshot::channel();
        sender.send(Message::Sync(done)).expect("it listens");
        sender.send(Message::Close(())).expect("it listens");
        run(&messages, SOON, |_| Err(StorageError::backend("no disk")));
        let error = synced
            .blocking_recv()
            .expect("an answer")
            .expect_err("it failed");
        assert!(error.to_string().contains("no disk"), "{error}");
    }

    #[test]
    fn it_ends_when_nobody_is_left() {
        let (sender, messages) = channel::<Message<()>>();
        drop(sender);
        assert!(run(&messages, SOON, |_| Ok(())).is_none());
    }
}
