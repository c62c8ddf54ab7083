//! Answers of several frames: over a real socket, and over a pipe in memory where it is about how much of them is asked for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tempfile::tempdir;
use tokio::{io::duplex, sync::mpsc};

use super::super::{
    answer::Items,
    connection::{Stop, serve},
    frame::{FrameKind, FrameLimits, read_frame, write_frame},
};
use super::{
    Answer, Response, Running, ServerLimits, WireError, call, connect, echo, refusal, reply, soon,
};

fn item(text: &'static str) -> (Response, Bytes) {
    let content_type = "text/plain".into();
    (Response::Item { content_type }, text.into())
}

fn broken() -> Response {
    Response::ItemFailed {
        error: WireError {
            kind: "failed".into(),
            message: "row 2".into(),
            causes: Vec::new(),
            retryable: false,
            route: None,
            agent: None,
        },
    }
}

/// Two items round an error.
fn rows() -> Items {
    let rows = [item("one"), (broken(), Bytes::new()), item("three")];
    Box::pin(stream::iter(rows))
}

/// An item for ever; says when it is dropped.
fn endless(dropped: mpsc::UnboundedSender<()>) -> Items {
    struct Tell(mpsc::UnboundedSender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    Box::pin(stream::unfold(Tell(dropped), async |tell| {
        Some((item("more"), tell))
    }))
}

/// One item, and none after it.
fn stuck() -> Items {
    Box::pin(stream::iter([item("one")]).chain(stream::pending()))
}

#[tokio::test]
async fn items_come_between_an_opening_and_an_end_and_errors_among_them() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), async |_, _| Answer::Items(rows()));

    let client = connect(dir.path()).await;
    let mut answers = client.ask(call("r"), Bytes::new()).await.unwrap();

    let expected = [
        (Response::Opened, Bytes::new()),
        item("one"),
        (broken(), Bytes::new()),
        item("three"),
        (Response::End, Bytes::new()),
    ];
    for frame in expected {
        assert_eq!(answers.next().await.unwrap(), frame);
    }
}

#[tokio::test]
async fn a_connection_serves_on_after_a_stream() {
    let (mut near, far) = duplex(1 << 16);
    let handler = async |request: super::Request, body| match &request {
        request if *request == call("rows") => Answer::Items(rows()),
        _ => echo(request, body).await,
    };
    tokio::spawn(async move {
        let idle = Duration::from_secs(60);
        serve(
            far,
            &handler,
            &FrameLimits::default(),
            idle,
            &Stop::default(),
        )
        .await;
    });

    let limits = FrameLimits::default();
    for route in ["rows", "r"] {
        let header = serde_json::to_vec(&call(route)).unwrap();
        write_frame(
            &mut near,
            FrameKind::Request,
            &header,
            Bytes::new(),
            limits.stall,
        )
        .await
        .unwrap();
    }

    let mut last = None;
    for _ in 0..6 {
        let frame = read_frame(&mut near, FrameKind::Response, &limits).await;
        last = Some(serde_json::from_slice::<Response>(&frame.unwrap().header).unwrap());
    }
    assert_eq!(last, Some(reply("r")));
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_stream() {
    let dir = tempdir().unwrap();
    let (tell, mut dropped) = mpsc::unbounded_channel();
    let _server = Running::start(dir.path(), move |_, _| {
        std::future::ready(Answer::Items(endless(tell.clone())))
    });
    let client = connect(dir.path()).await;
    let mut answers = client.ask(call("r"), Bytes::new()).await.unwrap();
    for frame in [(Response::Opened, Bytes::new()), item("more"), item("more")] {
        assert_eq!(answers.next().await.unwrap(), frame);
    }

    drop(answers);

    assert_eq!(soon(dropped.recv()).await, Some(()));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_ahead_of_a_reader_that_takes_nothing_however_long() {
    let (near, far) = duplex(256);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let handler = move |_, _| {
        let counted = counted.clone();
        let items = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            item("more")
        });
        std::future::ready(Answer::Items(Box::pin(items)))
    };
    let serving = tokio::spawn(async move {
        let idle = Duration::from_secs(60);
        serve(
            far,
            &handler,
            &FrameLimits::default(),
            idle,
            &Stop::default(),
        )
        .await;
    });
    let mut near = near;
    let header = serde_json::to_vec(&call("r")).unwrap();
    write_frame(
        &mut near,
        FrameKind::Request,
        &header,
        Bytes::new(),
        Duration::MAX,
    )
    .await
    .unwrap();

    // The clock goes on when all tasks wait.
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;

    let asked = asked.load(Ordering::Relaxed);
    assert!((1..=4).contains(&asked), "{asked} items for 256 bytes");
    assert!(!serving.is_finished());
}

#[tokio::test]
async fn a_stream_that_never_ends_is_given_up_with_a_word_when_the_host_stops() {
    let dir = tempdir().unwrap();
    let limits = ServerLimits {
        drain: Duration::ZERO,
        ..ServerLimits::default()
    };
    let server = Running::start_with(dir.path(), limits, async |_, _| Answer::Items(stuck()));
    let client = connect(dir.path()).await;
    let mut answers = client.ask(call("r"), Bytes::new()).await.unwrap();
    for frame in [(Response::Opened, Bytes::new()), item("one")] {
        assert_eq!(answers.next().await.unwrap(), frame);
    }

    drop(server.stop().await);

    assert_eq!(
        refusal(answers.next().await.unwrap().0),
        "the host stopped before this task had ended"
    );
}
