//! Requests and answers between a real client and a real server.

use std::time::Duration;

use bytes::Bytes;
use tempfile::tempdir;
use tokio::{net::UnixStream, sync::mpsc};

use super::{
    ClientError, FrameLimits, Request, Response, Running, ServerLimits, WireError, call, connect,
    echo, refusal, reply, soon,
};

#[tokio::test]
async fn ten_megabytes_come_back_byte_for_byte() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), echo);
    let body: Bytes = (0..2_500_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();

    let answer = connect(dir.path())
        .await
        .request(call("big"), body.clone())
        .await
        .unwrap();

    assert_eq!(answer.0, reply("big"));
    assert!(
        answer.1 == body,
        "{} bytes came back, or others",
        answer.1.len()
    );
}

#[tokio::test]
async fn one_connection_carries_requests_one_after_another() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), echo);
    let mut client = connect(dir.path()).await;

    for n in 0..3 {
        let body = Bytes::from(format!("payload {n}"));
        let answer = client.request(call("r"), body.clone()).await.unwrap();
        assert_eq!(answer, (reply("r"), body));
    }
    let (plugins, _) = client
        .request(Request::Plugins, Bytes::new())
        .await
        .unwrap();
    assert_eq!(
        plugins,
        Response::Plugins(serde_json::json!([{"name": "echo"}]))
    );
}

#[tokio::test]
async fn concurrent_clients_each_get_their_own_answers() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), echo);

    let clients: Vec<_> = (0..100)
        .map(|n| {
            let state_dir = dir.path().to_owned();
            tokio::spawn(async move {
                let mut client = connect(&state_dir).await;
                for m in 0..10 {
                    let (route, body) = (format!("route {n}"), Bytes::from(format!("{n}/{m}")));
                    let answer = client.request(call(&route), body.clone()).await.unwrap();
                    assert_eq!(answer, (reply(&route), body));
                }
            })
        })
        .collect();

    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_failure_arrives_whole() {
    let dir = tempdir().unwrap();
    let error = WireError {
        kind: "unavailable".into(),
        message: "the plugin is being replaced".into(),
        causes: vec!["draining".into(), "one call is left".into()],
        retryable: true,
        route: Some("analyze_data".into()),
        agent: Some("data-agents#1".into()),
    };
    let answer = Response::Failed { error };
    let sent = answer.clone();
    let _server = Running::start(dir.path(), move |_, _| {
        std::future::ready((sent.clone(), Bytes::new()).into())
    });

    let received = connect(dir.path())
        .await
        .request(call("r"), Bytes::new())
        .await
        .unwrap();

    assert_eq!(received.0, answer);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_though_the_client_is_still_sending_it() {
    let dir = tempdir().unwrap();
    let limits = ServerLimits {
        frame: FrameLimits {
            max_body: 1 << 20,
            ..FrameLimits::default()
        },
        ..ServerLimits::default()
    };
    let _server = Running::start_with(dir.path(), limits, echo);
    let mut client = connect(dir.path()).await;

    let body = Bytes::from(vec![0; 4 << 20]);
    let (response, _) = client.request(call("r"), body).await.unwrap();

    assert_eq!(
        refusal(response),
        "a body of 4194304 bytes is over the control socket's limit of 1048576 bytes"
    );
}

#[tokio::test]
async fn a_header_over_the_limit_is_not_sent() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), echo);
    let route = "r".repeat(1 << 20);

    let error = connect(dir.path())
        .await
        .request(call(&route), Bytes::new())
        .await
        .unwrap_err();

    assert!(
        error.to_string().contains("limit of 1048576 bytes"),
        "{error}"
    );
}

/// Says when it is dropped.
struct Dropped(mpsc::UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send("dropped").unwrap();
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_request() {
    let dir = tempdir().unwrap();
    let (events, mut seen) = mpsc::unbounded_channel();
    let _server = Running::start(dir.path(), move |_, _| {
        let dropped = Dropped(events.clone());
        async move {
            dropped.0.send("began").unwrap();
            std::future::pending().await
        }
    });
    let state_dir = dir.path().to_owned();
    let client = tokio::spawn(async move {
        connect(&state_dir)
            .await
            .request(call("endless"), Bytes::new())
            .await
    });

    assert_eq!(seen.recv().await, Some("began"));
    client.abort();

    assert_eq!(soon(seen.recv()).await, Some("dropped"));
}

#[tokio::test]
async fn a_client_whose_request_was_abandoned_takes_no_answer_for_another() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), |_, _| std::future::pending());
    let mut client = connect(dir.path()).await;

    let abandoned = client.request(call("slow"), Bytes::new());
    assert!(
        tokio::time::timeout(Duration::ZERO, abandoned)
            .await
            .is_err()
    );

    let next = soon(client.request(call("next"), Bytes::new())).await;
    assert!(matches!(next, Err(ClientError::Closed)), "{next:?}");
}

#[tokio::test]
async fn silent_and_slow_clients_keep_nobody_waiting() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), |request, body| async {
        match &request {
            Request::Call { route, .. } if route == "endless" => std::future::pending().await,
            _ => echo(request, body).await,
        }
    });
    let _silent = UnixStream::connect(dir.path().join("control/control.sock"))
        .await
        .unwrap();
    let mut slow = connect(dir.path()).await;
    let endless = call("endless");
    let pending = slow.request(endless, Bytes::new());

    let answered = async {
        connect(dir.path())
            .await
            .request(call("r"), Bytes::new())
            .await
    };

    tokio::select! {
        _ = pending => panic!("the endless call was answered"),
        answer = answered => assert_eq!(answer.unwrap().0, reply("r")),
    }
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused_until_another_ends() {
    let dir = tempdir().unwrap();
    let limits = ServerLimits {
        connections: 1,
        ..ServerLimits::default()
    };
    let _server = Running::start_with(dir.path(), limits, echo);
    let mut first = connect(dir.path()).await;
    first.request(call("r"), Bytes::new()).await.unwrap();

    let mut second = connect(dir.path()).await;
    let (response, _) = second.request(call("r"), Bytes::new()).await.unwrap();
    assert_eq!(
        refusal(response),
        "1 programs are connected to this host: try again later"
    );

    drop(first);
    // The server learns of the end when its task runs, which is soon.
    loop {
        let (response, _) = connect(dir.path())
            .await
            .request(call("r"), Bytes::new())
            .await
            .unwrap();
        if response == reply("r") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_connection_only() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), |request, body| async {
        assert_ne!(request, call("bad"), "as the test wants it");
        echo(request, body).await
    });

    let bad = connect(dir.path())
        .await
        .request(call("bad"), Bytes::new())
        .await;
    let good = connect(dir.path())
        .await
        .request(call("good"), Bytes::new())
        .await;

    assert!(matches!(bad, Err(ClientError::Closed)), "{bad:?}");
    assert_eq!(good.unwrap().0, reply("good"));
}
