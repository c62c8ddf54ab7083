//! A task that is answered item by item, from the agent's end of it: the stream that an agent answers with, in its place on the route.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::interceptor::After;
use crate::panics::message_of;
use crate::seat::Seat;
use crate::setback::How;
use crate::under_way::drop_carefully;
use crate::{Payload, PayloadStream, Task, TaskError, refusal};

/// The items that an agent answers with. Dropping it drops the agent's stream, then gives the place back.
pub(crate) struct Items {
    /// Empty once it has ended.
    items: Option<PayloadStream>,
    /// None once it was taken out, or the host has ended the stream.
    seat: Option<Seat>,
    pub(crate) task: Task,
    /// Whether one of them was an error.
    failed: bool,
    afters: Vec<After>,
}

impl Items {
    pub(crate) fn new(seat: Seat, task: &Task, items: PayloadStream) -> Self {
        Self {
            items: Some(items),
            seat: Some(seat),
            task: task.clone(),
            failed: false,
            afters: Vec::new(),
        }
    }

    /// Ends it before its first item.
    pub(crate) fn close(mut self) -> Seat {
        self.drop_items();
        self.seat.take().expect("it is taken out here alone")
    }

    /// Ends it, since its caller takes no stream. It was only made for a task whose caller does: see [`RouteTask`](crate::RouteTask).
    pub(crate) fn refuse(self) -> TaskError {
        let seat = self.close();
        refusal::no_stream_wanted(seat.route(), seat.agent_name())
    }

    /// The next item; none at the end. An error that the agent hands out need not be the end; a panic is.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Payload, TaskError>>> {
        let (Some(items), Some(seat)) = (&mut self.items, &mut self.seat) else {
            return Poll::Ready(None);
        };
        let item = match catch_unwind(AssertUnwindSafe(|| items.as_mut().poll_next(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(Ok(item)))) => {
                seat.sent_an_item();
                return Poll::Ready(Some(Ok(item)));
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                let error = seat.locate(error);
                // However many there are, the call has failed once.
                if !std::mem::replace(&mut self.failed, true) {
                    seat.fail(error.clone(), How::Failed);
                }
                return Poll::Ready(Some(Err(error)));
            }
            Ok(Poll::Ready(None)) => {
                if !self.failed {
                    seat.succeed();
                }
                None
            }
            Err(panic) => {
                let message = message_of(&*panic);
                let error = refusal::panicked(seat.route(), seat.agent_name(), message);
                Some(Err(fail_mid_way(seat, self.failed, error)))
            }
        };
        self.drop_items();
        Poll::Ready(item)
    }

    /// The next item does not come in time.
    pub(crate) fn time_out(&mut self, limit: Duration) -> TaskError {
        self.end(|seat| refusal::no_item_in_time(seat.route(), seat.agent_name(), limit))
    }

    /// The time of the whole task is up.
    pub(crate) fn run_out(&mut self) -> TaskError {
        self.end(|seat| refusal::stream_too_long(seat.route(), seat.agent_name()))
    }

    /// The router stops.
    pub(crate) fn cut_off(&mut self) -> TaskError {
        self.end(|seat| refusal::cut_off(seat.route()).with_agent(seat.agent_name().clone()))
    }

    /// The agent is given up, since another has taken its place.
    pub(crate) fn replaced(&mut self) -> TaskError {
        self.end(|seat| refusal::replaced(seat.route(), seat.agent_name()))
    }

    /// One more interceptor that is to be told of the end.
    pub(crate) fn afterwards(&mut self, after: After) {
        self.afters.push(after);
    }

    /// Those that are to be told of the end.
    pub(crate) fn take_afters(&mut self) -> Vec<After> {
        std::mem::take(&mut self.afters)
    }

    /// Whether there is nothing more to come.
    pub(crate) fn is_over(&self) -> bool {
        self.items.is_none()
    }

    /// Whether its agent's tasks are given up.
    pub(crate) fn is_cut(&self) -> bool {
        self.seat.as_ref().is_some_and(Seat::is_cut)
    }

    /// It cannot be read any further.
    pub(crate) fn give_up(&mut self, error: TaskError) -> TaskError {
        self.end(|_| error)
    }

    fn end(&mut self, error: impl FnOnce(&Seat) -> TaskError) -> TaskError {
        let seat = self
            .seat
            .as_mut()
            .expect("it is taken out in `close` alone");
        let error = fail_mid_way(seat, self.failed, error(seat));
        self.drop_items();
        // Its reader may be long in coming.
        self.seat = None;
        error
    }

    fn drop_items(&mut self) {
        if let (Some(items), Some(seat)) = (self.items.take(), &self.seat) {
            drop_carefully::<Pin<Box<_>>>(items, seat);
        }
    }
}

fn fail_mid_way(seat: &mut Seat, failed: bool, error: TaskError) -> TaskError {
    if failed {
        error
    } else {
        seat.fail(error, How::MidWay).error
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        self.drop_items();
    }
}
