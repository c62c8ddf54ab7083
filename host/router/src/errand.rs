//! A task that was not answered at once: what it still needs, and how it comes to its end, at the
//! first attempt or a later one.

use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::time::Instant;

use crate::kept::Kept;
use crate::observer::{self, FailedTask};
use crate::router::Shared;
use crate::under_way::UnderWay;
use crate::waiting::{self, Alarm, Setback, alarm, timer};
use crate::{ErrorKind, Payload, Task, TaskError, backoff};

type Answer = Result<Payload, TaskError>;

/// A task on its way to its end.
pub(crate) type Pursuit = Pin<Box<dyn Future<Output = Answer> + Send>>;

pub(crate) struct Errand {
    pub(crate) shared: Arc<Shared>,
    pub(crate) task: Task,
    /// Where the task is for one agent by name.
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) retries: u32,
    pub(crate) kept: Kept,
    pub(crate) input_bytes: usize,
}

/// Why a task failed in the end, and after how many attempts.
struct Defeat {
    error: TaskError,
    attempts: u32,
}

impl Errand {
    /// Goes on where all places are taken.
    #[inline(never)] // Off the path of a call that is answered at once.
    pub(crate) fn wait_for_place(self, data: Payload) -> Pursuit {
        Box::pin(async move {
            let run = self.shared.lifecycle.run();
            let mut alarm = match alarm(&self.shared, &self.task, run) {
                Ok(alarm) => pin!(alarm),
                Err(no_timer) => return Err(self.fail(no_timer, 1)),
            };
            let first = waiting::for_place(&self, alarm.as_mut(), data).await;
            self.end(first, alarm, run).await
        })
    }

    /// Goes on where an agent has the task and has not answered.
    #[inline(never)]
    pub(crate) fn wait_for_answer(self, under_way: UnderWay) -> Pursuit {
        Box::pin(async move {
            let run = self.shared.lifecycle.run();
            let mut alarm = match alarm(&self.shared, &self.task, run) {
                Ok(alarm) => pin!(alarm),
                Err(no_timer) => return Err(self.fail(no_timer, 1)),
            };
            let first = waiting::for_answer(&self.task, alarm.as_mut(), under_way).await;
            self.end(first, alarm, run).await
        })
    }

    /// Goes on where the first attempt failed at once.
    #[inline(never)]
    pub(crate) fn try_again(self, error: TaskError) -> Pursuit {
        Box::pin(async move {
            let run = self.shared.lifecycle.run();
            match alarm(&self.shared, &self.task, run) {
                Ok(alarm) => {
                    self.end(Err(Setback::Failed(error)), pin!(alarm), run)
                        .await
                }
                Err(_) => Err(self.fail(error, 1)),
            }
        })
    }

    /// Whether a task that failed with this error after so many attempts may be tried again, as far
    /// as the error is concerned. An error of a nested task that was tried again there is not:
    /// otherwise the attempts would multiply with each level.
    pub(crate) fn may_retry(&self, error: &TaskError, attempts: u32) -> bool {
        attempts <= self.retries
            && error.is_retryable()
            && error.attempts() == 1
            && error.kind() != ErrorKind::NotRunning
    }

    /// The last word on a task: counts its attempts, tells the observer.
    #[cold]
    pub(crate) fn fail(&self, error: TaskError, attempts: u32) -> TaskError {
        // A nested task's error keeps the count of its own attempts.
        let error = if error.attempts() > 1 {
            error
        } else {
            error.with_attempts(attempts)
        };
        if let Some(observer) = &self.shared.observer {
            let failed = FailedTask {
                route: self.task.route(),
                known_route: true,
                task_id: self.task.id(),
                trace_id: self.task.trace_id(),
                hops: self.task.hops(),
                input_bytes: self.input_bytes,
                attempts,
                error: &error,
            };
            observer::tell(observer, &failed);
        }
        error
    }

    async fn end(
        &self,
        first: Result<Payload, Setback>,
        alarm: Pin<&mut impl Alarm>,
        run: u64,
    ) -> Answer {
        match first {
            Ok(answer) => Ok(answer),
            Err(Setback::Ended { error, .. }) => Err(self.fail(error, 1)),
            Err(Setback::Failed(error)) if !self.may_retry(&error, 1) => Err(self.fail(error, 1)),
            Err(Setback::Failed(error)) => {
                // Few tasks come here: the others do not carry the room for it.
                let retried = Box::pin(self.retry(error, alarm, run)).await;
                retried.map_err(|defeat| self.fail(defeat.error, defeat.attempts))
            }
        }
    }

    /// Tries again until it is answered or there is no more to be tried; then the error is the last
    /// that came of a real attempt.
    async fn retry(
        &self,
        error: TaskError,
        mut alarm: Pin<&mut impl Alarm>,
        run: u64,
    ) -> Result<Payload, Defeat> {
        let mut last = Defeat { error, attempts: 1 };
        while self.may_retry(&last.error, last.attempts)
            && self.pause(last.attempts, run).await
            && let Some(data) = self.kept.again()
        {
            last.attempts += 1;
            self.task.gate().count_retry();
            match waiting::for_place(self, alarm.as_mut(), data).await {
                Ok(answer) => return Ok(answer),
                Err(Setback::Failed(error)) => last.error = error,
                Err(Setback::Ended { error, reached }) => {
                    if reached {
                        last.error = error;
                    }
                    break;
                }
            }
        }
        Err(last)
    }

    /// Waits before another attempt; false where there must be none, because the time would be up
    /// by then or the router stops.
    async fn pause(&self, attempts: u32, run: u64) -> bool {
        let lifecycle = &self.shared.lifecycle;
        // A stop counts the task while it is here, with no agent.
        let _waiting = lifecycle.wait();
        let until = Instant::now() + backoff::pause(attempts, self.task.id());
        if self.task.deadline().is_some_and(|end| end <= until) {
            return false;
        }
        let Some(timer) = timer(&self.shared.timers, until) else {
            return false;
        };
        tokio::select! {
            biased;
            () = lifecycle.draining() => false,
            () = timer => lifecycle.admits_retry(run),
        }
    }
}
