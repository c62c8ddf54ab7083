//! A call of an agent, from its begin to its end. Everything of an agent's that runs, runs in here,
//! where its panics are caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::agent::ReplyFuture;
use crate::panics::message_of;
use crate::seat::Seat;
use crate::setback::{How, Setback};
use crate::stream::Items;
use crate::{Payload, Reply, Task, TaskError, refusal};

/// What an agent answers.
pub(crate) enum Output {
    One(Payload),
    /// Apart, since every answer would carry its room.
    Items(Box<Items>),
}

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
    mut seat: Seat,
    task: &Task,
    data: Payload,
    cx: &mut Context<'_>,
) -> Result<Result<Output, Setback>, UnderWay> {
    seat.begin();
    let call = || match task.take_items() {
        None => seat.agent().call(task, data),
        Some(items) => seat.agent().call_with_items(task, data, items),
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Reply::Ready(Ok(answer))) => {
            seat.succeed();
            Ok(Ok(Output::One(answer)))
        }
        Ok(Reply::Ready(Err(error))) => Ok(Err(failed(seat, error))),
        Ok(Reply::Pending(future)) => {
            let mut under_way = UnderWay {
                future: Some(future),
                seat,
            };
            match under_way.poll(cx) {
                Poll::Ready(answer) => Ok(answer.map(Output::One)),
                Poll::Pending => {
                    under_way.seat.goes_on();
                    Err(under_way)
                }
            }
        }
        Ok(Reply::Stream(items)) => Ok(open(seat, task, items)),
        Err(panic) => Ok(Err(panicked(&mut seat, &*panic))),
    }
}

#[cold]
fn open(mut seat: Seat, task: &Task, items: crate::PayloadStream) -> Result<Output, Setback> {
    seat.goes_on();
    let items = Items::new(seat, task, items);
    if task.streams() {
        return Ok(Output::Items(Box::new(items)));
    }
    let seat = items.close();
    let error = refusal::no_stream_wanted(seat.route(), seat.agent_name());
    Err(failed(seat, error))
}

#[cold]
fn failed(mut seat: Seat, error: TaskError) -> Setback {
    let setback = Setback::of(seat.member(), seat.locate(error), How::Failed);
    seat.fail(&setback);
    setback
}

#[cold]
fn panicked(seat: &mut Seat, panic: &(dyn Any + Send)) -> Setback {
    let error = refusal::panicked(seat.route(), seat.agent_name(), message_of(panic));
    let setback = Setback::of(seat.member(), error, How::MidWay);
    seat.fail(&setback);
    setback
}

impl UnderWay {
    /// The time of this attempt is up.
    pub(crate) fn time_out(&mut self, limit: Duration) -> Setback {
        let error = refusal::no_answer_in_time(self.seat.route(), self.seat.agent_name(), limit);
        self.end(error, How::MidWay)
    }

    /// The router stops.
    pub(crate) fn cut_off(&mut self) -> Setback {
        let agent = self.seat.agent_name().clone();
        let error = refusal::cut_off(self.seat.route()).with_agent(agent);
        self.end(error, How::Stopped)
    }

    /// The agent is given up, since another has taken its place.
    pub(crate) fn replaced(&mut self) -> Setback {
        let error = refusal::replaced(self.seat.route(), self.seat.agent_name());
        self.end(error, How::MidWay)
    }

    fn end(&mut self, error: TaskError, how: How) -> Setback {
        let setback = Setback::of(self.seat.member(), error, how);
        self.seat.fail(&setback);
        self.drop_future();
        setback
    }

    /// Whether its agent's tasks are given up.
    pub(crate) fn is_cut(&self) -> bool {
        self.seat.is_cut()
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Payload, Setback>> {
        let future = self
            .future
            .as_mut()
            .expect("the router polls no future after its end");
        let answer = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(answer))) => {
                self.seat.succeed();
                Ok(answer)
            }
            Ok(Poll::Ready(Err(error))) => {
                let error = self.seat.locate(error);
                let setback = Setback::of(self.seat.member(), error, How::Failed);
                self.seat.fail(&setback);
                Err(setback)
            }
            Err(panic) => Err(panicked(&mut self.seat, &*panic)),
        };
        self.drop_future();
        Poll::Ready(answer)
    }

    fn drop_future(&mut self) {
        if let Some(future) = self.future.take() {
            drop_carefully(future, &self.seat);
        }
    }
}

/// Drops something of an agent's.
pub(crate) fn drop_carefully<T>(of_agent: T, seat: &Seat) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(of_agent))) {
        tracing::error!(
            route = %seat.route(),
            agent = %seat.agent_name(),
            "what the agent answers with panicked when it was dropped: {}",
            message_of(&*panic),
        );
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.drop_future();
    }
}
