use std::{io::Cursor, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::Instant,
};

use super::super::frame::{
    FrameError, FrameKind, FrameLimits, MAGIC, PROTOCOL, begun, read_frame, write_frame,
};

const STALL: Duration = Duration::from_secs(30);

/// The twenty bytes before header and body.
fn start(version: u16, kind: u16, header: u32, body: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(version.to_be_bytes());
    bytes.extend(kind.to_be_bytes());
    bytes.extend(header.to_be_bytes());
    bytes.extend(body.to_be_bytes());
    bytes
}

async fn read(bytes: Vec<u8>, kind: FrameKind) -> Result<(Vec<u8>, Bytes), FrameError> {
    let frame = read_frame(&mut Cursor::new(bytes), kind, &FrameLimits::default()).await?;
    Ok((frame.header.to_vec(), frame.body))
}

async fn error(bytes: Vec<u8>, kind: FrameKind) -> String {
    read(bytes, kind).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_frame_is_read_as_it_was_written() {
    let body: Bytes = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    let mut bytes = Vec::new();

    write_frame(&mut bytes, FrameKind::Request, b"{}", body.clone(), STALL)
        .await
        .unwrap();

    assert_eq!(&bytes[..20], start(PROTOCOL, 1, 2, 800_000));
    assert_eq!(
        read(bytes, FrameKind::Request).await.unwrap(),
        (b"{}".to_vec(), body)
    );
}

#[tokio::test]
async fn frames_follow_one_another_without_a_gap() {
    let mut bytes = Vec::new();
    for body in ["one", ""] {
        let body = Bytes::from_static(body.as_bytes());
        write_frame(&mut bytes, FrameKind::Response, b"1", body, STALL)
            .await
            .unwrap();
    }
    let mut reader = Cursor::new(bytes);

    for expected in ["one", ""] {
        assert!(begun(&mut reader).await.unwrap());
        let limits = FrameLimits::default();
        let frame = read_frame(&mut reader, FrameKind::Response, &limits)
            .await
            .unwrap();
        assert_eq!(frame.body, expected);
    }
    assert!(!begun(&mut reader).await.unwrap());
}

#[tokio::test]
async fn another_version_is_told_by_its_first_six_bytes() {
    let newer = start(2, 0, 0, 0)[..6].to_vec();

    assert_eq!(
        error(newer.clone(), FrameKind::Response).await,
        "the running host speaks control protocol 2, this program 1: \
         use the same version of agentsys for both"
    );
    assert_eq!(
        error(newer, FrameKind::Request).await,
        "the calling program speaks control protocol 2, this host 1: \
         use the same version of agentsys for both"
    );
}

#[tokio::test]
async fn garbage_is_quoted() {
    assert_eq!(
        error(b"GET / HTTP/1.1\r\n\r\n".to_vec(), FrameKind::Request).await,
        "the calling program does not speak the control protocol: its message begins with \"GET \""
    );
    assert_eq!(
        error(vec![0, b'\n', 255, 27, 0, 0, 0], FrameKind::Response).await,
        "the running host does not speak the control protocol: \
         its message begins with \"\\x00\\n\\xff\\x1b\""
    );
}

#[tokio::test]
async fn a_frame_of_the_other_direction_is_refused() {
    assert_eq!(
        error(start(PROTOCOL, 2, 0, 0), FrameKind::Request).await,
        "the calling program sent a frame of kind 2, where 1 was due"
    );
}

#[tokio::test]
async fn a_claim_over_a_limit_names_the_limit() {
    assert_eq!(
        error(start(PROTOCOL, 1, (1 << 20) + 1, 0), FrameKind::Request).await,
        "a header of 1048577 bytes is over the control socket's limit of 1048576 bytes"
    );
    assert_eq!(
        error(start(PROTOCOL, 1, 0, u64::MAX), FrameKind::Request).await,
        "a body of 18446744073709551615 bytes is over the control socket's limit of \
         1073741824 bytes"
    );
}

#[tokio::test]
async fn a_header_over_the_limit_is_not_written() {
    let header = vec![b' '; (1 << 20) + 1];
    let mut bytes = Vec::new();

    let written = write_frame(&mut bytes, FrameKind::Request, &header, Bytes::new(), STALL).await;

    assert!(matches!(
        written,
        Err(FrameError::HeaderTooLarge {
            length: 1_048_577,
            ..
        })
    ));
    assert_eq!(bytes, b"");
}

#[tokio::test]
async fn a_stream_cut_anywhere_is_truncated() {
    let mut whole = start(PROTOCOL, 1, 2, 3);
    whole.extend(b"{}abc");

    for length in 0..whole.len() {
        let cut = read(whole[..length].to_vec(), FrameKind::Request).await;
        assert!(
            matches!(cut, Err(FrameError::Truncated { .. })),
            "{length}: {cut:?}"
        );
    }
    assert!(read(whole, FrameKind::Request).await.is_ok());
}

/// A limit that no machine could hold: reserving for the claim would end the process.
#[tokio::test]
async fn a_claimed_length_is_not_allocated() {
    let mut bytes = start(PROTOCOL, 1, 0, 1 << 62);
    bytes.extend(b"few");
    let limits = FrameLimits {
        max_body: u64::MAX,
        stall: STALL,
    };

    let cut = read_frame(&mut Cursor::new(bytes), FrameKind::Request, &limits).await;

    assert!(matches!(cut, Err(FrameError::Truncated { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_reader_gives_up_after_a_pause_but_not_on_slow_bytes() {
    let (mut near, mut far) = duplex(64);
    let before = Instant::now();
    let slow = async {
        for byte in &start(PROTOCOL, 1, 0, 5)[..10] {
            tokio::time::sleep(STALL - Duration::from_secs(1)).await;
            far.write_all(&[*byte]).await.unwrap();
        }
    };

    let limits = FrameLimits::default();
    let (read, ()) = tokio::join!(read_frame(&mut near, FrameKind::Request, &limits), slow);

    assert_eq!(
        read.unwrap_err().to_string(),
        "the control connection stood still for 30 s inside a message"
    );
    assert_eq!(
        before.elapsed(),
        10 * (STALL - Duration::from_secs(1)) + STALL
    );
}

#[tokio::test(start_paused = true)]
async fn a_writer_gives_up_on_a_peer_that_takes_nothing() {
    let (mut near, mut far) = duplex(64);
    let body = Bytes::from(vec![7; 1000]);

    let written = write_frame(&mut near, FrameKind::Response, b"{}", body, STALL).await;

    assert!(matches!(written, Err(FrameError::Stalled { after }) if after == STALL));
    let mut taken = [0; 22];
    far.read_exact(&mut taken).await.unwrap();
    assert_eq!(&taken[20..], b"{}");
}
