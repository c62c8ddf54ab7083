//! A task for all agents of a route.

use std::sync::Arc;
use std::time::Duration;

use agentsys_router::{
    ErrorKind, Fallback, Payload, RoutePolicy, TaskOptions, agent_fn, agent_fn_with,
};
use tokio::time::{Instant, sleep};

use crate::{busy, busy_error, loads, named, router, silent};

/// Answers with its name after so many milliseconds.
fn after(name: &'static str, millis: u64) -> Arc<dyn agentsys_router::Agent> {
    Arc::new(agent_fn(name, "", move |_: Payload| async move {
        sleep(Duration::from_millis(millis)).await;
        if millis == 20 {
            return Err(busy_error().retryable(false));
        }
        Ok(Payload::from(name))
    }))
}

#[tokio::test(start_paused = true)]
async fn each_agent_gets_it_and_answers_come_as_they_are_there() {
    let router = router(RoutePolicy::default());
    for (name, millis) in [("slow", 30), ("fast", 10), ("fails", 20)] {
        router
            .register_agent("r", after(name, millis))
            .await
            .unwrap();
    }
    let start = Instant::now();
    let mut answers = router.broadcast("r", "x").unwrap();
    assert_eq!(answers.outstanding(), 3);
    for (name, millis) in [("fast", 10), ("fails", 20), ("slow", 30)] {
        let answer = answers.next().await.unwrap();
        assert_eq!(&*answer.name, name);
        assert_eq!(start.elapsed().as_millis(), millis);
        match answer.answer {
            Ok(answer) => assert_eq!(answer.to_str(), Ok(name)),
            Err(error) => assert_eq!((error.message(), error.agent()), ("busy", Some("fails"))),
        }
    }
    assert!(answers.next().await.is_none());
    assert_eq!(router.metrics()[0].calls, 3);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_tried_again_itself_and_no_other_answers_for_it() {
    let policy = RoutePolicy::default().fallback(Fallback::Answer("none".into()));
    let router = router(policy);
    let (agent, calls) = busy("busy");
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("fine")).await.unwrap();
    let answers = router.broadcast("r", "").unwrap().collect().await;
    let of = |name: &str| answers.iter().find(|answer| &*answer.name == name).unwrap();
    assert!(of("fine").answer.is_ok());
    let error = of("busy").answer.as_ref().unwrap_err();
    assert_eq!((error.message(), error.attempts()), ("busy", 4));
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_is_dropped_cancels_what_is_not_answered() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", named("fine")).await.unwrap();
    router.register_agent("r", silent("silent")).await.unwrap();
    let mut answers = router.broadcast("r", "").unwrap();
    assert_eq!(&*answers.next().await.unwrap().name, "fine");
    assert_eq!(loads(&router, "r"), [0, 1]);
    drop(answers);
    assert_eq!(loads(&router, "r"), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_left_before_its_turn_is_an_error_of_its_own() {
    let router = router(RoutePolicy::default());
    let id = router.register_agent("r", named("gone")).await.unwrap();
    router.register_agent("r", named("there")).await.unwrap();
    let answers = router.broadcast("r", "").unwrap();
    router.unregister_agent(id).await.unwrap();
    let answers = answers.collect().await;
    let gone = answers.iter().find(|answer| answer.agent == id).unwrap();
    let error = gone.answer.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.answer.is_ok())
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn options_hold_for_each_and_what_cannot_be_sent_is_said_at_once() {
    let router = router(RoutePolicy::default());
    let agent = agent_fn_with("a", "", async |task: agentsys_router::Task, _: Payload| {
        Ok(format!(
            "{:?} {}",
            task.labels().get("zone"),
            task.idempotent()
        ))
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let options = TaskOptions::default().label("zone", "north").idempotent();
    let answers = router
        .broadcast_with("r", "", options)
        .unwrap()
        .collect()
        .await;
    let answer = answers[0].answer.as_ref().unwrap();
    assert_eq!(answer.to_str(), Ok("Some(\"north\") true"));

    let error = router.broadcast("s", "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    router.halt();
    let error = router.broadcast("r", "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
}
