//! `agentsys call`: one task, in this process or on the running host.

use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use agentsys_host::{ContentType, Host, Payload};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::args::{Call, Settings};
use crate::control::{Answer, Answers, Items, Request, Response};
use crate::exit::Failure;

use super::items::{self, Frames};
use super::run::Signals;
use super::{ask, own_host, serve};

pub(crate) async fn call(args: Call, settings: &Settings) -> Result<(), Failure> {
    let (bytes, guessed) = data(&args)?;
    let content_type = args
        .content_type
        .as_deref()
        .map_or(guessed, ContentType::new);
    if args.plugins.is_empty() {
        let state_dir = settings.state_dir(&args.state)?;
        return remote(&args, &state_dir, bytes, &content_type).await;
    }
    let host = own_host(settings.sources(&args.plugins, &args.state)?).await?;
    // So that plugins are cleaned up then too.
    let mut signals = Signals::listen()?;
    let mut frames = Own::Asked(host.clone(), args.route.clone(), args.timeout, {
        Payload::new(bytes, content_type)
    });
    let printed = tokio::select! {
        biased;
        signal = signals.next() => Err(Failure::new(format!("{signal} came before the answer had ended"))),
        printed = items::print(&args.route, args.json, &mut frames) => printed,
    };
    // Before the host ends, which would wait for it.
    drop(frames);
    tokio::select! {
        biased;
        _ = signals.next() => {}
        _ = host.shutdown() => {}
    }
    printed
}

/// The answer of a host in this process.
enum Own {
    Asked(Host, String, Option<Duration>, Payload),
    Answering(Items),
}

impl Frames for Own {
    async fn next(&mut self) -> Result<(Response, Bytes), Failure> {
        if let Self::Asked(host, route, timeout, data) = self {
            let data = std::mem::replace(data, Payload::text(""));
            match serve::call(host, route, data, *timeout).await {
                Answer::One(response, body) => return Ok((response, body)),
                Answer::Items(items) => {
                    *self = Self::Answering(items);
                    return Ok((Response::Opened, Bytes::new()));
                }
            }
        }
        let Self::Answering(items) = self else {
            return Err(Failure::told());
        };
        let next = items.next().await;
        Ok(next.unwrap_or((Response::End, Bytes::new())))
    }
}

impl Frames for Answers {
    async fn next(&mut self) -> Result<(Response, Bytes), Failure> {
        Ok(Answers::next(self).await?)
    }
}

async fn remote(
    args: &Call,
    state_dir: &Path,
    body: Bytes,
    content_type: &ContentType,
) -> Result<(), Failure> {
    let request = Request::Call {
        route: args.route.clone(),
        content_type: content_type.to_string(),
        timeout: args.timeout,
        streams: true,
    };
    let client = ask::connect(state_dir).await?;
    let mut answers = client.ask(request, body).await?;
    items::print(&args.route, args.json, &mut answers).await
}

fn data(args: &Call) -> Result<(Bytes, ContentType), Failure> {
    if let Some(text) = &args.data {
        return Ok((text.clone().into(), ContentType::TEXT));
    }
    if let Some(path) = &args.file {
        let unreadable = |error| Failure::usage(format!("{}: {error}", path.display()));
        let bytes = std::fs::read(path).map_err(unreadable)?;
        return Ok((bytes.into(), content_type_of(path)));
    }
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!(
            "reading the data from the terminal; end it with Ctrl-D (or give --data or --file)"
        );
    }
    let mut bytes = Vec::new();
    stdin
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
    Ok((bytes.into(), ContentType::BYTES))
}

fn content_type_of(path: &Path) -> ContentType {
    let extension = path
        .extension()
        .map(|extension| extension.to_ascii_lowercase());
    match extension
        .as_deref()
        .and_then(|extension| extension.to_str())
    {
        Some("csv") => ContentType::CSV,
        Some("json") => ContentType::JSON,
        Some("txt" | "md") => ContentType::TEXT,
        _ => ContentType::BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_decides_its_content_type() {
        assert_eq!(content_type_of(Path::new("a/b.csv")), ContentType::CSV);
        assert_eq!(content_type_of(Path::new("B.JSON")), ContentType::JSON);
        assert_eq!(content_type_of(Path::new("b")), ContentType::BYTES);
    }
}
