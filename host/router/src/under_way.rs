//! A call of an agent, from its begin to its end. Everything of an agent's that runs, runs in here,
//! where its panics are caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::agent::{OpeningFuture, ReplyFuture};
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
    awaited: Option<Awaited>,
    /// Empty once a stream has it.
    seat: Option<Seat>,
}

/// What is waited for.
enum Awaited {
    Answer(ReplyFuture),
    Reply(OpeningFuture),
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
        Ok(Reply::Pending(future)) => wait(seat, task, Awaited::Answer(future), cx),
        Ok(Reply::Opening(future)) => wait(seat, task, Awaited::Reply(future), cx),
        Ok(Reply::Stream(items)) => Ok(open(seat, task, items)),
        Err(panic) => Ok(Err(panicked(&mut seat, &*panic))),
    }
}

#[inline]
fn wait(
    seat: Seat,
    task: &Task,
    awaited: Awaited,
    cx: &mut Context<'_>,
) -> Result<Result<Output, Setback>, UnderWay> {
    let mut under_way = UnderWay {
        awaited: Some(awaited),
        seat: Some(seat),
    };
    match under_way.poll(task, cx) {
        Poll::Ready(answer) => Ok(answer),
        Poll::Pending => {
            if let Some(seat) = &mut under_way.seat {
                seat.goes_on();
            }
            Err(under_way)
        }
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
    let error = seat.locate(error);
    seat.fail(error, How::Failed)
}

#[cold]
fn panicked(seat: &mut Seat, panic: &(dyn Any + Send)) -> Setback {
    let error = refusal::panicked(seat.route(), seat.agent_name(), message_of(panic));
    seat.fail(error, How::MidWay)
}

impl UnderWay {
    /// The time of this attempt is up.
    pub(crate) fn time_out(&mut self, limit: Duration) -> Setback {
        let seat = self.seat();
        let error = refusal::no_answer_in_time(seat.route(), seat.agent_name(), limit);
        self.end(error, How::MidWay)
    }

    /// The router stops.
    pub(crate) fn cut_off(&mut self) -> Setback {
        let seat = self.seat();
        let error = refusal::cut_off(seat.route()).with_agent(seat.agent_name().clone());
        self.end(error, How::Stopped)
    }

    /// The agent is given up, since another has taken its place.
    pub(crate) fn replaced(&mut self) -> Setback {
        let seat = self.seat();
        let error = refusal::replaced(seat.route(), seat.agent_name());
        self.end(error, How::MidWay)
    }

    fn end(&mut self, error: TaskError, how: How) -> Setback {
        let setback = self.seat().fail(error, how);
        self.drop_future();
        setback
    }

    /// Whether its agent's tasks are given up.
    pub(crate) fn is_cut(&self) -> bool {
        self.seat.as_ref().is_some_and(Seat::is_cut)
    }

    pub(crate) fn poll(
        &mut self,
        task: &Task,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Output, Setback>> {
        loop {
            let awaited = self
                .awaited
                .as_mut()
                .expect("the router polls no future after its end");
            let step = || match awaited {
                Awaited::Answer(future) => future.as_mut().poll(cx).map(Reply::Ready),
                Awaited::Reply(future) => future.as_mut().poll(cx),
            };
            let reply = match catch_unwind(AssertUnwindSafe(step)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(reply)) => reply,
                Err(panic) => {
                    let setback = panicked(self.seat(), &*panic);
                    self.drop_future();
                    return Poll::Ready(Err(setback));
                }
            };
            let answer = match reply {
                Reply::Ready(Ok(answer)) => {
                    self.seat().succeed();
                    Ok(Output::One(answer))
                }
                Reply::Ready(Err(error)) => {
                    let seat = self.seat();
                    let error = seat.locate(error);
                    Err(seat.fail(error, How::Failed))
                }
                Reply::Pending(future) => {
                    self.go_on(Awaited::Answer(future));
                    continue;
                }
                Reply::Opening(future) => {
                    self.go_on(Awaited::Reply(future));
                    continue;
                }
                Reply::Stream(items) => {
                    self.drop_future();
                    let seat = self.seat.take();
                    let seat = seat.expect("the router polls no future after its end");
                    return Poll::Ready(open(seat, task, items));
                }
            };
            self.drop_future();
            return Poll::Ready(answer);
        }
    }

    fn go_on(&mut self, awaited: Awaited) {
        self.drop_future();
        self.awaited = Some(awaited);
    }

    fn seat(&mut self) -> &mut Seat {
        self.seat
            .as_mut()
            .expect("only an open stream takes it, after which nothing is polled here")
    }

    fn drop_future(&mut self) {
        if let (Some(awaited), Some(seat)) = (self.awaited.take(), &self.seat) {
            drop_carefully(awaited, seat);
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
