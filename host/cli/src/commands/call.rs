//! `agentsys call`: one task, in this process or on the running host.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use agentsys_host::{ContentType, Payload};
use bytes::Bytes;

use crate::args::{Call, Settings};
use crate::control::{Request, Response, WireError};
use crate::exit::Failure;

use super::{ask, own_host, serve, waiting, write_out};

pub(crate) async fn call(args: Call, settings: &Settings) -> Result<(), Failure> {
    let (bytes, guessed) = data(&args)?;
    let content_type = args
        .content_type
        .as_deref()
        .map_or(guessed, ContentType::new);
    let answer = if args.plugins.is_empty() {
        let state_dir = settings.state_dir(&args.state)?;
        remote(&args, &state_dir, bytes, &content_type).await?
    } else {
        let host = own_host(settings.sources(&args.plugins, &args.state)?).await?;
        let payload = Payload::new(bytes, content_type);
        let answer = serve::call(&host, &args.route, payload, args.timeout);
        let answer = waiting(&format!("waiting for {}", args.route), answer).await;
        host.shutdown().await;
        answer
            .map_err(|error| WireError::from(&error))?
            .into_parts()
            .0
    };
    write_out(&answer)
}

async fn remote(
    args: &Call,
    state_dir: &Path,
    body: Bytes,
    content_type: &ContentType,
) -> Result<Bytes, Failure> {
    let request = Request::Call {
        route: args.route.clone(),
        content_type: content_type.to_string(),
        timeout: args.timeout,
    };
    let asking = ask::ask(state_dir, request, body);
    match waiting(&format!("waiting for {}", args.route), asking).await? {
        (Response::Reply { .. }, answer) => Ok(answer),
        (Response::Failed { error }, _) => Err(error.into()),
        (other, _) => Err(ask::unexpected(&other)),
    }
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
