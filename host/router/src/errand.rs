//! A task that was not answered at once: what it still needs, and how it comes to its end, at the
//! first attempt or a later one.

use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::time::Instant;

use crate::account::Account;
use crate::address::{Address, Only};
use crate::call::{Answer, RouteTask};
use crate::defeat::Defeat;
use crate::interceptor::Course;
use crate::kept::Kept;
use crate::member::Member;
use crate::policy::Fallback;
use crate::router::Shared;
use crate::setback::Setback;
use crate::strategy::Later;
use crate::under_way::{Output, UnderWay};
use crate::waiting::{self, Attempt, alarm, timer};
use crate::{AgentId, Interceptors, Payload, RoutePolicy, Task, TaskError, TaskOptions, refusal};

/// A task on its way to its end.
pub(crate) type Pursuit = Pin<Box<dyn Future<Output = Answer> + Send>>;

pub(crate) struct Errand {
    pub(crate) shared: Arc<Shared>,
    task: Task,
    /// Where the task is for certain agents only.
    pub(crate) only: Option<Only>,
    policy: Arc<RoutePolicy>,
    kept: Kept,
    account: Account,
    /// The interceptors that it went through.
    course: Option<Arc<Course>>,
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
            account: Account::new(task.gate(), input_bytes, began),
            task,
            kept,
            course: None,
        }
    }

    /// A task that has passed its interceptors. Its end is theirs to tell.
    pub(crate) fn in_course(
        course: Arc<Course>,
        shared: Arc<Shared>,
        task: Task,
        only: Option<Only>,
        kept: Kept,
    ) -> Self {
        Self {
            shared,
            only,
            policy: task.gate().policy().clone(),
            account: Account::of_nobody(task.gate()),
            task,
            kept,
            course: Some(course),
        }
    }

    pub(crate) fn began(&self) -> Instant {
        self.account.began
    }

    pub(crate) fn policy(&self) -> &RoutePolicy {
        &self.policy
    }

    /// Whether it went through interceptors.
    pub(crate) fn is_in_course(&self) -> bool {
        self.course.is_some()
    }

    /// An attempt begins with that agent.
    pub(crate) fn note(&self, agent: &Arc<str>) {
        if let Some(course) = &self.course {
            course.note(agent);
        }
    }

    /// Goes on to the end.
    #[inline(never)] // Off the path of a call that is answered at once.
    pub(crate) fn pursue(mut self, first: First) -> Pursuit {
        Box::pin(async move {
            let concluded = self.conclude(first).await;
            self.settle(concluded)
        })
    }

    /// The same past the interceptors.
    #[cold]
    pub(crate) fn pass(mut self, data: Payload, interceptors: Interceptors) -> Pursuit {
        Box::pin(async move {
            let course = Course::new(&self, interceptors);
            let concluded = course.run(self.task.clone(), data).await;
            self.settle(concluded)
        })
    }

    fn settle(&mut self, concluded: Result<Output, Defeat>) -> Answer {
        match concluded {
            Ok(answer) => {
                self.account.succeed(&answer);
                Ok(answer)
            }
            Err(defeat) => Err(self.account.fail(&self.task, &self.shared, defeat)),
        }
    }

    /// All attempts, and then what stands in for an answer.
    pub(crate) async fn conclude(&self, first: First) -> Result<Output, Defeat> {
        let defeat = match self.attempts(first).await {
            Ok(answer) => return Ok(answer),
            Err(defeat) => defeat,
        };
        match Box::pin(self.fall_back(&defeat)).await {
            None => Err(defeat),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(Defeat {
                setback: defeat.setback.and_fallback_failed(&error),
                ..defeat
            }),
        }
    }

    /// The end of a task that the router refuses, since it stops.
    #[cold]
    pub(crate) fn refuse(mut self, error: TaskError) -> TaskError {
        let defeat = Defeat::before_any_attempt(error);
        self.account.fail(&self.task, &self.shared, defeat)
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
            self.task.gate().figures.count_retry();
            self.with_agent(last.setback.agent, Member::count_retry);
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

    /// Does something with an agent of the route, if it is still there.
    fn with_agent(&self, agent: Option<AgentId>, what: impl FnOnce(&Member)) {
        let table = self.shared.registry.table();
        if let Some(route) = table.get(self.task.route())
            && let Some(member) = route.members.iter().find(|member| Some(member.id) == agent)
        {
            what(member);
        }
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
        let counted = || {
            figures.count_fallback();
            self.with_agent(defeat.setback.agent, Member::count_fallback);
        };
        let route = match fallback {
            Fallback::Answer(answer) => {
                counted();
                return Some(Ok(Output::One(answer.clone())));
            }
            Fallback::Route(route) if self.task.is_within(route) || self.task.items_are_gone() => {
                return None;
            }
            Fallback::Route(route) => route,
        };
        let data = self.kept.again()?;
        counted();
        let options = TaskOptions {
            parent: Some(Arc::new(self.task.after_all())),
            ..self.task.options()
        };
        let address = Address::Route(route);
        let mut task = RouteTask::new(&self.shared, address, data, options);
        if self.task.streams() {
            task = task.streaming(self.task.take_items());
        }
        Some(std::future::poll_fn(move |cx| task.poll_output(cx)).await)
    }
}
