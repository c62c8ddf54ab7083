//! A call of an agent, from its begin to its end. Everything of an agent's that runs, runs in here,
//! where its panics are caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::agent::ReplyFuture;
use crate::member::Seat;
use crate::panics::message_of;
use crate::{Payload, Reply, Task, TaskError, refusal};

/// An agent that has not answered yet. Dropping it drops the agent's future, then gives the place
/// back.
pub(crate) struct UnderWay {
    /// Empty once it has panicked or answered.
    future: Option<ReplyFuture>,
    seat: Seat,
}

/// Calls the agent, and polls its future for the first time if it answers with one.
#[inline]
pub(crate) fn begin(
    seat: Seat,
    task: &Task,
    data: Payload,
    cx: &mut Context<'_>,
) -> Result<Result<Payload, TaskError>, UnderWay> {
    match catch_unwind(AssertUnwindSafe(|| seat.agent().call(task, data))) {
        Ok(Reply::Ready(answer)) => Ok(answer.map_err(|error| seat.locate(error))),
        Ok(Reply::Pending(future)) => {
            let mut under_way = UnderWay {
                future: Some(future),
                seat,
            };
            match Pin::new(&mut under_way).poll(cx) {
                Poll::Ready(answer) => Ok(answer),
                Poll::Pending => Err(under_way),
            }
        }
        Err(panic) => Ok(Err(panicked(&seat, panic))),
    }
}

impl UnderWay {
    pub(crate) fn timed_out(&self, limit: Duration) -> TaskError {
        refusal::no_answer_in_time(self.seat.route(), self.seat.agent_name(), limit)
    }

    pub(crate) fn cut_off(&self) -> TaskError {
        refusal::cut_off(self.seat.route()).with_agent(self.seat.agent_name().clone())
    }

    /// Whether its agent's tasks are given up.
    pub(crate) fn is_cut(&self) -> bool {
        self.seat.is_cut()
    }

    pub(crate) fn replaced(&self) -> TaskError {
        refusal::replaced(self.seat.route(), self.seat.agent_name())
    }

    fn drop_future(&mut self) {
        let future = self.future.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            tracing::error!(
                route = %self.seat.route(),
                agent = %self.seat.agent_name(),
                "the agent's future panicked when it was dropped: {}",
                message_of(&*panic),
            );
        }
    }
}

impl Future for UnderWay {
    type Output = Result<Payload, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let future = this
            .future
            .as_mut()
            .expect("the router polls no future after its end");
        let answer = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer.map_err(|error| this.seat.locate(error)),
            Err(panic) => Err(panicked(&this.seat, panic)),
        };
        this.drop_future();
        Poll::Ready(answer)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.drop_future();
    }
}

#[cold]
fn panicked(seat: &Seat, panic: Box<dyn Any + Send>) -> TaskError {
    refusal::panicked(seat.route(), seat.agent_name(), message_of(&*panic))
}
