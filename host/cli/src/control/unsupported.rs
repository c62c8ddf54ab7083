//! The control socket where there is none yet: both ends have their ordinary names, and say so.

use std::{convert::Infallible, path::Path, time::Duration};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{
    answer::Answer,
    error::{ClientError, ControlError},
    message::{Request, Response},
};

/// What the host's end would allow its peers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServerLimits {
    /// How long requests under way would have at the end.
    pub(crate) drain: Duration,
}

/// The claim on a state directory: never made here.
#[derive(Debug)]
pub(crate) struct StateLock {
    _never: Infallible,
}

/// The host's end: never made here.
#[derive(Debug)]
pub(crate) struct ControlServer {
    never: Infallible,
}

impl ControlServer {
    /// # Errors
    /// Always [`ControlError::Unsupported`].
    pub(crate) fn bind(_state_dir: &Path) -> Result<Self, ControlError> {
        Err(ControlError::Unsupported)
    }

    /// Cannot be called, since there is no server.
    pub(crate) async fn serve<H, F>(
        self,
        _handler: H,
        _limits: ServerLimits,
        _shutdown: CancellationToken,
    ) -> Result<StateLock, ControlError>
    where
        H: Fn(Request, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        match self.never {}
    }
}

/// The frames of an answer: never made here.
#[derive(Debug)]
pub(crate) struct Answers {
    never: Infallible,
}

impl Answers {
    /// Cannot be called, since there is no client.
    pub(crate) async fn next(&mut self) -> Result<(Response, Bytes), ClientError> {
        match self.never {}
    }
}

/// The asking program's end: never made here.
#[derive(Debug)]
pub(crate) struct ControlClient {
    never: Infallible,
}

impl ControlClient {
    /// # Errors
    /// Always [`ClientError::Unsupported`].
    pub(crate) async fn connect(_state_dir: &Path) -> Result<Self, ClientError> {
        Err(ClientError::Unsupported)
    }

    /// Cannot be called, since there is no client.
    pub(crate) async fn request(
        &mut self,
        _request: Request,
        _body: Bytes,
    ) -> Result<(Response, Bytes), ClientError> {
        match self.never {}
    }

    /// Cannot be called, since there is no client.
    pub(crate) async fn ask(self, _request: Request, _body: Bytes) -> Result<Answers, ClientError> {
        match self.never {}
    }
}
