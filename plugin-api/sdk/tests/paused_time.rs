//! A test host on a clock that stands still: nobody waits for what a plugin waits for.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use agentsys_plugin::prelude::*;
use agentsys_plugin::testing::{TestHost, TestHostBuilder};
use tokio::time::Instant;

struct Sleeper;

#[plugin(name = "sleeper", version = "1.0.0")]
impl Plugin for Sleeper {
    type Config = NoConfig;

    async fn initialize(_: NoConfig, host: &Host) -> Result<Self> {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let ticking = host.clone();
        host.spawn(async move {
            let mut minutes = tokio::time::interval(MINUTE);
            loop {
                minutes.tick().await;
                ticking.metrics().counter("minutes").increment();
            }
        })?;
        Ok(Self)
    }
}

#[routes]
impl Sleeper {
    /// Sleeps for so many seconds.
    #[route("sleep")]
    async fn sleep(&self, seconds: u64) -> Result<String> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok("awake".to_owned())
    }

    /// Has another agent do its work.
    #[route("delegate")]
    async fn delegate(&self, cx: &Context) -> Result<Payload> {
        cx.route_task("sleep", 3600_u64).await
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn sleeper() -> TestHostBuilder {
    TestHost::of::<Sleeper>()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_sleeps_answers_at_once_and_its_time_has_passed() {
    let began = Instant::now();
    let host = sleeper().timeout(2 * HOUR).start().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 20);
    let answer: String = host.call("sleep", 3600_u64).await.unwrap().read().unwrap();
    assert_eq!(
        (answer.as_str(), began.elapsed().as_secs()),
        ("awake", 3620)
    );
    host.cleanup().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_timeout_comes_at_its_time() {
    let host = sleeper().start().await.unwrap();
    for route in ["sleep", "delegate"] {
        let began = Instant::now();
        let error = host.call(route, 3600_u64).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        // What `[router]` says unless told otherwise.
        assert_eq!(began.elapsed().as_secs(), 30);
    }
    host.cleanup().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn background_work_goes_on_in_the_same_time_and_ends_with_the_plugin() {
    let host = sleeper().start().await.unwrap();
    tokio::time::sleep(HOUR + Duration::from_secs(1)).await;
    assert_eq!(host.counter("minutes"), 61.0);
    host.cleanup().await.unwrap();
    tokio::time::sleep(HOUR).await;
    assert_eq!(host.counter("minutes"), 61.0);
}

#[tokio::test(start_paused = true)]
async fn many_sleep_at_the_same_time() {
    let host = sleeper().start().await.unwrap();
    let began = Instant::now();
    let sleeps = (0..10).map(|_| host.call("sleep", 29_u64));
    for answer in futures_util::future::join_all(sleeps).await {
        answer.unwrap();
    }
    assert_eq!(began.elapsed().as_secs(), 29);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_whose_clock_cannot_stand_still_is_refused() {
    let error = sleeper().start().await.unwrap_err();
    assert_eq!(
        error.message(),
        "a TestHost wants a current-thread runtime: #[tokio::test] as it is"
    );
}
