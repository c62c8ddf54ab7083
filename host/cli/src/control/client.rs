//! The asking program's end of the control socket.

use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use tokio::{io::BufReader, net::UnixStream};

use super::{
    address::ControlDirectory,
    error::ClientError,
    frame::{FrameError, FrameKind, FrameLimits, begun, read_frame, write_frame},
    message::{Request, Response},
};

/// A connection to the running host.
#[derive(Debug)]
pub(crate) struct ControlClient {
    /// None while a request is under way, and for good once one has failed or was abandoned: its
    /// late answer would be taken for the next one's.
    stream: Option<BufReader<UnixStream>>,
}

impl ControlClient {
    /// Connects to the host that runs on `state_dir`.
    ///
    /// # Errors
    /// [`ClientError::NoHost`] if none does; the others if the directory is not private, or the
    /// system refuses.
    pub(crate) async fn connect(state_dir: &Path) -> Result<Self, ClientError> {
        let no_host = || ClientError::NoHost {
            state_dir: state_dir.to_owned(),
        };
        let directory = ControlDirectory::open(state_dir)?.ok_or_else(no_host)?;
        match UnixStream::connect(directory.socket_address()).await {
            Ok(stream) => Ok(Self {
                stream: Some(BufReader::new(stream)),
            }),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Err(no_host()),
                _ => {
                    let path = directory.socket_path();
                    Err(ClientError::Connect {
                        path,
                        source: error,
                    })
                }
            },
        }
    }

    /// Sends a request with its payload, and waits for the answer however long the host takes:
    /// tasks have their own timeouts. Dropping the future hangs up, which cancels the request in
    /// the host; it needs a new connection afterwards, as after an error.
    ///
    /// # Errors
    /// [`ClientError::Closed`] if the host ends first; [`ClientError::Frame`] if what it sends
    /// cannot be read, such as that of another version of the protocol.
    pub(crate) async fn request(
        &mut self,
        request: Request,
        body: Bytes,
    ) -> Result<(Response, Bytes), ClientError> {
        let stream = self.stream.take().ok_or(ClientError::Closed)?;
        let mut answers = Answers::ask(stream, request, body).await?;
        let answer = answers.next().await?;
        self.stream = Some(answers.0);
        Ok(answer)
    }

    /// As [`request`](Self::request), where the answer may have several frames.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub(crate) async fn ask(self, request: Request, body: Bytes) -> Result<Answers, ClientError> {
        let stream = self.stream.ok_or(ClientError::Closed)?;
        Answers::ask(stream, request, body).await
    }
}

/// The frames of an answer. Dropping it hangs up, which cancels the request in the host.
#[derive(Debug)]
pub(crate) struct Answers(BufReader<UnixStream>);

impl Answers {
    async fn ask(
        mut stream: BufReader<UnixStream>,
        request: Request,
        body: Bytes,
    ) -> Result<Self, ClientError> {
        let header = serde_json::to_vec(&request).map_err(|source| FrameError::Json {
            kind: FrameKind::Request,
            source,
        })?;
        // A host that is still starting takes nothing yet, so there is no limit to a pause.
        let pause = Duration::MAX;
        match write_frame(&mut stream, FrameKind::Request, &header, body, pause).await {
            // A host that refuses closes before it has read all, and says why before that.
            Err(FrameError::Io(error)) if is_hang_up(&error) => {}
            written => written?,
        }
        Ok(Self(stream))
    }

    /// The next frame, however long it takes; it is not lost where the wait is given up before it begins.
    ///
    /// # Errors
    /// As [`ControlClient::request`].
    pub(crate) async fn next(&mut self) -> Result<(Response, Bytes), ClientError> {
        let stream = &mut self.0;
        match begun(stream).await {
            Ok(true) => {}
            Ok(false) => return Err(ClientError::Closed),
            Err(error) if is_hang_up(&error) => return Err(ClientError::Closed),
            Err(error) => return Err(FrameError::Io(error).into()),
        }
        let frame = read_frame(stream, FrameKind::Response, &FrameLimits::default()).await?;
        let response =
            serde_json::from_slice(&frame.header).map_err(|source| FrameError::Json {
                kind: FrameKind::Response,
                source,
            })?;
        Ok((response, frame.body))
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
    )
}
