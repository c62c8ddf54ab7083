//! The seam's types as ordinary Rust values, for both sides.
//!
//! Each side makes payloads, wakers, futures and streams for the other, and uses those that the other made. The code for
//! that is the same on both sides and full of `unsafe`, so it stands here once, compiled into each side.
//! Everything in it is safe to use where it says so; no function handed to the other side unwinds.

pub mod answers;
pub mod entries;
mod failure;
mod future;
mod guard;
pub mod labels;
mod lent;
mod payload;
mod stream;
mod waker;

pub use failure::Failure;
pub use future::{Answer, ForeignFuture};
pub use guard::{catch, describe_panic};
pub use lent::Lent;
pub use payload::{Handed, Payload};
pub use stream::ForeignStream;
pub use waker::{with_raw_waker, with_waker};
