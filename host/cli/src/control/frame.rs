//! How a message becomes bytes on the control socket: a JSON header, and beside it the payload
//! as raw bytes, since base64 would cost a third more and a copy.
//!
//! All integers are big-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | magic, `AGSC` |
//! | 2 | protocol version |
//! | 2 | kind: 1 request, 2 response |
//! | 4 | length of the JSON header |
//! | 8 | length of the body |
//!
//! then the JSON header, then the body. The first six bytes stay as they are in every version to
//! come, and are read and checked on their own, so that two versions can always tell each other
//! apart. The lengths are the peer's claim: nothing is allocated for them before bytes have come.

use std::{io, time::Duration};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// The version of the control protocol that this program speaks.
pub(crate) const PROTOCOL: u16 = 1;

pub(super) const MAGIC: [u8; 4] = *b"AGSC";

/// What is reserved before the first byte of a header or body has come.
const FIRST_STEP: u64 = 64 * 1024;

/// How much one frame may bring, and how slowly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameLimits {
    /// The longest body, in bytes; 1 GiB by default.
    pub(crate) max_body: u64,
    /// The longest pause inside a frame; 30 seconds by default.
    pub(crate) stall: Duration,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            max_body: 1 << 30,
            stall: Duration::from_secs(30),
        }
    }
}

/// The direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// From a program to the host.
    Request,
    /// From the host to a program.
    Response,
}

impl FrameKind {
    fn code(self) -> u16 {
        match self {
            Self::Request => 1,
            Self::Response => 2,
        }
    }

    /// The longest JSON header. Answers may be longer, since they list the schemas of all routes,
    /// and the asking program has reason to trust its host.
    pub(super) fn max_header(self) -> u32 {
        match self {
            Self::Request => 1 << 20,
            Self::Response => 64 << 20,
        }
    }

    /// Who sends such frames, for messages.
    fn sender(self) -> &'static str {
        match self {
            Self::Request => "the calling program",
            Self::Response => "the running host",
        }
    }

    /// Who reads them.
    fn reader(self) -> &'static str {
        match self {
            Self::Request => "this host",
            Self::Response => "this program",
        }
    }
}

/// One message, not yet understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The JSON header.
    pub(super) header: BytesMut,
    /// The payload.
    pub(super) body: Bytes,
}

/// Why no frame could be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FrameError {
    /// The peer speaks another version of the protocol.
    #[error(
        "{} speaks control protocol {theirs}, {} {PROTOCOL}: use the same version of agentsys \
         for both",
        kind.sender(),
        kind.reader()
    )]
    Version {
        /// The direction.
        kind: FrameKind,
        /// The peer's version.
        theirs: u16,
    },
    /// The bytes are not of this protocol.
    #[error(
        "{} does not speak the control protocol: its message begins with \"{}\"",
        kind.sender(),
        found.escape_ascii()
    )]
    BadMagic {
        /// The direction.
        kind: FrameKind,
        /// What came in place of the magic.
        found: [u8; 4],
    },
    /// A frame of the other direction, or of none.
    #[error("{} sent a frame of kind {found}, where {} was due", kind.sender(), kind.code())]
    WrongKind {
        /// The direction that was due.
        kind: FrameKind,
        /// The kind that came.
        found: u16,
    },
    /// The JSON header is too long.
    #[error("a header of {length} bytes is over the control socket's limit of {limit} bytes")]
    HeaderTooLarge {
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u32,
    },
    /// The body is too long.
    #[error("a body of {length} bytes is over the control socket's limit of {limit} bytes")]
    BodyTooLarge {
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The stream ended inside a frame.
    #[error("the connection ended inside a message: {} stopped or was killed", kind.sender())]
    Truncated {
        /// The direction.
        kind: FrameKind,
    },
    /// The peer neither sent nor took a byte for too long.
    #[error("the control connection stood still for {} s inside a message", after.as_secs_f64())]
    Stalled {
        /// For how long.
        after: Duration,
    },
    /// The JSON header does not say what this version understands.
    #[error("{} sent a message that {} cannot read: {source}", kind.sender(), kind.reader())]
    Json {
        /// The direction.
        kind: FrameKind,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The stream failed.
    #[error("the control connection failed: {0}")]
    Io(#[from] io::Error),
}

/// Waits for the first byte of the next frame, and takes nothing. False if the peer has hung up.
pub(super) async fn begun<R: AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<bool> {
    Ok(!reader.fill_buf().await?.is_empty())
}

/// Reads one frame of the `kind` that is due.
pub(super) async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    kind: FrameKind,
    limits: &FrameLimits,
) -> Result<Frame, FrameError> {
    let mut start = read_bytes(reader, 6, kind, limits.stall).await?;
    let mut found = [0; 4];
    start.copy_to_slice(&mut found);
    if found != MAGIC {
        return Err(FrameError::BadMagic { kind, found });
    }
    let theirs = start.get_u16();
    if theirs != PROTOCOL {
        return Err(FrameError::Version { kind, theirs });
    }

    let mut rest = read_bytes(reader, 14, kind, limits.stall).await?;
    let found = rest.get_u16();
    if found != kind.code() {
        return Err(FrameError::WrongKind { kind, found });
    }
    let (header, body) = (rest.get_u32(), rest.get_u64());
    check_header(u64::from(header), kind)?;
    if body > limits.max_body {
        return Err(FrameError::BodyTooLarge {
            length: body,
            limit: limits.max_body,
        });
    }
    Ok(Frame {
        header: read_bytes(reader, u64::from(header), kind, limits.stall).await?,
        body: read_bytes(reader, body, kind, limits.stall).await?.freeze(),
    })
}

/// Writes one frame, and gives up when the peer takes nothing for as long as `stall`.
pub(super) async fn write_frame<W: AsyncWrite + Unpin>(
    writer: &mut W,
    kind: FrameKind,
    header: &[u8],
    body: Bytes,
    stall: Duration,
) -> Result<(), FrameError> {
    let header_length = check_header(header.len() as u64, kind)?;
    let mut start = BytesMut::with_capacity(20 + header.len());
    start.put_slice(&MAGIC);
    start.put_u16(PROTOCOL);
    start.put_u16(kind.code());
    start.put_u32(header_length);
    start.put_u64(body.len() as u64);
    start.put_slice(header);

    let mut frame = start.chain(body);
    while frame.has_remaining() {
        let written = within(stall, writer.write_buf(&mut frame)).await?;
        if written == 0 {
            return Err(FrameError::Io(io::ErrorKind::WriteZero.into()));
        }
    }
    within(stall, writer.flush()).await
}

/// Reads `length` bytes into a buffer that grows as they come.
async fn read_bytes<R: AsyncRead + Unpin>(
    reader: &mut R,
    length: u64,
    kind: FrameKind,
    stall: Duration,
) -> Result<BytesMut, FrameError> {
    let mut bytes = BytesMut::new();
    let mut missing = length;
    while missing > 0 {
        if bytes.len() == bytes.capacity() {
            let step = missing.min(FIRST_STEP.max(bytes.len() as u64));
            bytes.reserve(usize::try_from(step).expect("no more than is held, or 64 KiB"));
        }
        let read = within(stall, (&mut *reader).take(missing).read_buf(&mut bytes)).await?;
        if read == 0 {
            return Err(FrameError::Truncated { kind });
        }
        missing -= read as u64;
    }
    Ok(bytes)
}

fn check_header(length: u64, kind: FrameKind) -> Result<u32, FrameError> {
    let limit = kind.max_header();
    u32::try_from(length)
        .ok()
        .filter(|length| *length <= limit)
        .ok_or(FrameError::HeaderTooLarge { length, limit })
}

async fn within<T>(
    stall: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, FrameError> {
    match timeout(stall, step).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(FrameError::Stalled { after: stall }),
    }
}
