//! What stands before and after every task.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentInfo, ErrorKind, Fallback, Intercepting, Interceptor, Interceptors, Labels,
    Outcome, Payload, Reply, RoutePolicy, Router, RouterConfig, Task, TaskError, TaskOptions,
    Verdict, agent_fn, agent_fn_with,
};
use futures_util::stream;
use tokio::time::{Instant, sleep};

use crate::{begun, busy, held, loads, named, silent, text};

pub(crate) type Notes = Arc<Mutex<Vec<String>>>;
type Before = dyn Fn(&Task, &mut Payload) -> Result<Verdict, TaskError> + Send + Sync;

/// Notes what it sees, and does before a task what it is made with.
struct Spy {
    name: &'static str,
    notes: Notes,
    before: Box<Before>,
    after: fn(),
}

impl Interceptor for Spy {
    fn name(&self) -> &str {
        self.name
    }

    fn before<'a>(
        &'a self,
        task: &'a Task,
        data: &'a mut Payload,
    ) -> Intercepting<'a, Result<Verdict, TaskError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.note(format!("before {}", task.route()));
            (self.before)(task, data)
        })
    }

    fn after<'a>(&'a self, _: &'a Task, outcome: &'a Outcome<'a>) -> Intercepting<'a, ()> {
        Box::pin(async move {
            (self.after)();
            tokio::task::yield_now().await;
            let answer = match outcome.answer {
                Ok(Some(answer)) => answer.to_str().unwrap().to_owned(),
                Ok(None) => "items".to_owned(),
                Err(error) => format!("error {}", error.message()),
            };
            let (agent, attempts) = (outcome.agent.unwrap_or("nobody"), outcome.attempts);
            self.note(format!("{answer} of {agent} at {attempts}"));
        })
    }
}

impl Spy {
    fn note(&self, what: String) {
        self.notes
            .lock()
            .unwrap()
            .push(format!("{}: {what}", self.name));
    }
}

fn spy(
    name: &'static str,
    notes: &Notes,
    before: impl Fn(&Task, &mut Payload) -> Result<Verdict, TaskError> + Send + Sync + 'static,
) -> Spy {
    Spy {
        name,
        notes: notes.clone(),
        before: Box::new(before),
        after: || {},
    }
}

pub(crate) fn lets_through(name: &'static str, notes: &Notes) -> Arc<dyn Interceptor> {
    Arc::new(spy(name, notes, |_, _| Ok(Verdict::Continue)))
}

pub(crate) fn taken(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut notes.lock().unwrap())
}

pub(crate) fn router(interceptors: Interceptors) -> Router {
    with_policy(interceptors, RoutePolicy::default())
}

pub(crate) fn with_policy(interceptors: Interceptors, policy: RoutePolicy) -> Router {
    let config = RouterConfig::default().interceptors(interceptors);
    let router = Router::new(config.default_policy(policy));
    router.start();
    router
}

#[tokio::test(start_paused = true)]
async fn they_are_called_in_order_before_a_task_and_in_the_opposite_order_after_it() {
    let notes = Notes::default();
    let list = Interceptors::new().with(lets_through("one", &notes));
    let router = router(list.with(lets_through("two", &notes)));
    router.register_agent("r", named("a")).await.unwrap();
    assert_eq!(text(&router, "r").await, "a");
    assert_eq!(
        taken(&notes),
        [
            "one: before r",
            "two: before r",
            "two: a of a at 1",
            "one: a of a at 1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_is_intercepted_once_however_often_it_is_tried() {
    let notes = Notes::default();
    let router = router(Interceptors::new().with(lets_through("log", &notes)));
    let (agent, calls) = busy("busy");
    router.register_agent("r", agent).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!((error.message(), error.attempts()), ("busy", 4));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(
        taken(&notes),
        ["log: before r", "log: error busy of busy at 4"]
    );
    let metrics = &router.metrics()[0];
    assert_eq!(
        (metrics.calls, metrics.errors["overloaded"], metrics.retries),
        (1, 1, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn one_can_change_the_data_and_annotate_the_task() {
    let notes = Notes::default();
    let annotates = spy("annotates", &notes, |_, data| {
        *data = Payload::text(format!("{}!", data.to_str().unwrap()));
        Ok(Verdict::Annotate(Labels::new().with("user", "ada")))
    });
    let reads = spy("reads", &notes, |task, _| {
        assert_eq!(task.labels().get("user"), Some("ada"));
        assert_eq!(task.labels().get("zone"), Some("north"));
        Ok(Verdict::Continue)
    });
    let router = router(
        Interceptors::new()
            .with(Arc::new(annotates))
            .with(Arc::new(reads)),
    );
    let agent = agent_fn_with("a", "", async |task: Task, data: Payload| {
        let user = task.labels().get("user").unwrap_or("nobody").to_owned();
        Ok(format!(
            "{} {user} {:?}",
            data.to_str().unwrap(),
            task.key()
        ))
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let options = TaskOptions::default().label("zone", "north").key("k");
    let answer = router.route_task_with("r", "hi", options).await.unwrap();
    assert_eq!(answer.to_str(), Ok("hi! ada Some(b\"k\")"));
}

#[tokio::test(start_paused = true)]
async fn one_that_refuses_is_the_last_word_and_takes_no_place() {
    let notes = Notes::default();
    let refuses = spy("auth", &notes, |_, _| {
        Err(TaskError::new(ErrorKind::InvalidInput, "who are you?").retryable(true))
    });
    let list = Interceptors::new()
        .with(lets_through("log", &notes))
        .with(Arc::new(refuses));
    let policy = RoutePolicy::default()
        .max_concurrent(1)
        .fallback(Fallback::Answer("none".into()));
    let router = with_policy(list, policy);
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(
        (error.message(), error.route()),
        ("who are you?", Some("r"))
    );
    assert_eq!(hold.begun(), 0);
    assert_eq!(
        taken(&notes),
        [
            "log: before r",
            "auth: before r",
            "log: error who are you? of nobody at 0"
        ]
    );
    assert_eq!(router.metrics()[0].errors["invalid_input"], 1);
}

#[tokio::test(start_paused = true)]
async fn one_can_answer_itself() {
    let notes = Notes::default();
    let cache = spy("cache", &notes, |_, _| Ok(Verdict::Answer("kept".into())));
    let list = Interceptors::new()
        .with(lets_through("log", &notes))
        .with(Arc::new(cache));
    let router = router(list);
    router.register_agent("r", silent("s")).await.unwrap();
    assert_eq!(text(&router, "r").await, "kept");
    assert_eq!(
        taken(&notes),
        [
            "log: before r",
            "cache: before r",
            "log: kept of nobody at 0"
        ]
    );
    assert!(router.metrics()[0].errors.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_a_task_refuses_it_and_one_after_it_changes_nothing() {
    let notes = Notes::default();
    let before = spy("bad", &notes, |_, _| panic!("oh"));
    let refusing = router(Interceptors::new().with(Arc::new(before)));
    refusing.register_agent("r", named("a")).await.unwrap();
    let error = refusing.route_task("r", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Panicked, "interceptor \"bad\" panicked: oh")
    );

    let mut after = spy("bad", &notes, |_, _| Ok(Verdict::Continue));
    after.after = || panic!("oh");
    let router = router(Interceptors::new().with(Arc::new(after)));
    router.register_agent("r", named("a")).await.unwrap();
    assert_eq!(text(&router, "r").await, "a");
}

/// Takes its time before and after.
struct Slow(Duration, Duration);

impl Interceptor for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn before<'a>(
        &'a self,
        _: &'a Task,
        _: &'a mut Payload,
    ) -> Intercepting<'a, Result<Verdict, TaskError>> {
        Box::pin(async {
            sleep(self.0).await;
            Ok(Verdict::Continue)
        })
    }

    fn after<'a>(&'a self, _: &'a Task, _: &'a Outcome<'a>) -> Intercepting<'a, ()> {
        Box::pin(sleep(self.1))
    }
}

fn slow(before: u64, after: u64) -> Interceptors {
    let millis = Duration::from_millis;
    Interceptors::new().with(Arc::new(Slow(millis(before), millis(after))))
}

#[tokio::test(start_paused = true)]
async fn each_has_the_routes_timeout_before_a_task_and_after_it() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(500));
    for (list, kind, took) in [
        (slow(499, 499), None, 998),
        (slow(501, 0), Some(ErrorKind::Timeout), 500),
        (slow(0, 501), None, 500),
    ] {
        let router = with_policy(list, policy.clone());
        router.register_agent("r", named("a")).await.unwrap();
        let start = Instant::now();
        let error = router.route_task("r", "").await.err();
        assert_eq!(start.elapsed().as_millis(), took);
        assert_eq!(error.map(|error| error.kind()), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_they_take_is_not_the_attempts_but_the_deadlines() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(500));
    let router = with_policy(slow(400, 0), policy.clone());
    let agent = agent_fn("a", "", async |data: Payload| {
        sleep(Duration::from_millis(499)).await;
        Ok(data)
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    assert!(router.route_task("r", "").await.is_ok());

    router.set_policy("r", policy.deadline(Duration::from_millis(300)));
    let start = Instant::now();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), start.elapsed().as_millis()),
        (ErrorKind::Timeout, 300)
    );
    assert!(
        error.message().contains("while interceptors had it"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_them_and_cuts_them_off() {
    let started = router(slow(1000, 1000));
    started.register_agent("r", named("a")).await.unwrap();
    let start = Instant::now();
    let call = begun(&started, "r");
    let (answer, left) = tokio::join!(call, started.stop(Duration::from_secs(5)));
    assert_eq!((answer.is_ok(), left), (true, 0));
    assert_eq!(start.elapsed().as_millis(), 2000);

    let router = router(slow(9000, 0));
    router.register_agent("r", named("a")).await.unwrap();
    let call = begun(&router, "r");
    let (answer, left) = tokio::join!(call, router.stop(Duration::from_secs(1)));
    assert_eq!(
        (answer.unwrap_err().kind(), left),
        (ErrorKind::Cancelled, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_takes_all_of_it_along() {
    let router = router(slow(0, 0));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let mut call = begun(&router, "r");
    tokio::task::yield_now().await;
    let _ = crate::poll(&mut call);
    tokio::time::advance(Duration::from_millis(2)).await;
    let _ = crate::poll(&mut call);
    assert_eq!(loads(&router, "r"), [1]);
    drop(call);
    assert_eq!((loads(&router, "r"), hold.dropped()), (vec![0], 1));
    assert_eq!(router.metrics()[0].errors["cancelled"], 1);
    assert_eq!(router.stop(Duration::ZERO).await, 0);
}

#[tokio::test(start_paused = true)]
async fn ones_own_tasks_and_what_they_nest_are_left_out() {
    let notes = Notes::default();
    let list = Interceptors::new()
        .with(lets_through("p", &notes))
        .with(lets_through("q", &notes));
    let router = router(list);
    router.register_agent("inner", named("i")).await.unwrap();
    let nesting = router.clone();
    let agent = agent_fn_with("outer", "", move |task: Task, _: Payload| {
        let router = nesting.clone();
        async move {
            let options = TaskOptions::default().parent(task).sender("q");
            router.route_task_with("inner", "", options).await
        }
    });
    router
        .register_agent("outer", Arc::new(agent))
        .await
        .unwrap();
    let options = TaskOptions::default().sender("p");
    router.route_task_with("outer", "", options).await.unwrap();
    assert_eq!(taken(&notes), ["q: before outer", "q: i of outer at 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_streams_end_is_told_when_it_is_there() {
    struct Streams(AgentInfo, bool);
    impl Agent for Streams {
        fn info(&self) -> &AgentInfo {
            &self.0
        }
        fn call(&self, _: &Task, _: Payload) -> Reply {
            let last = if self.1 {
                Err(crate::busy_error())
            } else {
                Ok("2".into())
            };
            Reply::stream(stream::iter([Ok("1".into()), last]))
        }
    }
    let notes = Notes::default();
    let router = router(Interceptors::new().with(lets_through("log", &notes)));
    for (route, fails, told) in [
        ("well", false, "log: items of s at 1"),
        ("badly", true, "log: error busy of s at 1"),
    ] {
        let agent = Arc::new(Streams(AgentInfo::new("s", ""), fails));
        router.register_agent(route, agent).await.unwrap();
        let mut items = router.route_stream(route, "");
        assert!(items.next().await.unwrap().is_ok());
        assert_eq!(taken(&notes), [format!("log: before {route}")]);
        assert_eq!(items.next().await.unwrap().is_err(), fails);
        assert!(items.next().await.is_none());
        assert_eq!(taken(&notes), [told]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_can_change_while_the_router_runs() {
    let notes = Notes::default();
    let router = router(Interceptors::new());
    router.register_agent("r", named("a")).await.unwrap();
    text(&router, "r").await;
    router.set_interceptors(Interceptors::new().with(lets_through("log", &notes)));
    text(&router, "r").await;
    assert_eq!(taken(&notes).len(), 2);
    router.set_interceptors(Interceptors::new());
    text(&router, "r").await;
    assert!(taken(&notes).is_empty());
}

#[tokio::test(start_paused = true)]
async fn they_are_told_of_tasks_that_end_with_their_deadline_too() {
    let notes = Notes::default();
    let list = Interceptors::new().with(lets_through("outer", &notes));
    let router = router(list.with(lets_through("inner", &notes)));
    router.register_agent("r", silent("s")).await.unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let options = TaskOptions::default().deadline(deadline);
    let error = router.route_task_with("r", "", options).await.unwrap_err();
    assert_eq!(
        error.message(),
        "agent \"s\" on route \"r\" timed out after 50ms"
    );
    let told = format!("error {} of s at 1", error.message());
    assert_eq!(
        taken(&notes)[2..],
        [format!("inner: {told}"), format!("outer: {told}")]
    );
}
