//! One connection, from the host's side: requests one after another, each answered before the
//! next is read. It knows no socket, so that its timeouts can be tested on a pipe in memory.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, Items},
    frame::{FrameError, FrameKind, FrameLimits, begun, read_frame, write_frame},
    message::{Request, Response},
};

const STOPPED: &str = "the host stopped before this task had ended";

/// How the host's end tells its connections that it stops.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    /// Take no further request; the one under way is still answered.
    pub(super) soft: CancellationToken,
    /// Give up the one under way as well.
    pub(super) hard: CancellationToken,
}

/// Serves the peer until it hangs up, breaks the protocol, stays silent for `idle`, or the host
/// stops. A peer that hangs up while its request is handled cancels it: the handler's future is
/// dropped.
pub(super) async fn serve<S, H, F>(
    stream: S,
    handler: &H,
    limits: &FrameLimits,
    idle: Duration,
    stop: &Stop,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request, Bytes) -> F,
    F: Future<Output = Answer>,
{
    let mut stream = BufReader::new(stream);
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.soft.cancelled() => {
                return refuse(&mut stream, limits, "the host is stopping").await;
            }
            more = timeout(idle, begun(&mut stream)) => match more {
                Ok(Ok(true)) => read_frame(&mut stream, FrameKind::Request, limits).await,
                _ => return,
            },
        };
        let (header, body) = match frame {
            Ok(frame) => (frame.header, frame.body),
            // Nobody is left to be told.
            Err(FrameError::Io(_) | FrameError::Truncated { .. }) => return,
            // The frame is not read to its end, so the next one cannot be found.
            Err(error) => return refuse(&mut stream, limits, &error.to_string()).await,
        };
        let answered = match serde_json::from_slice(&header) {
            Ok(request) => tokio::select! {
                biased;
                done = handler(request, body) => done,
                () = hung_up(&mut stream) => return,
                () = stop.hard.cancelled() => {
                    refused(STOPPED).into()
                }
            },
            Err(source) => refused(
                &FrameError::Json {
                    kind: FrameKind::Request,
                    source,
                }
                .to_string(),
            )
            .into(),
        };
        let sent = match answered {
            Answer::One(response, body) => {
                answer(&mut stream, limits, &response, body).await.is_ok()
            }
            Answer::Items(items) => send(&mut stream, items, stop).await,
        };
        if !sent {
            return;
        }
    }
}

/// Tells a peer, as far as it listens, why it is not served.
pub(super) async fn refuse<S>(stream: &mut S, limits: &FrameLimits, message: &str)
where
    S: AsyncWrite + Unpin,
{
    let (response, body) = refused(message);
    // A peer that has gone needs no answer.
    let _ = answer(stream, limits, &response, body).await;
}

/// Sends items until there are none; false where the connection is of no use after that. The peer may take as long as it likes for each: somebody may be reading them.
async fn send<S>(stream: &mut S, mut items: Items, stop: &Stop) -> bool
where
    S: AsyncBufRead + AsyncWrite + Unpin,
{
    let limits = FrameLimits {
        stall: Duration::MAX,
        ..FrameLimits::default()
    };
    let mut next = Some((Response::Opened, Bytes::new()));
    loop {
        let last = !matches!(
            next,
            Some((
                Response::Opened | Response::Item { .. } | Response::ItemFailed { .. },
                _
            ))
        );
        let (response, body) = next.unwrap_or((Response::End, Bytes::new()));
        let sent = tokio::select! {
            biased;
            sent = answer(stream, &limits, &response, body) => sent.is_ok(),
            () = stop.hard.cancelled() => false,
        };
        if last || !sent {
            return sent;
        }
        next = tokio::select! {
            biased;
            next = items.next() => next,
            () = hung_up(stream) => return false,
            () = stop.hard.cancelled() => Some(refused(STOPPED)),
        };
    }
}

/// Resolves when the peer has closed its end. One that has sent its next request early is not
/// watched any further: finding the end behind it would mean to read it all.
async fn hung_up<R: AsyncBufRead + Unpin>(stream: &mut R) {
    if let Ok(true) = begun(stream).await {
        std::future::pending::<()>().await;
    }
}

async fn answer<S>(
    stream: &mut S,
    limits: &FrameLimits,
    response: &Response,
    body: Bytes,
) -> Result<(), FrameError>
where
    S: AsyncWrite + Unpin,
{
    let kind = FrameKind::Response;
    let encode =
        |response| serde_json::to_vec(response).map_err(|source| FrameError::Json { kind, source });
    let sent = write_frame(stream, kind, &encode(response)?, body, limits.stall).await;
    match sent {
        // Nothing of it is written yet: say so in a frame that fits.
        Err(error @ FrameError::HeaderTooLarge { .. }) => {
            let (response, body) = refused(&format!("the answer cannot be sent: {error}"));
            write_frame(stream, kind, &encode(&response)?, body, limits.stall).await
        }
        sent => sent,
    }
}

fn refused(message: &str) -> (Response, Bytes) {
    (
        Response::Refused {
            message: message.to_owned(),
        },
        Bytes::new(),
    )
}
