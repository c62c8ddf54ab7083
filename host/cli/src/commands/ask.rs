//! Asking the host that runs on a state directory.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use crate::args::{Settings, State};
use crate::control::{ClientError, ControlClient, Request, Response};
use crate::exit::Failure;

/// A connection, for a command that can do without a running host too.
pub(super) async fn connect(state_dir: &Path) -> Result<ControlClient, Failure> {
    let client = ControlClient::connect(state_dir).await;
    client.map_err(|error| match error {
        ClientError::NoHost { .. } => {
            Failure::from(error).or("or give --plugins DIR to answer in this process")
        }
        error => error.into(),
    })
}

/// One request, for a command that can do without a running host too.
pub(super) async fn ask(
    state_dir: &Path,
    request: Request,
    body: Bytes,
) -> Result<(Response, Bytes), Failure> {
    exchange(&mut connect(state_dir).await?, request, body).await
}

/// One request, for a command that needs a running host.
pub(super) async fn ask_running(
    state_dir: &Path,
    request: Request,
    body: Bytes,
) -> Result<(Response, Bytes), Failure> {
    let mut client = ControlClient::connect(state_dir).await?;
    exchange(&mut client, request, body).await
}

/// What the running host tells of itself, as JSON.
pub(super) async fn report(
    settings: &Settings,
    state: &State,
    request: Request,
) -> Result<Value, Failure> {
    match ask_running(&settings.state_dir(state)?, request, Bytes::new()).await? {
        (Response::Report, body) => serde_json::from_slice(&body)
            .map_err(|error| Failure::new(format!("the host's answer cannot be read: {error}"))),
        (other, _) => Err(unexpected(&other)),
    }
}

/// The host answered what was not asked.
pub(super) fn unexpected(response: &Response) -> Failure {
    Failure::new(format!(
        "the host answered something else than asked: {response:?}"
    ))
}

async fn exchange(
    client: &mut ControlClient,
    request: Request,
    body: Bytes,
) -> Result<(Response, Bytes), Failure> {
    match client.request(request, body).await? {
        (Response::Refused { message }, _) => Err(Failure::new(message)),
        answer => Ok(answer),
    }
}
