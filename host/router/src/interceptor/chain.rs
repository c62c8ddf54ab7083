//! The way of one task through the interceptors, to its attempts and back.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Hook, Interceptors, Outcome, Step, TaskRequest, Verdict, layer::Layered};
use crate::address::Only;
use crate::defeat::Defeat;
use crate::errand::{Errand, First};
use crate::kept::Kept;
use crate::lifecycle::{Lifecycle, Waiting};
use crate::panics::{caught, message_of};
use crate::router::Shared;
use crate::under_way::Output;
use crate::waiting::{End, alarm, timer};
use crate::{Payload, Task, TaskError, refusal};

type Concluded = Result<Output, Defeat>;

/// What the interceptors of a task have in common.
pub(crate) struct Course {
    shared: Arc<Shared>,
    steps: Interceptors,
    only: Option<Only>,
    began: Instant,
    /// How long one interceptor may take.
    limit: Duration,
    attempts: AtomicU32,
    /// Whether the attempts have ended: what is left is to tell the interceptors, each of which has its time.
    is_over: AtomicBool,
    /// Who had the last attempt.
    agent: Mutex<Option<Arc<str>>>,
}

impl Course {
    pub(crate) fn new(errand: &Errand, steps: Interceptors) -> Arc<Self> {
        Arc::new(Self {
            shared: errand.shared.clone(),
            steps,
            only: errand.only.clone(),
            began: errand.began(),
            limit: errand.policy().timeout,
            attempts: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
            agent: Mutex::default(),
        })
    }

    /// Brings the task through, for as long as it has time and the router does not stop.
    pub(crate) async fn run(self: Arc<Self>, task: Task, data: Payload) -> Concluded {
        let shared = self.shared.clone();
        let run = shared.lifecycle.run();
        let Some(alarm) = alarm(&shared, task.end(), run) else {
            let error = refusal::no_timer(task.route());
            return Err(Defeat::before_any_attempt(error));
        };
        let waiting = shared.lifecycle.wait();
        if !shared.lifecycle.admits(task.is_nested()) {
            let error = refusal::not_running().with_route(task.route());
            return Err(Defeat::before_any_attempt(error));
        }
        let route = task.gate().name().clone();
        let rest = Rest {
            course: self.clone(),
            at: 0,
        };
        let rest = handed_over(rest.go(task, data), &shared.lifecycle, waiting);
        let mut rest = pin!(rest);
        let end = tokio::select! {
            biased;
            (concluded, _) = &mut rest => return concluded,
            end = alarm => end,
        };
        let error = match end {
            End::TimedOut if self.is_over.load(Ordering::Relaxed) => return rest.await.0,
            End::TimedOut => refusal::deadline_in_interceptors(&route),
            End::CutOff => refusal::cut_off(&route),
        };
        Err(Defeat::after(self.attempts(), error))
    }

    /// An attempt begins with that agent.
    pub(crate) fn note(&self, agent: &Arc<str>) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        // A layer may try again what was over.
        self.is_over.store(false, Ordering::Relaxed);
        *self.agent.lock().unwrap_or_else(PoisonError::into_inner) = Some(agent.clone());
    }

    fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    fn agent(&self) -> Option<Arc<str>> {
        let agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        agent.clone()
    }

    /// Waits for an interceptor; `None` where it takes too long.
    async fn within_limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let until = Instant::now().checked_add(self.limit);
        match until.and_then(|until| timer(&self.shared.timers, until)) {
            None => Some(work.await),
            Some(timer) => tokio::select! {
                biased;
                done = work => Some(done),
                () = timer => None,
            },
        }
    }
}

/// How a task goes on from one of the interceptors.
#[derive(Clone)]
pub(crate) struct Rest {
    course: Arc<Course>,
    at: usize,
}

impl Rest {
    /// To its end.
    pub(super) fn go(
        self,
        task: Task,
        data: Payload,
    ) -> Pin<Box<dyn Future<Output = Concluded> + Send>> {
        Box::pin(async move {
            let Self { course, at } = self;
            let next = Self {
                course: course.clone(),
                at: at + 1,
            };
            match course.steps.0.get(at) {
                None => attempts(course, task, data).await,
                Some(Step::Hook(hook)) if is_own(hook, &task) => next.go(task, data).await,
                Some(Step::Hook(hook)) => next.with_hook(hook, task, data).await,
                Some(Step::Layer(layer)) => next.within_layer(layer, task, data).await,
            }
        })
    }

    async fn with_hook(self, hook: &Hook, task: Task, mut data: Payload) -> Concluded {
        let course = self.course.clone();
        let waiting = course.shared.lifecycle.wait();
        let before = course
            .within_limit(caught(|| hook.interceptor.before(&task, &mut data)))
            .await;
        let refused = |error: TaskError| {
            let error = error.with_route(task.gate().name().clone());
            Err(Defeat::before_any_attempt(error))
        };
        let task = match before {
            Some(Ok(Ok(Verdict::Continue))) => task,
            Some(Ok(Ok(Verdict::Annotate(labels)))) => task.annotated(&labels),
            Some(Ok(Ok(Verdict::Answer(answer)))) => return Ok(Output::One(answer)),
            Some(Ok(Err(error))) => return refused(error),
            Some(Err(panic)) => {
                return refused(refusal::interceptor_panicked(
                    &hook.name,
                    message_of(&*panic),
                ));
            }
            None => return refused(refusal::interceptor_too_slow(&hook.name, course.limit)),
        };
        let rest = self.go(task.clone(), data);
        let lifecycle = &course.shared.lifecycle;
        let (mut concluded, _waiting) = handed_over(rest, lifecycle, waiting).await;
        course.is_over.store(true, Ordering::Relaxed);
        let after = After {
            course: course.clone(),
            hook: hook.clone(),
            task,
        };
        match &mut concluded {
            Ok(Output::One(answer)) => after.tell(Ok(Some(answer))).await,
            Ok(Output::Items(items)) => items.afterwards(after),
            Err(defeat) => after.tell(Err(&defeat.setback.error)).await,
        }
        concluded
    }

    async fn within_layer(self, layer: &Arc<dyn Layered>, task: Task, data: Payload) -> Concluded {
        let course = self.course.clone();
        let route = task.gate().name().clone();
        let request = TaskRequest {
            task,
            data,
            rest: self,
        };
        let error = match caught(|| layer.call(request)).await {
            Ok(Ok(response)) => return Ok(response.0),
            Ok(Err(error)) => match error.downcast::<TaskError>() {
                Ok(error) => *error,
                Err(other) => refusal::layer_failed(&*other).with_route(route),
            },
            Err(panic) => refusal::interceptor_panicked("(layer)", message_of(&*panic)),
        };
        Err(Defeat::after(course.attempts(), error))
    }
}

async fn attempts(course: Arc<Course>, task: Task, data: Payload) -> Concluded {
    let policy = task.gate().policy().clone();
    let kept = Kept::of(&data, policy.may_need_data_again());
    let (shared, only) = (course.shared.clone(), course.only.clone());
    let task = task.again(policy.timeout);
    let errand = Errand::in_course(course, shared, task, only, kept);
    errand.conclude(First::Place(data, None)).await
}

/// Whether the interceptor sent the task itself, or one that it is nested in.
fn is_own(hook: &Hook, task: &Task) -> bool {
    std::iter::successors(Some(task), |task| task.parent())
        .any(|task| task.sender() == Some(&*hook.name))
}

/// What is counted as waiting is counted so until what comes next has been begun, and counts itself; and again from before that has ended.
async fn handed_over<'a, T>(
    mut next: Pin<Box<dyn Future<Output = T> + Send>>,
    lifecycle: &'a Lifecycle,
    waiting: Waiting<'a>,
) -> (T, Waiting<'a>) {
    let mut waiting = Some(waiting);
    std::future::poll_fn(|cx| {
        let waiting = waiting.take().unwrap_or_else(|| lifecycle.wait());
        next.as_mut().poll(cx).map(|done| (done, waiting))
    })
    .await
}

/// What an interceptor is told when all is over.
pub(crate) struct After {
    course: Arc<Course>,
    hook: Hook,
    task: Task,
}

impl After {
    pub(crate) async fn tell(&self, answer: Result<Option<&Payload>, &TaskError>) {
        let Self { course, hook, task } = self;
        // A stop waits for it.
        let _waiting = course.shared.lifecycle.wait();
        let agent = course.agent();
        let outcome = Outcome {
            answer,
            agent: agent.as_deref(),
            attempts: course.attempts(),
            took: course.began.elapsed(),
        };
        let told = caught(|| hook.interceptor.after(task, &outcome));
        let (interceptor, route) = (&*hook.name, task.route());
        match course.within_limit(told).await {
            Some(Ok(())) => {}
            Some(Err(panic)) => {
                let message = message_of(&*panic);
                tracing::error!(%route, %interceptor, "interceptor {interceptor} panicked after a task: {message}");
            }
            None => {
                let limit = course.limit;
                tracing::warn!(%route, %interceptor, "interceptor {interceptor} took longer than {limit:?} after a task, and is not waited for");
            }
        }
    }
}

/// Tells them all of a stream's end, in their order.
pub(crate) async fn tell_all(afters: Vec<After>, error: Option<TaskError>) {
    for after in afters {
        after.tell(error.as_ref().map_or(Ok(None), Err)).await;
    }
}
