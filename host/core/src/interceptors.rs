//! Plugins that a config names as interceptors, as the router sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agentsys_loader::{DataView, EndedView, Failure, OutcomeView, Verdict as PluginVerdict};
use agentsys_router::{
    ErrorKind, Intercepting, Interceptor, Labels, Outcome, Payload, Task, TaskError, Verdict,
};

use crate::config::InterceptorSection;
use crate::convert;
use crate::posts::{Post, Stand};
use crate::task::BorrowedTask;

/// The interceptor of a plugin, whichever generation serves.
pub(crate) struct PluginInterceptor {
    plugin: String,
    required: bool,
    post: Arc<Post>,
    /// Whether it has been said that tasks pass it by.
    passed_by: AtomicBool,
}

impl PluginInterceptor {
    pub(crate) fn new(section: &InterceptorSection, post: Arc<Post>) -> Self {
        Self {
            plugin: section.plugin.clone(),
            required: section.required,
            post,
            passed_by: AtomicBool::new(false),
        }
    }

    /// The plugin, if it runs and has an interceptor.
    async fn stand(&self) -> Option<Stand> {
        let stand = self.post.soon().await?;
        let intercepts = stand.serving.generation.description().interceptor;
        intercepts.then_some(stand)
    }

    /// It cannot be asked.
    #[cold]
    fn without(&self, why: &str) -> Result<Verdict, TaskError> {
        let plugin = &self.plugin;
        if self.required {
            let message = format!("interceptor {plugin:?} is required, and {why}");
            return Err(TaskError::new(ErrorKind::Unavailable, message).retryable(true));
        }
        if !self.passed_by.swap(true, Ordering::Relaxed) {
            tracing::warn!(%plugin, "tasks pass interceptor {plugin} by, since it {why}");
        }
        Ok(Verdict::Continue)
    }

    async fn look_before(&self, task: &Task, data: &Payload) -> Result<Verdict, TaskError> {
        let Some(stand) = self.stand().await else {
            return self.without("does not run, or has no interceptor");
        };
        let looked = {
            let view = view(data);
            let instance = &stand.instance;
            instance.before_task(&BorrowedTask(task), task.route(), view, None)
        };
        match looked.outcome().await {
            Ok(verdict) => {
                if self.passed_by.load(Ordering::Relaxed) {
                    self.passed_by.store(false, Ordering::Relaxed);
                }
                Ok(verdict_of(verdict))
            }
            Err(failure) if failure.poisoned => {
                stand.failed(task.id(), &failure);
                self.without(&format!("panicked: {}", failure.message))
            }
            Err(failure) => Err(convert::task_error(failure)),
        }
    }

    async fn look_after(&self, task: &Task, outcome: &Outcome<'_>) {
        let Some(stand) = self.stand().await else {
            return;
        };
        let looked = {
            let causes: Vec<&str> = match outcome.answer {
                Err(error) => error.causes().collect(),
                Ok(_) => Vec::new(),
            };
            let ended = match outcome.answer {
                Ok(Some(answer)) => EndedView::Answer(view(answer)),
                Ok(None) => EndedView::Stream,
                Err(error) => EndedView::Failure {
                    kind: convert::code(error.kind()),
                    retryable: error.is_retryable(),
                    message: error.message(),
                    causes: &causes,
                },
            };
            let seen = OutcomeView {
                ended,
                agent: outcome.agent,
                attempts: outcome.attempts,
                duration: outcome.took,
            };
            let instance = &stand.instance;
            instance.after_task(&BorrowedTask(task), task.route(), &seen, None)
        };
        if let Err(failure) = looked.outcome().await {
            stand.failed(task.id(), &failure);
            self.tell(&failure);
        }
    }

    #[cold]
    fn tell(&self, failure: &Failure) {
        let (plugin, message) = (&self.plugin, &failure.message);
        tracing::warn!(%plugin, "interceptor {plugin} failed after a task: {message}");
    }
}

impl Interceptor for PluginInterceptor {
    fn name(&self) -> &str {
        &self.plugin
    }

    fn before<'a>(
        &'a self,
        task: &'a Task,
        data: &'a mut Payload,
    ) -> Intercepting<'a, Result<Verdict, TaskError>> {
        Box::pin(self.look_before(task, data))
    }

    fn after<'a>(&'a self, task: &'a Task, outcome: &'a Outcome<'a>) -> Intercepting<'a, ()> {
        Box::pin(self.look_after(task, outcome))
    }
}

fn view(data: &Payload) -> DataView<'_> {
    DataView {
        bytes: data.bytes(),
        content_type: data.content_type().as_str(),
    }
}

fn verdict_of(verdict: PluginVerdict) -> Verdict {
    match verdict {
        PluginVerdict::Continue => Verdict::Continue,
        PluginVerdict::Annotate(labels) => {
            let labels = labels.into_iter();
            Verdict::Annotate(
                labels.fold(Labels::new(), |all, (name, value)| all.with(name, value)),
            )
        }
        PluginVerdict::Answer(data) => Verdict::Answer(convert::payload(data)),
    }
}
