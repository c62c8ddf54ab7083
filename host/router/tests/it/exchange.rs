//! Agents that are replaced under traffic: what is under way goes on, waits, or is given up, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use agentsys_router::{Agent, ErrorKind, Payload, RoutePolicy, Task, TaskOptions, agent_fn_with};

use crate::{begun, held, named, poll, router, silent, text};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn tasks_under_way_finish_with_the_agent_that_was_replaced_and_later_ones_go_to_the_new() {
    let router = router(RoutePolicy::default());
    let (old, hold) = held("old");
    let old = router.register_agent("r", old).await.unwrap();
    let call = begun(&router, "r");
    let (_, leaving) = router
        .exchange(&[old], vec![("r".to_owned(), named("new"))])
        .unwrap();
    assert_eq!(text(&router, "r").await, "new");
    assert_eq!(leaving.under_way(), 1);
    assert_eq!(leaving.drained(Duration::from_secs(1)).await, 1);

    hold.release(1);
    let (answer, left) = tokio::join!(call, leaving.drained(LONG));
    assert_eq!(answer.unwrap().to_str().unwrap(), "old");
    assert_eq!(left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_cut_off_goes_to_the_new_agent_where_its_policy_allows_another_try() {
    let router = router(RoutePolicy::default().idempotent(true));
    let (old, hold) = held("old");
    let old = router.register_agent("r", old).await.unwrap();
    let call = begun(&router, "r");
    let (_, leaving) = router
        .exchange(&[old], vec![("r".to_owned(), named("new"))])
        .unwrap();
    let (answer, left) = tokio::join!(call, leaving.cut_off());
    assert_eq!(answer.unwrap().to_str().unwrap(), "new");
    assert_eq!((left, hold.dropped()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_cut_off_and_may_not_be_tried_again_is_told_that_it_might_be() {
    let router = router(RoutePolicy::default());
    let old = router.register_agent("r", silent("old")).await.unwrap();
    let call = begun(&router, "r");
    let (_, leaving) = router.exchange(&[old], Vec::new()).unwrap();
    let (answer, left) = tokio::join!(call, leaving.cut_off());
    let error = answer.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable(), left),
        (ErrorKind::Cancelled, true, 0)
    );
    assert!(
        error
            .to_string()
            .contains("\"old\" on route \"r\" was replaced"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn tasks_for_an_agent_that_is_held_wait_until_it_is_released() {
    let router = router(RoutePolicy::default());
    let id = router.register_agent("r", named("only")).await.unwrap();
    let hold = router.hold(&[id]);
    let mut call = begun(&router, "r");
    tokio::task::yield_now().await;
    assert!(poll(&mut call).is_pending());
    drop(hold);
    assert_eq!(call.await.unwrap().to_str().unwrap(), "only");
}

#[tokio::test(start_paused = true)]
async fn tasks_for_an_agent_that_is_held_go_to_the_one_that_takes_its_place() {
    let router = router(RoutePolicy::default());
    let id = router.register_agent("r", named("old")).await.unwrap();
    let hold = router.hold(&[id]);
    assert_eq!(hold.drained(LONG).await, 0);
    let call = begun(&router, "r");
    router
        .replace_agents(&[id], vec![("r".to_owned(), named("new"))])
        .unwrap();
    drop(hold);
    assert_eq!(call.await.unwrap().to_str().unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn tasks_for_an_agent_that_is_held_go_to_another_of_its_route() {
    let router = router(RoutePolicy::default());
    let id = router.register_agent("r", named("held")).await.unwrap();
    router.register_agent("r", named("free")).await.unwrap();
    let _hold = router.hold(&[id]);
    for _ in 0..4 {
        assert_eq!(text(&router, "r").await, "free");
    }
}

/// Nests a task in its own once it is told to.
fn nesting(router: &agentsys_router::Router) -> (Arc<dyn Agent>, Arc<tokio::sync::Notify>) {
    let go = Arc::new(tokio::sync::Notify::new());
    let (router, told) = (router.clone(), Arc::clone(&go));
    let agent = agent_fn_with("outer", "", move |task: Task, data: Payload| {
        let (router, told) = (router.clone(), Arc::clone(&told));
        async move {
            told.notified().await;
            let options = TaskOptions::default().parent(task);
            router.route_task_with("inner", data, options).await
        }
    });
    (Arc::new(agent), go)
}

#[tokio::test(start_paused = true)]
async fn what_a_task_nests_that_was_begun_before_the_hold_goes_to_the_agent_that_is_held() {
    let router = router(RoutePolicy::default());
    let (outer, go) = nesting(&router);
    let outer = router.register_agent("outer", outer).await.unwrap();
    let inner = router
        .register_agent("inner", named("inner"))
        .await
        .unwrap();
    let call = begun(&router, "outer");
    let hold = router.hold(&[outer, inner]);
    let mut other = begun(&router, "inner");
    go.notify_one();
    let (answer, left) = tokio::join!(call, hold.drained(LONG));
    assert_eq!(answer.unwrap().to_str().unwrap(), "inner");
    assert_eq!(left, 0);
    assert!(poll(&mut other).is_pending(), "it came after the hold");
}

#[tokio::test(start_paused = true)]
async fn once_it_is_drained_a_held_agent_begins_nested_tasks_no_more() {
    let router = router(RoutePolicy::default());
    let (outer, go) = nesting(&router);
    router.register_agent("outer", outer).await.unwrap();
    let inner = router.register_agent("inner", named("old")).await.unwrap();
    let call = begun(&router, "outer");
    let hold = router.hold(&[inner]);
    assert_eq!(hold.drained(LONG).await, 0);
    go.notify_one();
    let mut call = call;
    tokio::task::yield_now().await;
    assert!(poll(&mut call).is_pending());
    router
        .replace_agents(&[inner], vec![("inner".to_owned(), named("new"))])
        .unwrap();
    drop(hold);
    assert_eq!(call.await.unwrap().to_str().unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_tasks_were_cut_off_in_a_hold_takes_tasks_again_after_it() {
    let router = router(RoutePolicy::default().retry_count(0));
    let (agent, waits) = held("only");
    let id = router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    let hold = router.hold(&[id]);
    let (answer, left) = tokio::join!(call, hold.cut_off());
    assert_eq!(
        (answer.unwrap_err().kind(), left),
        (ErrorKind::Cancelled, 0)
    );
    drop(hold);
    waits.release(1);
    assert_eq!(text(&router, "r").await, "only");
    assert_eq!(waits.begun.load(Ordering::SeqCst), 2);
}
