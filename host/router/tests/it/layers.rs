//! Layers of `tower` round every task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentsys_router::{ErrorKind, Interceptors, RoutePolicy, TaskRequest, TaskResponse};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;

use crate::interceptors::{Notes, lets_through, router, taken, with_policy};
use crate::{busy, held, loads, named, silent, text};

#[tokio::test(start_paused = true)]
async fn layers_of_tower_fit_too_and_keep_what_they_keep_for_all_tasks() {
    let notes = Notes::default();
    let list = Interceptors::new()
        .with(lets_through("log", &notes))
        .layer(&TimeoutLayer::new(Duration::from_secs(1)))
        .layer(&ConcurrencyLimitLayer::new(1))
        .with(lets_through("inner", &notes));
    let router = router(list);
    router.register_agent("r", named("a")).await.unwrap();
    assert_eq!(text(&router, "r").await, "a");
    assert_eq!(
        taken(&notes),
        [
            "log: before r",
            "inner: before r",
            "inner: a of a at 1",
            "log: a of a at 1"
        ]
    );

    let (agent, hold) = held("h");
    router.register_agent("held", agent).await.unwrap();
    let both = async { tokio::join!(router.route_task("held", ""), router.route_task("held", "")) };
    let (answers, ()) = tokio::join!(both, async {
        sleep(Duration::from_millis(10)).await;
        assert_eq!(hold.begun(), 1, "one at a time, on all routes");
        hold.release(2);
    });
    assert!(answers.0.is_ok() && answers.1.is_ok());

    router.register_agent("silent", silent("s")).await.unwrap();
    let start = Instant::now();
    let error = router.route_task("silent", "").await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 1);
    assert_eq!(
        (error.kind(), error.message()),
        (
            ErrorKind::Unavailable,
            "a layer round the task refused it: request timed out"
        )
    );
    assert_eq!(loads(&router, "silent"), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_can_answer_and_try_again_and_hands_the_agents_error_on() {
    let counted = Arc::new(AtomicUsize::new(0));
    let of_layer = counted.clone();
    let twice = tower::layer::layer_fn(move |service: agentsys_router::TaskService| {
        let counted = of_layer.clone();
        tower::service_fn(move |request: TaskRequest| {
            let (service, counted) = (service.clone(), counted.clone());
            async move {
                if request.task.route() == "cached" {
                    return Ok(TaskResponse::from("kept"));
                }
                let first = service.clone().oneshot(request.clone()).await;
                if first.is_ok() {
                    return first;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                service.oneshot(request).await
            }
        })
    });
    let policy = RoutePolicy::default().retry_count(0);
    let router = with_policy(Interceptors::new().layer(&twice), policy);
    router.register_agent("cached", silent("s")).await.unwrap();
    assert_eq!(text(&router, "cached").await, "kept");

    let (agent, calls) = busy("b");
    router.register_agent("r", agent).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(
        (error.message(), error.agent(), error.is_retryable()),
        ("busy", Some("b"), true)
    );
    assert_eq!(
        (calls.load(Ordering::SeqCst), counted.load(Ordering::SeqCst)),
        (2, 1)
    );
    let routes = router.metrics();
    let route = routes.iter().find(|route| route.route == "r").unwrap();
    assert_eq!((route.calls, route.errors["overloaded"]), (1, 1));
}
