//! How an attempt failed, and whether that is one to be tried again.

use crate::member::Member;
use crate::{AgentId, ErrorKind, RoutePolicy, Task, TaskError};

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Setback {
    pub(crate) error: TaskError,
    pub(crate) how: How,
    /// Who failed, if an agent had the task by then: another attempt had better go to another.
    pub(crate) agent: Option<AgentId>,
    /// Whether that agent says that its tasks may be done twice.
    idempotent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// No agent had the task.
    NotReached,
    /// Nor had one in this case, and the attempt's whole time went by: to wait once more, behind all others, would only make the queue longer.
    WaitedInVain,
    /// The agent says so.
    Failed,
    /// It may have done its work, or a part of it: it timed out, panicked, or was given up when it was replaced.
    MidWay,
    /// There must be no other attempt: the router stops.
    Stopped,
}

impl Setback {
    pub(crate) fn not_reached(error: TaskError) -> Self {
        Self::new(error, How::NotReached)
    }

    pub(crate) fn waited_in_vain(error: TaskError) -> Self {
        Self::new(error, How::WaitedInVain)
    }

    /// The last word, whoever had the task.
    pub(crate) fn stopped(error: TaskError) -> Self {
        Self::new(error, How::Stopped)
    }

    pub(crate) fn of(member: &Member, error: TaskError, how: How) -> Self {
        Self {
            agent: Some(member.id),
            idempotent: member.info.idempotent,
            ..Self::new(error, how)
        }
    }

    fn new(error: TaskError, how: How) -> Self {
        Self {
            error,
            how,
            agent: None,
            idempotent: false,
        }
    }

    /// Whether the router stops, so that nothing else is begun.
    pub(crate) fn is_stop(&self) -> bool {
        self.how == How::Stopped && self.error.kind() == ErrorKind::Cancelled
    }

    /// What stood in for an answer failed as well.
    pub(crate) fn and_fallback_failed(mut self, error: &TaskError) -> Self {
        let causes = std::iter::once(format!("the fallback failed too: {error}"));
        self.error = self
            .error
            .with_causes(causes.chain(error.causes().map(str::to_owned)));
        self
    }

    /// Whether the task may be tried again, as far as this failure is concerned. An error of a nested task that was tried again there is not for the one round it to try
    /// again: otherwise the attempts would multiply with each level.
    pub(crate) fn may_be_retried(&self, task: &Task, policy: &RoutePolicy) -> bool {
        let error = &self.error;
        if error.attempts() > 1 || error.kind() == ErrorKind::NotRunning || task.items_are_gone() {
            return false;
        }
        let idempotent = || task.idempotent() || policy.idempotent || self.idempotent;
        match self.how {
            How::NotReached => true,
            // An agent may say of itself that it timed out or panicked, as a plugin does.
            How::Failed => {
                error.is_retryable()
                    || (matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Panicked)
                        && idempotent())
            }
            How::MidWay => idempotent(),
            How::WaitedInVain | How::Stopped => false,
        }
    }
}
