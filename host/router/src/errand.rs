//! A task that was not answered at once: what it still needs, and how it comes to its end, at the
//! first attempt or a later one.

use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::time::Instant;

use crate::address::{Address, Only};
use crate::call::{Answer, RouteTask};
use crate::kept::Kept;
use crate::observer::{self, FailedTask};
use crate::policy::Fallback;
use crate::router::Shared;
use crate::setback::Setback;
use crate::strategy::Later;
use crate::under_way::{Output, UnderWay};
use crate::waiting::{self, Attempt, alarm, timer};
use crate::{AgentId, ErrorKind, Payload, RoutePolicy, Task, TaskError, TaskOptions, refusal};

/// A task on its way to its end.
pub(crate) type Pursuit = Pin<Box<dyn Future<Output = Answer> + Send>>;

pub(crate) struct Errand {
    pub(crate) shared: Arc<Shared>,
    task: Task,
    /// Where the task is for certain agents only.
    pub(crate) only: Option<Only>,
    policy: Arc<RoutePolicy>,
    kept: Kept,
    input_bytes: usize,
    began: Instant,
    /// Whether its end is counted.
    settled: bool,
}

/// Where the first attempt stands.
pub(crate) enum First {
    /// It waits for a place, or for what a strategy says.
    Place(Payload, Option<Later>),
    /// An agent has it, and has not answered.
    Answer(UnderWay),
    /// It has failed.
    Failed(Setback),
}

/// Why a task failed in the end, and after how many attempts.
struct Defeat {
    setback: Setback,
    attempts: u32,
}

impl Errand {
    #[cold]
    pub(crate) fn new(
        shared: &Arc<Shared>,
        task: Task,
        only: Option<Only>,
        kept: Kept,
        input_bytes: usize,
        began: Option<Instant>,
    ) -> Self {
        Self {
            shared: shared.clone(),
            only,
            policy: task.gate().policy().clone(),
            task,
            kept,
            input_bytes,
            began: began.unwrap_or_else(Instant::now),
            settled: false,
        }
    }

    /// Goes on to the end.
    #[inline(never)] // Off the path of a call that is answered at once.
    pub(crate) fn pursue(mut self, first: First) -> Pursuit {
        Box::pin(async move {
            let defeat = match self.attempts(first).await {
                Ok(answer) => {
                    self.succeed();
                    return Ok(answer);
                }
                Err(defeat) => defeat,
            };
            // Few tasks come here: the others do not carry the room for it.
            match Box::pin(self.fall_back(&defeat)).await {
                None => Err(self.fail(defeat)),
                Some(Ok(answer)) => {
                    self.succeed();
                    Ok(answer)
                }
                Some(Err(error)) => Err(self.fail(Defeat {
                    setback: defeat.setback.and_fallback_failed(&error),
                    ..defeat
                })),
            }
        })
    }

    /// The end of a task that the router refuses, since it stops.
    #[cold]
    pub(crate) fn refuse(mut self, error: TaskError) -> TaskError {
        self.fail(Defeat {
            setback: Setback::stopped(error),
            attempts: 0,
        })
    }

    /// Tries until it is answered or there is no more to be tried; then the error is the last
    /// that came of a real attempt.
    async fn attempts(&self, first: First) -> Result<Output, Defeat> {
        let run = self.shared.lifecycle.run();
        let setback = match self.first(first, run).await {
            Ok(answer) => return Ok(answer),
            Err(setback) => setback,
        };
        if !self.may_retry(&setback, 1) {
            return Err(Defeat {
                setback,
                attempts: 1,
            });
        }
        Box::pin(self.retry(setback, run)).await
    }

    async fn first(&self, first: First, run: u64) -> Result<Output, Setback> {
        let data = match first {
            First::Failed(setback) => return Err(setback),
            First::Answer(under_way) => {
                let alarm = self.alarm(&self.task, run)?;
                return waiting::for_answer(self.attempt(None), pin!(alarm), under_way).await;
            }
            First::Place(data, selected) => (data, selected),
        };
        let alarm = self.alarm(&self.task, run)?;
        waiting::for_place(self.attempt(None), pin!(alarm), data.0, data.1).await
    }

    async fn retry(&self, setback: Setback, run: u64) -> Result<Output, Defeat> {
        let mut last = Defeat {
            setback,
            attempts: 1,
        };
        while self.may_retry(&last.setback, last.attempts)
            && let Some(data) = self.kept.again()
            && self.pause(last.attempts, run).await
        {
            let task = self.task.again(self.policy.timeout);
            let attempt = Attempt {
                errand: self,
                task: &task,
                not: last.setback.agent,
            };
            let Ok(alarm) = self.alarm(&task, run) else {
                break;
            };
            match waiting::for_place(attempt, pin!(alarm), data, None).await {
                Ok(answer) => return Ok(answer),
                // It has not come to an attempt: what is known of the ones before says more.
                Err(setback) if setback.agent.is_none() && last.setback.agent.is_some() => {
                    last.attempts += 1;
                    if !setback.may_be_retried(&self.task, &self.policy) {
                        break;
                    }
                }
                Err(setback) => {
                    last.setback = setback;
                    last.attempts += 1;
                }
            }
        }
        Err(last)
    }

    fn attempt(&self, not: Option<AgentId>) -> Attempt<'_> {
        Attempt {
            errand: self,
            task: &self.task,
            not,
        }
    }

    fn alarm(&self, task: &Task, run: u64) -> Result<impl waiting::Alarm, Setback> {
        let no_timer = || Setback::stopped(refusal::no_timer(task.route()));
        alarm(&self.shared, task.attempt_end(), run).ok_or_else(no_timer)
    }

    fn may_retry(&self, setback: &Setback, attempts: u32) -> bool {
        attempts <= self.policy.retry_count && setback.may_be_retried(&self.task, &self.policy)
    }

    /// Waits before another attempt; false where there must be none, because the time would be up
    /// by then, the budget is spent, or the router stops.
    async fn pause(&self, attempts: u32, run: u64) -> bool {
        let lifecycle = &self.shared.lifecycle;
        // A stop counts the task while it is here, with no agent.
        let _waiting = lifecycle.wait();
        let now = Instant::now();
        let pause = self.policy.backoff.pause(attempts, self.task.id());
        let Some(until) = now.checked_add(pause) else {
            return false;
        };
        if self.task.end().is_some_and(|end| end <= until) {
            return false;
        }
        if !self.task.gate().spend_retry() {
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

    /// What stands in for an answer; none where there is nothing.
    async fn fall_back(&self, defeat: &Defeat) -> Option<Answer> {
        let error = &defeat.setback.error;
        let fallback = self.policy.fallback.as_ref();
        // What was asked of one agent of many, no other can answer.
        let is_for_one = matches!(self.only, Some(Only::Member(_)));
        let is_due = Fallback::is_for(error) && !defeat.setback.is_stop() && !is_for_one;
        let fallback = fallback.filter(|_| is_due)?;
        let figures = &self.task.gate().figures;
        let route = match fallback {
            Fallback::Answer(answer) => {
                figures.count_fallback();
                return Some(Ok(Output::One(answer.clone())));
            }
            Fallback::Route(route) => route,
        };
        let data = self.kept.again()?;
        figures.count_fallback();
        let options = TaskOptions {
            parent: Some(Arc::new(self.task.after_all())),
            ..self.task.options()
        };
        let address = Address::Route(route);
        let mut task = RouteTask::new(&self.shared, address, data, options);
        if self.task.streams() {
            task = task.streaming(None);
        }
        Some(std::future::poll_fn(move |cx| task.poll_output(cx)).await)
    }

    fn succeed(&mut self) {
        self.settled = true;
        self.task.gate().meter.took(self.began.elapsed());
    }

    /// The last word on a task: counts its attempts, tells the observer.
    #[cold]
    fn fail(&mut self, defeat: Defeat) -> TaskError {
        let Defeat { setback, attempts } = defeat;
        let error = setback.error;
        self.settled = true;
        let meter = &self.task.gate().meter;
        meter.failed(error.kind());
        meter.took(self.began.elapsed());
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
}

impl Drop for Errand {
    fn drop(&mut self) {
        if !self.settled {
            // Its caller went away.
            self.task.gate().meter.failed(ErrorKind::Cancelled);
        }
    }
}
