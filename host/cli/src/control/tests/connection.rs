//! One connection over a pipe in memory, with the clock paused.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

use super::{
    super::{
        connection::{Stop, serve},
        frame::{FrameKind, FrameLimits, MAGIC, read_frame, write_frame},
    },
    Response, echo, refusal, reply,
};

const IDLE: Duration = Duration::from_secs(60);

fn served() -> (DuplexStream, Stop) {
    let (near, far) = duplex(1 << 16);
    let stop = Stop::default();
    let stopped = stop.clone();
    tokio::spawn(async move { serve(far, &echo, &FrameLimits::default(), IDLE, &stopped).await });
    (near, stop)
}

async fn send(stream: &mut DuplexStream, header: &str) {
    let stall = FrameLimits::default().stall;
    let header = header.as_bytes();
    write_frame(stream, FrameKind::Request, header, Bytes::new(), stall)
        .await
        .unwrap();
}

async fn response(stream: &mut DuplexStream) -> Response {
    // Longer than the other end's limit, so that it is the other end which gives up.
    let limits = FrameLimits {
        stall: Duration::MAX,
        ..FrameLimits::default()
    };
    let frame = read_frame(stream, FrameKind::Response, &limits)
        .await
        .unwrap();
    serde_json::from_slice(&frame.header).unwrap()
}

async fn is_closed(stream: &mut DuplexStream) -> bool {
    stream.read(&mut [0]).await.unwrap() == 0
}

#[tokio::test(start_paused = true)]
async fn a_partial_frame_times_out_with_a_word() {
    let (mut near, _stop) = served();
    let before = Instant::now();
    near.write_all(&MAGIC[..3]).await.unwrap();

    let message = refusal(response(&mut near).await);

    assert_eq!(
        message,
        "the control connection stood still for 30 s inside a message"
    );
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    assert!(is_closed(&mut near).await);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_a_while() {
    let (mut near, _stop) = served();
    let before = Instant::now();

    assert!(is_closed(&mut near).await);

    assert_eq!(before.elapsed(), IDLE);
}

#[tokio::test]
async fn an_unknown_request_is_refused_and_the_next_one_answered() {
    let (mut near, _stop) = served();

    send(&mut near, r#"{"kind":"dance"}"#).await;
    assert_eq!(
        refusal(response(&mut near).await),
        "the calling program sent a message that this host cannot read: unknown variant `dance`, \
         expected one of `call`, `plugins`, `routes`, `status`, `metrics`, `prometheus`, `errors`, `events`, `reload`, `enable`, `disable` at line 1 column 15"
    );

    send(
        &mut near,
        r#"{"kind":"call","value":{"route":"r","content_type":"t"}}"#,
    )
    .await;
    assert_eq!(response(&mut near).await, reply("r"));
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_their_order() {
    let (mut near, _stop) = served();

    for route in ["a", "b", "c"] {
        let header =
            format!(r#"{{"kind":"call","value":{{"route":"{route}","content_type":"t"}}}}"#);
        send(&mut near, &header).await;
    }

    for route in ["a", "b", "c"] {
        assert_eq!(response(&mut near).await, reply(route));
    }
}

#[tokio::test]
async fn an_idle_connection_is_told_that_the_host_stops() {
    let (mut near, stop) = served();

    stop.soft.cancel();

    assert_eq!(refusal(response(&mut near).await), "the host is stopping");
    assert!(is_closed(&mut near).await);
}

#[tokio::test]
async fn an_answer_whose_header_is_too_long_is_refused() {
    let (mut near, far) = duplex(1 << 16);
    tokio::spawn(async move {
        let huge = |_, _| async {
            (
                Response::Plugins(serde_json::Value::String("x".repeat(64 << 20))),
                Bytes::new(),
            )
                .into()
        };
        serve(far, &huge, &FrameLimits::default(), IDLE, &Stop::default()).await;
    });

    send(&mut near, r#"{"kind":"plugins"}"#).await;

    let message = refusal(response(&mut near).await);
    assert!(
        message.starts_with("the answer cannot be sent: a header of "),
        "{message}"
    );
}
