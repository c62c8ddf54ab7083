//! What `#[route("…", logged)]` logs of each call: its begin, its end, how long it took, and its error.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use agentsys_abi::bridge::{Handed, Payload};
use agentsys_abi::call::RawCall;

use futures_core::Stream;

use crate::error::{Error, Result};
use crate::handler;
use crate::panics;

/// One call that is logged. One that is dropped before its end was given up by its caller, which is logged too.
pub(crate) struct CallLog {
    route: &'static str,
    task: u64,
    began: Instant,
    ended: bool,
}

impl CallLog {
    pub(crate) fn begin(route: &'static str, call: &RawCall, input: &Handed<'_>) -> Self {
        let (task, bytes) = (call.task_id, input.len());
        tracing::info!(target: TARGET, route, task, bytes, "`{route}` begins");
        Self {
            route,
            task,
            began: Instant::now(),
            ended: false,
        }
    }

    /// Logs the end of a plain handler, a panic's with its words.
    pub(crate) fn over(self, handler: impl FnOnce() -> Result<Payload>) -> Result<Payload> {
        let answer = panics::catch(|| handler::name(self.route), handler).flatten();
        self.end(answer.as_ref().err());
        answer
    }

    /// Logs the end of an async handler.
    pub(crate) async fn around(
        self,
        handler: impl Future<Output = Result<Payload>>,
    ) -> Result<Payload> {
        let mut handler = pin!(handler);
        let answer = poll_fn(|cx| {
            let polled = panics::catch(|| handler::name(self.route), || handler.as_mut().poll(cx));
            polled.unwrap_or_else(|panic| Poll::Ready(Err(panic)))
        });
        let answer = answer.await;
        self.end(answer.as_ref().err());
        answer
    }

    /// Logs the end of a stream, with the last of its failures.
    pub(crate) fn through<S>(self, stream: S) -> Logged<S> {
        Logged {
            stream,
            log: Some(self),
            failed: None,
        }
    }

    fn end(mut self, error: Option<&Error>) {
        self.ended = true;
        let Self { route, task, .. } = self;
        let ms = self.millis();
        match error {
            None => tracing::info!(target: TARGET, route, task, ms, "`{route}` ended"),
            Some(error) => {
                tracing::error!(target: TARGET, route, task, ms, kind = error.kind().as_str(), error = format!("{error:#}"), "`{route}` failed: {error:#}");
            }
        }
    }

    /// In milliseconds, to the microsecond.
    fn millis(&self) -> f64 {
        (self.began.elapsed().as_secs_f64() * 1e6).round() / 1e3
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        if !self.ended {
            let (route, task, ms) = (self.route, self.task, self.millis());
            tracing::warn!(target: TARGET, route, task, ms, "`{route}` was given up before its end");
        }
    }
}

/// See [`CallLog::through`].
pub(crate) struct Logged<S> {
    /// Pinned with the whole.
    stream: S,
    /// None once the end is logged.
    log: Option<CallLog>,
    failed: Option<Error>,
}

impl<S: Stream<Item = Result<Payload>>> Stream for Logged<S> {
    type Item = Result<Payload>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        // SAFETY: `stream` is pinned with `self` and never moved out; the others are not pinned.
        let (stream, log, failed) = unsafe {
            let this = self.get_unchecked_mut();
            let stream = Pin::new_unchecked(&mut this.stream);
            (stream, &mut this.log, &mut this.failed)
        };
        let Some(route) = log.as_ref().map(|log| log.route) else {
            return Poll::Ready(None);
        };
        match panics::catch(|| handler::name(route), || stream.poll_next(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Some(item))) => {
                if let Err(error) = &item {
                    *failed = Some(error.clone());
                }
                Poll::Ready(Some(item))
            }
            Ok(Poll::Ready(None)) => {
                if let Some(log) = log.take() {
                    log.end(failed.as_ref());
                }
                Poll::Ready(None)
            }
            Err(panic) => {
                if let Some(log) = log.take() {
                    log.end(Some(&panic));
                }
                Poll::Ready(Some(Err(panic)))
            }
        }
    }
}

const TARGET: &str = "agentsys_plugin::calls";
