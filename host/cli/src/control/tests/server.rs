//! Where the socket is, who owns the state directory, and how a host ends.

use std::{
    fs, os::unix::net::UnixListener as StdListener, path::PathBuf, sync::Arc, time::Duration,
};

use bytes::Bytes;
use tempfile::tempdir;
use tokio::{
    io::AsyncWriteExt,
    net::UnixStream,
    sync::{Notify, mpsc},
};

use super::{
    super::{
        address::ControlDirectory,
        frame::{FrameKind, MAGIC, read_frame},
        lock,
    },
    ClientError, ControlClient, ControlError, ControlServer, FrameLimits, Response, Running,
    ServerLimits, StateLock, call, connect, echo, refusal, reply,
};

#[tokio::test]
async fn a_path_longer_than_a_sockets_address_works() {
    let dir = tempdir().unwrap();
    let state_dir: PathBuf = [dir.path()]
        .into_iter()
        .map(PathBuf::from)
        .chain((0..5).map(|n| PathBuf::from(format!("{n}{}", "x".repeat(60)))))
        .collect();
    assert!(state_dir.as_os_str().len() > 300);
    let server = Running::start(&state_dir, echo);

    let answer = connect(&state_dir)
        .await
        .request(call("r"), Bytes::new())
        .await
        .unwrap();

    assert_eq!(answer.0, reply("r"));
    assert!(state_dir.join("control/control.sock").exists());
    drop(server.stop().await);
    assert_eq!(fs::read_dir(state_dir.join("control")).unwrap().count(), 0);
}

#[tokio::test]
async fn nobody_there_is_an_error_of_its_own() {
    let dir = tempdir().unwrap();
    let missing = dir.path().join("missing");

    let error = ControlClient::connect(&missing).await.unwrap_err();
    assert!(matches!(error, ClientError::NoHost { .. }));
    let shown = missing.display();
    assert_eq!(
        error.to_string(),
        format!("no host is running on {shown}: start one with `agentsys run --state-dir {shown}`")
    );

    drop(Running::start(dir.path(), echo).stop().await);
    let gone = ControlClient::connect(dir.path()).await;
    assert!(matches!(gone, Err(ClientError::NoHost { .. })), "{gone:?}");
}

#[tokio::test]
async fn what_a_killed_host_left_is_no_host_and_is_replaced() {
    let dir = tempdir().unwrap();
    drop(ControlServer::bind(dir.path()).unwrap());
    drop(StdListener::bind(dir.path().join("control/control.sock")).unwrap());
    fs::write(dir.path().join("control/host.lock"), "1\n").unwrap();

    let stale = ControlClient::connect(dir.path()).await;
    assert!(
        matches!(stale, Err(ClientError::NoHost { .. })),
        "{stale:?}"
    );

    let _server = Running::start(dir.path(), echo);
    let answer = connect(dir.path())
        .await
        .request(call("r"), Bytes::new())
        .await
        .unwrap();
    assert_eq!(answer.0, reply("r"));
}

#[tokio::test]
async fn a_second_host_is_refused_with_the_firsts_process_id() {
    let dir = tempdir().unwrap();
    let first = Running::start(dir.path(), echo);

    let error = ControlServer::bind(dir.path()).unwrap_err();
    assert!(matches!(error, ControlError::AlreadyRunning { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "a host (process {}) already runs on this state directory ({}): \
             stop it, or give another --state-dir",
            std::process::id(),
            dir.path().display()
        )
    );
    let answer = connect(dir.path())
        .await
        .request(call("r"), Bytes::new())
        .await
        .unwrap();
    assert_eq!(answer.0, reply("r"), "the first host is left alone");

    // Its socket is gone, its claim is not: the host may still be stopping plugins.
    let lock = first.stop().await;
    assert!(ControlServer::bind(dir.path()).is_err());
    drop(lock);
    assert!(ControlServer::bind(dir.path()).is_ok());
}

#[test]
fn a_lock_on_a_file_that_an_ending_host_removed_does_not_count() {
    let dir = tempdir().unwrap();
    let directory = Arc::new(ControlDirectory::create(dir.path()).unwrap());
    let ending = StateLock::acquire(&directory, dir.path()).unwrap();
    let opened_in_time = lock::open(&directory).unwrap();

    drop(ending);

    let held = StateLock::hold(&directory, dir.path(), opened_in_time).unwrap();
    assert!(held.is_none(), "the next host would lock another file");
    assert!(StateLock::acquire(&directory, dir.path()).is_ok());
}

#[tokio::test]
async fn a_program_that_comes_before_the_host_serves_waits_for_it() {
    let dir = tempdir().unwrap();
    let server = ControlServer::bind(dir.path()).unwrap();
    let mut early = connect(dir.path()).await;
    let (request, limits) = (call("r"), ServerLimits::default());

    // Larger than the socket takes by itself.
    let body = Bytes::from(vec![1; 1 << 20]);
    tokio::select! {
        biased;
        answer = early.request(request, body) => assert_eq!(answer.unwrap().0, reply("r")),
        served = async { server.serve(echo, limits, Default::default()).await } => {
            panic!("the server ended: {served:?}")
        }
    }
}

#[tokio::test]
async fn another_version_gets_an_answer_that_tells_it_ours() {
    let dir = tempdir().unwrap();
    let _server = Running::start(dir.path(), echo);
    let mut stream = UnixStream::connect(dir.path().join("control/control.sock"))
        .await
        .unwrap();

    stream.write_all(&MAGIC).await.unwrap();
    stream.write_all(&[0, 2]).await.unwrap();

    let limits = FrameLimits::default();
    let frame = read_frame(&mut stream, FrameKind::Response, &limits)
        .await
        .unwrap();
    let response: Response = serde_json::from_slice(&frame.header).unwrap();
    assert_eq!(
        refusal(response),
        "the calling program speaks control protocol 2, this host 1: \
         use the same version of agentsys for both"
    );
}

#[tokio::test]
async fn a_host_of_another_version_is_named() {
    let dir = tempdir().unwrap();
    drop(ControlServer::bind(dir.path()).unwrap());
    let socket = tokio::net::UnixListener::bind(dir.path().join("control/control.sock")).unwrap();
    let newer = async {
        let (mut stream, _) = socket.accept().await.unwrap();
        stream.write_all(&MAGIC).await.unwrap();
        stream.write_all(&[0, 2]).await.unwrap();
        stream
    };
    let asking = async {
        connect(dir.path())
            .await
            .request(call("r"), Bytes::new())
            .await
    };

    let (answer, _stream) = tokio::join!(asking, newer);

    assert_eq!(
        answer.unwrap_err().to_string(),
        "the running host speaks control protocol 2, this program 1: \
         use the same version of agentsys for both"
    );
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_the_shutdown() {
    let dir = tempdir().unwrap();
    let (began, mut seen) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = release.clone();
    let server = Running::start(dir.path(), move |request, body| {
        began.send(()).unwrap();
        let released = released.clone();
        async move {
            released.notified().await;
            echo(request, body).await
        }
    });
    let mut client = connect(dir.path()).await;
    let request = call("r");
    let asking = client.request(request, Bytes::new());
    let stopping = async {
        seen.recv().await.unwrap();
        server.shutdown.cancel();
        while dir.path().join("control/control.sock").exists() {
            tokio::task::yield_now().await;
        }
        release.notify_one();
    };

    let (answer, ()) = tokio::join!(asking, stopping);

    assert_eq!(answer.unwrap().0, reply("r"));
    drop(server.stop().await);
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up_after_the_drain() {
    let dir = tempdir().unwrap();
    let (began, mut seen) = mpsc::unbounded_channel();
    let limits = ServerLimits {
        drain: Duration::ZERO,
        ..ServerLimits::default()
    };
    let server = Running::start_with(dir.path(), limits, move |_, _| {
        began.send(()).unwrap();
        std::future::pending()
    });
    let mut client = connect(dir.path()).await;
    let request = call("endless");
    let stopping = async {
        seen.recv().await.unwrap();
        server.stop().await
    };

    let (answer, _lock) = tokio::join!(client.request(request, Bytes::new()), stopping);

    assert_eq!(
        refusal(answer.unwrap().0),
        "the host stopped before this task had ended"
    );
}
