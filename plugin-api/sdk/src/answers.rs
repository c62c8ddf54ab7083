//! What the agents of a route answer to one task that all of them got.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use agentsys_abi::bridge::{Payload, answers};
use futures_core::Stream;

use crate::error::{Error, ErrorKind, Result};
use crate::items::Items;

/// Answers as they come, each with the agent whose it is. To drop it is to want no more of them.
#[derive(Debug)]
pub struct Answers {
    /// Who and what in turns.
    items: Items<Payload>,
    /// Whose answer comes next.
    of: Option<(u64, String)>,
    ended: bool,
}

/// What one agent answered.
#[derive(Debug)]
pub struct AgentAnswer {
    /// The agent's number in its host.
    pub agent: u64,
    /// The agent's name.
    pub name: String,
    /// What it answered.
    pub answer: Result<Payload>,
}

impl Answers {
    pub(crate) fn new(items: Items<Payload>) -> Self {
        Self {
            items,
            of: None,
            ended: false,
        }
    }

    /// The next answer; none at the end.
    pub async fn next(&mut self) -> Option<AgentAnswer> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// What breaks off the whole.
    fn broken(&mut self, error: Error) -> Poll<Option<AgentAnswer>> {
        self.ended = true;
        Poll::Ready(Some(AgentAnswer {
            agent: 0,
            name: String::new(),
            answer: Err(error),
        }))
    }
}

impl Stream for Answers {
    type Item = AgentAnswer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AgentAnswer>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let next = std::task::ready!(Pin::new(&mut self.items).poll_next(cx));
            match (self.of.take(), next) {
                (Some((agent, name)), Some(answer)) => {
                    return Poll::Ready(Some(AgentAnswer {
                        agent,
                        name,
                        answer,
                    }));
                }
                (None, None) => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                (None, Some(Ok(header))) => match answers::read(header.as_slice()) {
                    Some((agent, name)) => self.of = Some((agent, name.to_owned())),
                    None => return self.broken(unknown()),
                },
                (None, Some(Err(error))) => return self.broken(error),
                (Some(_), None) => return self.broken(unknown()),
            }
        }
    }
}

#[cold]
fn unknown() -> Error {
    let message = "the host's answers come in a form that this plugin does not know";
    Error::new(ErrorKind::Internal, message)
}
