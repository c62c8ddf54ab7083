//! A task finds its agent, and an error says where it came from.

use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;

use agentsys_router::{
    Agent, AgentInfo, ContentType, ErrorKind, Payload, Reply, RoutePolicy, Router, RouterConfig,
    Task, TaskError, agent_fn, agent_fn_sync, agent_fn_with,
};

use crate::{Answer, loads, named, router};

#[tokio::test]
async fn a_task_reaches_the_agent_of_its_route_with_its_data() {
    let router = router(RoutePolicy::default());
    let echo = agent_fn_sync("echo", "Repeats.", |_: &Task, data: Payload| Ok(data));
    router.register_agent("echo", Arc::new(echo)).await.unwrap();
    router
        .register_agent("other", named("other"))
        .await
        .unwrap();

    let sent = Payload::csv("a,b\n1,2\n");
    let answer = router.route_task("echo", sent.clone()).await.unwrap();
    assert_eq!(answer, sent);
    assert_eq!(answer.content_type(), &ContentType::CSV);
}

#[tokio::test]
async fn an_agent_sees_its_task() {
    let router = router(RoutePolicy::default());
    let agent = agent_fn_with("a", "", async |task: Task, _| {
        assert!(task.parent().is_none() && task.deadline().is_some());
        Ok(format!(
            "{} {:?} {} {}",
            task.route(),
            task.path(),
            task.hops(),
            task.id() > 0
        ))
    });
    router
        .register_agent("where", Arc::new(agent))
        .await
        .unwrap();

    let answer = router.route_task("where", "").await.unwrap();
    assert_eq!(answer.to_str().unwrap(), r#"where ["where"] 0 true"#);
}

#[tokio::test]
async fn a_mistyped_route_gets_a_suggestion() {
    let router = router(RoutePolicy::default());
    router
        .register_agent("analyze_data", named("a"))
        .await
        .unwrap();

    let error = router.route_task("analyse_data", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.message(),
        "no route is named \"analyse_data\"; did you mean \"analyze_data\"?"
    );
    assert_eq!((error.route(), error.agent()), (Some("analyse_data"), None));
}

#[tokio::test]
async fn an_agents_error_is_told_with_agent_and_route() {
    let router = router(RoutePolicy::default());
    let failing = || TaskError::new(ErrorKind::InvalidInput, "no table").with_cause("line 3");
    let now = agent_fn_sync("now", "", move |_: &Task, _| Err::<Payload, _>(failing()));
    let later = agent_fn(
        "later",
        "",
        move |_| async move { Err::<Payload, _>(failing()) },
    );
    router.register_agent("sync", Arc::new(now)).await.unwrap();
    router
        .register_agent("async", Arc::new(later))
        .await
        .unwrap();

    for (route, agent) in [("sync", "now"), ("async", "later")] {
        let error = router.route_task(route, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "no table");
        assert_eq!(error.source().unwrap().to_string(), "line 3");
        assert_eq!((error.route(), error.agent()), (Some(route), Some(agent)));
    }
}

#[tokio::test]
async fn an_error_keeps_the_place_it_came_from() {
    let router = router(RoutePolicy::default());
    let forwarding = agent_fn_sync("forwarding", "", |_: &Task, _| {
        Err::<Payload, _>(TaskError::new(ErrorKind::Failed, "deep").with_route("inner"))
    });
    router
        .register_agent("outer", Arc::new(forwarding))
        .await
        .unwrap();

    let error = router.route_task("outer", "").await.unwrap_err();
    assert_eq!((error.route(), error.agent()), (Some("inner"), None));
}

#[tokio::test]
async fn a_panic_becomes_an_error_and_the_agent_serves_on() {
    let router = router(RoutePolicy::default().max_concurrent(1));
    let in_call = agent_fn_sync("in_call", "", |_: &Task, data: Payload| {
        assert_eq!(data.to_str(), Ok("good"), "bad data");
        Ok(data)
    });
    let in_poll = agent_fn("in_poll", "", async |data: Payload| {
        tokio::task::yield_now().await;
        assert!(data.to_str() == Ok("good"), "bad data");
        Ok(data)
    });
    router
        .register_agent("call", Arc::new(in_call))
        .await
        .unwrap();
    router
        .register_agent("poll", Arc::new(in_poll))
        .await
        .unwrap();

    for route in ["call", "poll"] {
        let error = router.route_task(route, "bad").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(error.message().contains("bad data"), "{error}");
        assert_eq!(error.route(), Some(route));
        assert_eq!(loads(&router, route), [0]);
        assert!(router.route_task(route, "good").await.is_ok());
    }
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_panics_when_dropped_harms_nobody() {
    let router = router(RoutePolicy::default());
    let agent = agent_fn("a", "", |_| async {
        let _grenade = PanicsWhenDropped;
        std::future::pending::<Answer>().await
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();

    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(loads(&router, "r"), [0]);
}

#[tokio::test]
async fn an_agent_is_polled_once_for_each_wake() {
    let router = router(RoutePolicy::default());
    let agent = agent_fn("a", "", |_| async {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        Ok("done")
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();

    let mut call = router.route_task("r", "");
    assert!(crate::poll(&mut call).is_pending());
    assert!(crate::poll(&mut call).is_pending());
    assert!(crate::poll(&mut call).is_ready());
}

struct Late(AgentInfo);

impl Agent for Late {
    fn info(&self) -> &AgentInfo {
        &self.0
    }

    fn call(&self, _task: &Task, data: Payload) -> Reply {
        Reply::pending(async move { Ok(data) })
    }
}

#[test]
fn an_agent_that_answers_in_time_needs_no_runtime_and_one_that_waits_says_so() {
    let router = Router::new(RouterConfig::default());
    crate::registered(&router, "late", Arc::new(Late(AgentInfo::new("late", ""))));
    crate::registered(&router, "silent", crate::silent("silent"));
    router.start();

    let std::task::Poll::Ready(answer) = crate::poll(&mut router.route_task("late", "x")) else {
        panic!("not answered");
    };
    assert_eq!(answer.unwrap().to_str(), Ok("x"));
    let std::task::Poll::Ready(answer) = crate::poll(&mut router.route_task("silent", "x")) else {
        panic!("not refused");
    };
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn a_runtime_of_the_routers_own_keeps_time_for_callers_without_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let policy = RoutePolicy::default().timeout(std::time::Duration::from_millis(1));
    let config = RouterConfig::default()
        .default_policy(policy)
        .timers(runtime.handle().clone());
    let router = Router::new(config);
    crate::registered(&router, "silent", crate::silent("silent"));
    router.start();

    // A thread without a runtime waits, parked, for the timer's wake.
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut call = router.route_task("silent", "");
    let error = loop {
        match std::pin::Pin::new(&mut call).poll(&mut cx) {
            std::task::Poll::Ready(answer) => break answer.unwrap_err(),
            std::task::Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[test]
fn a_tasks_future_can_be_spawned() {
    fn assert_send<T: Send>(_: &T) {}
    let router = router(RoutePolicy::default());
    assert_send(&router.route_task("r", ""));
}
