//! The control socket: how `agentsys call`, `plugins`, `status` and others ask the host that is already
//! running on a state directory, instead of starting one of their own.
//!
//! It is a local socket in a directory that only its owner can enter, and not a TCP port, since
//! whoever can reach it can run every route: the file system and the kernel's word on the peer's
//! user id decide who that is, and no password has to be kept anywhere.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | what is asked and answered |
//! | `answer` | one frame, or one for each item |
//! | [`frame`] | how a message becomes bytes |
//! | `address` | where the socket is, and who may enter |
//! | `lock` | one host on one state directory |
//! | `server`, `connection` | the host's end |
//! | `client` | the asking program's end |
//!
//! Windows gets named pipes; until then both ends say that they are not there (`unsupported`).

#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "named pipes will carry the same answers")
)]
mod answer;
mod error;
#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "named pipes will carry the same frames")
)]
mod frame;
mod message;

#[cfg(unix)]
mod address;
#[cfg(unix)]
mod client;
#[cfg(unix)]
mod connection;
#[cfg(unix)]
mod lock;
#[cfg(unix)]
mod server;
#[cfg(not(unix))]
mod unsupported;

#[cfg(all(test, unix))]
mod tests;

pub(crate) use answer::{Answer, Items};
pub(crate) use error::ClientError;
pub(crate) use message::{Request, Response, WireError};

#[cfg(not(unix))]
pub(crate) use unsupported::{Answers, ControlClient, ControlServer, ServerLimits};
#[cfg(unix)]
pub(crate) use {
    client::{Answers, ControlClient},
    server::{ControlServer, ServerLimits},
};
