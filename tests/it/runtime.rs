//! tokio in plugins: timers, tasks, sockets and `reqwest` work in async handlers, and background work ends with the plugin.

use std::sync::Arc;
use std::time::Duration;

use agentsys_host::agent_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{PATIENCE, Setup, TestHost, plugin_logs};

async fn host() -> TestHost {
    Setup::with(&["runs_tokio", "echo"]).start().await
}

#[tokio::test]
async fn timers_of_tokio_work() {
    let host = host().await;
    let slept: u64 = host.call("sleeps", "20").await.unwrap().parse().unwrap();
    assert!(slept >= 20, "{slept}");
    assert_eq!(host.call("times_out", "").await.unwrap(), "timed out");
}

#[tokio::test]
async fn tasks_of_tokio_work() {
    let host = host().await;
    assert_eq!(host.call("spawns", "100").await.unwrap(), "5050");
    assert_eq!(
        host.call("spawns_blocking", "").await.unwrap(),
        "plugin-tokio"
    );
}

#[tokio::test]
async fn sockets_of_tokio_work() {
    assert_eq!(host().await.call("dials", "hello").await.unwrap(), "HELLO");
}

#[test]
fn they_work_where_the_caller_has_no_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let host = runtime.block_on(host());
    drop(runtime);
    let router = host.router().clone();
    let answer = block_on_this_thread(async move { router.route_task("sleeps", "5").await });
    assert!(answer.unwrap().to_str().unwrap().parse::<u64>().unwrap() >= 5);
}

/// Polls a future on this thread, without any runtime.
fn block_on_this_thread<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker))
        {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

#[tokio::test]
async fn reqwest_fetches_a_page() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nhello there";
        stream.write_all(answer).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    let host = Setup::with(&["fetches"]).start().await;
    assert_eq!(
        host.call("fetch", format!("http://{address}/page"))
            .await
            .unwrap(),
        "hello there"
    );
    assert!(server.await.unwrap().starts_with("GET /page HTTP/1.1\r\n"));

    let error = host
        .call("fetch", format!("http://{address}/page"))
        .await
        .unwrap_err();
    assert!(
        error.causes().any(|cause| cause.contains("refused")),
        "{:?}",
        error.causes().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn background_work_goes_on_between_calls_and_ends_with_the_plugin() {
    let host = Setup::with(&["runs_tokio"])
        .journal("runs_tokio")
        .start()
        .await;
    let ticked = tokio::time::timeout(PATIENCE, host.call("ticks", "5"))
        .await
        .unwrap();
    assert!(ticked.unwrap().parse::<u32>().unwrap() >= 5);
    assert_eq!(host.place.journal().lines(), <[&str; 0]>::default());
    host.shutdown().await;
    assert_eq!(host.place.journal().lines(), ["background dropped"]);
}

#[tokio::test]
async fn a_panic_in_the_background_is_logged_and_stops_nothing() {
    let host = host().await;
    host.call("panics_in_the_background", "marker-of-the-background")
        .await
        .unwrap();
    let look = async {
        while plugin_logs("marker-of-the-background").is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap();
    assert_eq!(host.call("spawns", "3").await.unwrap(), "6");
    host.shutdown().await;
    assert_eq!(host.status("runs_tokio").reason, None);
}

#[tokio::test]
async fn a_handler_may_drop_the_hosts_answer_for_a_timer_of_its_own() {
    let host = host().await;
    let never = agent_fn("never", "Answers never.", |_| {
        std::future::pending::<Result<&str, _>>()
    });
    host.router()
        .register_agent("never", Arc::new(never))
        .await
        .unwrap();
    assert_eq!(host.call("races", "never").await.unwrap(), "the timer");
    assert_eq!(host.call("races", "echo").await.unwrap(), "hello");
    let never = host
        .routes()
        .into_iter()
        .find(|route| route.name == "never")
        .unwrap();
    assert_eq!(never.agents[0].in_flight, 0, "the host's side is cancelled");
}
