//! What a called route answers, on standard output: one answer byte for byte, items as lines while they come.

use std::io::{self, Write};

use bytes::Bytes;

use crate::control::Response;
use crate::exit::Failure;

use super::json_line::line;
use super::{ask, waiting, write_out};

/// Where the frames of an answer come from.
pub(super) trait Frames {
    /// The next one.
    ///
    /// # Errors
    /// Where none comes any more, though the answer has not ended.
    async fn next(&mut self) -> Result<(Response, Bytes), Failure>;
}

/// Prints an answer. Ends early, and well, when nobody reads it any more.
///
/// # Errors
/// Where the task failed, or one of its items was an error: those are told as they come.
pub(super) async fn print(
    route: &str,
    json: bool,
    frames: &mut impl Frames,
) -> Result<(), Failure> {
    match waiting(&format!("waiting for {route}"), frames.next()).await? {
        (Response::Opened, _) => print_items(frames).await,
        (Response::Reply { content_type }, answer) if json => {
            write_out(&line(&content_type, &answer))
        }
        (Response::Reply { .. }, answer) => write_out(&answer),
        (Response::Failed { error }, _) => Err(error.into()),
        (Response::Refused { message }, _) => Err(Failure::new(message)),
        (other, _) => Err(ask::unexpected(&other)),
    }
}

async fn print_items(frames: &mut impl Frames) -> Result<(), Failure> {
    let mut gone = std::pin::pin!(reader_gone());
    let mut failed = false;
    loop {
        let frame = tokio::select! {
            biased;
            next = frames.next() => next?,
            () = &mut gone => break,
        };
        match frame {
            (Response::Item { content_type }, item) => {
                if !write_line(&line(&content_type, &item))? {
                    break;
                }
            }
            (Response::ItemFailed { error }, _) => {
                Failure::from(error).print();
                failed = true;
            }
            (Response::End, _) => break,
            (Response::Refused { message }, _) => return Err(Failure::new(message)),
            (other, _) => return Err(ask::unexpected(&other)),
        }
    }
    if failed {
        return Err(Failure::told());
    }
    Ok(())
}

/// False where nobody reads any more.
fn write_line(line: &[u8]) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(line).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(format!("the item cannot be written: {error}"))),
    }
}

/// Resolves when standard output is a pipe whose reader has gone. The next item would tell, but that may be long in coming, and the handler works for nobody until then.
#[cfg(unix)]
async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, poll};
    use std::os::fd::AsFd;

    let (tell, told) = tokio::sync::oneshot::channel();
    let watch = move || {
        let out = io::stdout();
        let mut fds = [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(1..) if fds[0].revents().contains(PollFlags::ERR) => {
                    let _ = tell.send(());
                    return;
                }
                _ => return,
            }
        }
    };
    let name = "agentsys-output".to_owned();
    // Left alone at the end: it does nothing but wait.
    let watched = std::thread::Builder::new().name(name).spawn(watch);
    if watched.is_err() || told.await.is_err() {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
async fn reader_gone() {
    std::future::pending().await
}
