//! What happens round an agent's and a router's life.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentFuture, AgentInfo, ErrorKind, Payload, Reply, RoutePolicy, Router, RouterConfig,
    RouterError, Task, TaskError, TaskOptions,
};
use tokio::time::{Instant, sleep};
use tower_service::Service;

use crate::{held, named, router, silent, text};

/// Notes what becomes of it.
struct Noting {
    info: AgentInfo,
    notes: Mutex<Vec<&'static str>>,
    fails_to: &'static str,
}

impl Noting {
    fn new(fails_to: &'static str) -> Arc<Self> {
        Arc::new(Self {
            info: AgentInfo::new("noting", ""),
            notes: Mutex::default(),
            fails_to,
        })
    }

    fn note(&self, what: &'static str) -> AgentFuture<'_> {
        Box::pin(async move {
            sleep(Duration::from_millis(5)).await;
            self.notes.lock().unwrap().push(what);
            if self.fails_to == "panic" {
                panic!("cannot {what}");
            }
            if self.fails_to == what {
                let error = TaskError::new(ErrorKind::Unavailable, "no database");
                return Err(error);
            }
            Ok(())
        })
    }

    fn notes(&self) -> Vec<&'static str> {
        self.notes.lock().unwrap().clone()
    }
}

impl Agent for Noting {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, _: &Task, _: Payload) -> Reply {
        self.notes.lock().unwrap().push("call");
        Reply::pending(async {
            sleep(Duration::from_millis(100)).await;
            Ok("done".into())
        })
    }

    fn initialize(&self) -> AgentFuture<'_> {
        self.note("initialize")
    }

    fn cleanup(&self) -> AgentFuture<'_> {
        self.note("cleanup")
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_initialized_before_its_first_task_and_cleans_up_after_its_last() {
    let router = router(RoutePolicy::default());
    let agent = Noting::new("");
    let id = router.register_agent("r", agent.clone()).await.unwrap();
    let start = Instant::now();
    let (answer, gone) = tokio::join!(router.route_task("r", ""), router.unregister_agent(id));
    assert_eq!(answer.unwrap().to_str(), Ok("done"));
    assert!(gone.unwrap());
    assert_eq!(start.elapsed().as_millis(), 105);
    assert_eq!(agent.notes(), ["initialize", "call", "cleanup"]);
    assert!(!router.unregister_agent(id).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_initialized_is_not_registered_and_says_why() {
    for (fails_to, cause) in [
        ("initialize", "no database"),
        ("panic", "it panicked: cannot initialize"),
    ] {
        let router = router(RoutePolicy::default());
        let error = router
            .register_agent("r", Noting::new(fails_to))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "agent \"noting\" could not be initialized"
        );
        assert_eq!(error.source().unwrap().to_string(), cause);
        assert!(router.routes().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_not_asked_where_its_route_has_no_name() {
    let router = router(RoutePolicy::default());
    let agent = Noting::new("");
    let error = router.register_agent("", agent.clone()).await.unwrap_err();
    assert!(matches!(error, RouterError::InvalidRouteName { .. }));
    assert!(agent.notes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_to_clean_up_is_gone_all_the_same() {
    let router = router(RoutePolicy::default());
    let id = router
        .register_agent("r", Noting::new("cleanup"))
        .await
        .unwrap();
    let error = router.unregister_agent(id).await.unwrap_err();
    assert!(matches!(error, RouterError::Cleanup { .. }), "{error}");
    assert!(router.routes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_leaves_has_its_routes_timeout_for_what_it_has_begun() {
    let router = router(RoutePolicy::default().timeout(Duration::from_secs(2)));
    let (agent, hold) = held("a");
    let id = router.register_agent("r", agent).await.unwrap();
    let long = TaskOptions::default();
    router.set_policy("r", RoutePolicy::default().timeout(Duration::from_secs(2)));
    let start = Instant::now();
    let call = router.route_task_with("r", "", long);
    let (answer, gone) = tokio::join!(call, router.unregister_agent(id));
    assert!(gone.unwrap());
    assert!(answer.is_err());
    assert_eq!((start.elapsed().as_millis(), hold.dropped()), (2000, 1));
}

#[tokio::test(start_paused = true)]
async fn a_router_runs_for_as_long_as_its_scope() {
    let router = Router::new(RouterConfig::default());
    router.register_agent("r", named("a")).await.unwrap();
    assert!(router.route_task("r", "").await.is_err());
    let answer = router
        .run(Duration::ZERO, async |router| text(router, "r").await)
        .await;
    assert_eq!(answer, "a");
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);

    let abandoned = router.run(Duration::from_secs(9), async |_| {
        std::future::pending::<()>().await
    });
    assert!(
        tokio::time::timeout(Duration::from_secs(1), abandoned)
            .await
            .is_err()
    );
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
}

#[tokio::test(start_paused = true)]
async fn a_scope_waits_at_its_end_for_tasks_that_others_have_under_way() {
    let router = Router::new(RouterConfig::default());
    router.register_agent("r", silent("s")).await.unwrap();
    let start = Instant::now();
    let task = router.clone();
    let task = async move { task.route_task("r", "").await };
    let (begin, begun) = tokio::sync::oneshot::channel();
    let other = tokio::spawn(async move {
        begun.await.unwrap();
        task.await
    });
    router
        .run(Duration::from_secs(3), async |_| {
            begin.send(()).unwrap();
            tokio::task::yield_now().await;
        })
        .await;
    assert_eq!(start.elapsed().as_secs(), 3);
    let error = other.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_route_is_a_tower_service() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", named("a")).await.unwrap();
    let mut service = router.service("r");
    assert_eq!(service.call("x").await.unwrap().to_str(), Ok("a"));

    let limited = tower::ServiceBuilder::new()
        .concurrency_limit(1)
        .timeout(Duration::from_secs(1))
        .service(router.service("silent"));
    router.register_agent("silent", silent("s")).await.unwrap();
    let start = Instant::now();
    let answer = tower::ServiceExt::<&str>::oneshot(limited, "x").await;
    assert!(answer.unwrap_err().is::<tower::timeout::error::Elapsed>());
    assert_eq!(start.elapsed().as_secs(), 1);
}
