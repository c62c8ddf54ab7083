//! What crosses the seam meets the router: streams, options, broadcasts, strategies and interceptors of plugins, in a host.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_host::config::Sources;
use agentsys_host::{
    Agent, ErrorKind, Payload, PayloadStream, PluginMetrics, PluginOptions, PluginState,
    RoutePolicy, Task, TaskError, TaskOptions, TaskStream, agent_fn, agent_fn_with,
};
use futures_util::stream;

use crate::harness::{Setup, TestHost};

async fn read(mut items: TaskStream) -> (Vec<String>, Option<TaskError>) {
    let mut texts = Vec::new();
    while let Some(item) = items.next().await {
        match item {
            Ok(item) => texts.push(item.to_str().unwrap().to_owned()),
            Err(error) => return (texts, Some(error)),
        }
    }
    (texts, None)
}

fn failures(plugin: &PluginMetrics) -> u64 {
    plugin.calls.errors.values().sum()
}

#[tokio::test]
async fn a_plugins_items_come_one_by_one_and_count_as_one_call() {
    let host = Setup::with(&["streams"]).start().await;
    let (texts, error) = read(host.router().route_stream("count", "3")).await;
    assert_eq!(texts, ["count 1", "count 2", "count 3"]);
    assert!(error.is_none());
    let plugin = host.metrics().plugin("streams").unwrap().clone();
    assert_eq!((plugin.calls.calls, failures(&plugin)), (1, 0));

    let (texts, error) = read(host.router().route_stream("panics_midway", "\"x\"")).await;
    assert_eq!(texts, ["1"]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Panicked);
    let plugin = host.metrics().plugin("streams").unwrap().clone();
    assert_eq!((plugin.calls.calls, failures(&plugin)), (2, 1));
    // A fresh instance takes the place of the one that panicked.
    let (texts, _) = read(host.router().route_stream("count", "1")).await;
    assert_eq!(texts.len(), 1);
    host.shutdown().await;
}

#[tokio::test]
async fn a_reader_that_goes_away_cancels_the_handler_and_lets_the_library_go() {
    let host = Setup::with(&["streams"]).journal("streams").start().await;
    let mut items = host.router().route_stream("endless", "");
    for number in 0..3 {
        let item = items.next().await.unwrap().unwrap();
        assert_eq!(item.to_str().unwrap(), number.to_string());
    }
    drop(items);
    assert_eq!(host.place.journal().lines(), ["endless dropped"]);
    host.disable("streams").await.unwrap();
    host.until("the library is unloaded", |host| {
        host.status("streams").history[0].end.as_deref() == Some("unloaded")
    })
    .await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_stream_holds_its_generation_through_a_replacement_until_it_is_cut_off() {
    let host = Setup::with(&["streams"])
        .journal("streams")
        .tune(|builder| builder.drain_timeout(Duration::from_millis(50)))
        .start()
        .await;
    let mut items = host.router().route_stream("endless", "");
    assert!(items.next().await.unwrap().is_ok());
    let (reloaded, (_, error)) = tokio::join!(host.reload("streams"), async {
        host.until("the next generation serves", |host| {
            host.status("streams").generation == Some(2)
        })
        .await;
        let mut count = 0;
        loop {
            match items.next().await {
                Some(Ok(_)) => count += 1,
                Some(Err(error)) => break (count, Some(error)),
                None => break (count, None),
            }
            tokio::task::yield_now().await;
        }
    });
    reloaded.unwrap();
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.message().contains("was replaced"), "{error}");
    drop(items);
    let (texts, _) = read(host.router().route_stream("count", "1")).await;
    assert_eq!(texts.len(), 1);
    host.shutdown().await;
}

#[tokio::test]
async fn a_lazy_plugin_streams_from_its_first_call_on() {
    let lazy = PluginOptions::default().lazy(true);
    let host = Setup::with(&["streams"])
        .plugin("streams", lazy)
        .start()
        .await;
    let (texts, error) = read(host.router().route_stream("count", "2")).await;
    assert_eq!((texts.len(), error.is_none()), (2, true));
    host.shutdown().await;

    let lazy = PluginOptions::default().lazy(true);
    let host = Setup::with(&["streams"])
        .plugin("streams", lazy)
        .start()
        .await;
    let error = host.call("count", "2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = host.call("count", "2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    host.shutdown().await;
}

#[tokio::test]
async fn an_embedders_items_come_to_a_plugin_and_back() {
    let host = Setup::with(&["streams"]).start().await;
    let numbers = |failing: bool| {
        let error = TaskError::new(ErrorKind::Failed, "no more");
        let last = if failing { Err(error) } else { Ok("3".into()) };
        Some(Box::pin(stream::iter([Ok("1".into()), Ok("2".into()), last])) as PayloadStream)
    };
    let router = host.router();
    let none = TaskOptions::default;
    let sums = router.route_stream_with("running_sums", "", none(), numbers(false));
    assert_eq!(read(sums).await.0, ["1", "3", "6"]);
    let sum = router.route_stream_with("sum", "", none(), numbers(false));
    assert_eq!(read(sum).await.0, ["6"]);
    let (texts, error) =
        read(router.route_stream_with("running_sums", "", none(), numbers(true))).await;
    assert_eq!(
        (texts, error.unwrap().to_string()),
        (vec!["1".to_owned(), "3".to_owned()], "an item".to_owned())
    );
    host.shutdown().await;
}

/// Answers with what its task came with.
pub(crate) fn telling() -> impl Agent {
    agent_fn_with("agent", "Tells.", async |task: Task, data: Payload| {
        let left = task
            .deadline()
            .map(|deadline| deadline - tokio::time::Instant::now());
        let labels: Vec<String> = task
            .labels()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok(format!(
            "{} {:?} {} {labels:?} {} {:?} nested in {:?}",
            data.to_str().unwrap(),
            task.key(),
            task.idempotent(),
            left.is_some(),
            task.sender(),
            task.parent().map(|parent| parent.route().to_owned()),
        ))
    })
}

#[tokio::test]
async fn a_plugins_tasks_come_with_their_options() {
    let host = Setup::with(&["sends"])
        .tune(|builder| builder.agent("there", telling()))
        .start()
        .await;
    for route in ["routes", "sends"] {
        let answer = host.call(route, "\"hi\"").await.unwrap();
        assert_eq!(
            answer,
            format!(
                "\"hi\" Some(b\"customer-7\") true [\"of=tests\", \"zone=a\"] true None nested in Some(\"{route}\")"
            )
        );
    }
    let (texts, error) = read(host.router().route_stream("streams", "\"hi\"")).await;
    assert!(
        error.is_none() && texts[0].ends_with("nested in Some(\"streams\")"),
        "{texts:?}"
    );

    let options = TaskOptions::default()
        .key("k")
        .label("zone", "north")
        .trace(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .unwrap(),
        );
    for route in ["task", "task_later"] {
        let answer = host
            .router()
            .route_task_with(route, "", options.clone())
            .await
            .unwrap();
        let said: Vec<String> = serde_json::from_slice(answer.bytes()).unwrap();
        assert_eq!(said[..2], [r#"Some("k")"#, r#"Some("north")"#]);
        assert!(
            said[2].starts_with("Some(\"00-0af7651916cd43dd8448eb211c80319c-"),
            "{said:?}"
        );
        assert_eq!(said[3..], ["zone=north"]);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_hears_all_agents_of_a_route() {
    let fails = agent_fn("bad", "", async |_: Payload| {
        Err::<Payload, _>(TaskError::new(ErrorKind::NotFound, "nothing here"))
    });
    let good = agent_fn("good", "", async |data: Payload| Ok(data));
    let host = Setup::with(&["sends"])
        .tune(|builder| builder.agent("there", good).agent("there", fails))
        .start()
        .await;
    let answer = host.call("broadcasts", "\"hi\"").await.unwrap();
    let mut heard: Vec<String> = serde_json::from_str(&answer).unwrap();
    heard
        .iter_mut()
        .for_each(|line| *line = line.split_once(' ').unwrap().1.to_owned());
    heard.sort();
    assert_eq!(heard, ["bad NotFound: nothing here", "good \"hi\""]);
    host.shutdown().await;
}

pub(crate) fn text(config: &str) -> Sources {
    Sources::new().text("agentsys.toml", format!("host.plugin_dirs = []\n{config}"))
}

/// A host whose route `r` has agents `a`, `b` and `c`, chosen by `selects`.
async fn selecting() -> TestHost {
    let named = |name: &'static str| agent_fn(name, "", move |_: Payload| async move { Ok(name) });
    Setup::with(&["selects"])
        .tune(|builder| {
            builder
                .config_from(text(r#"router.routes.r.strategy = "plugin:selects""#))
                .agent("r", named("a"))
                .agent("r", named("b"))
                .agent("r", named("c"))
        })
        .start()
        .await
}

async fn selected(host: &TestHost, how: &'static str, key: &'static str) -> String {
    let options = TaskOptions::default().label("how", how).key(key);
    let answer = host.router().route_task_with("r", "", options).await;
    answer.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_plugin_chooses_who_does_a_task_and_agents_take_turns_where_it_cannot() {
    let host = selecting().await;
    for name in ["c", "a", "b", "b"] {
        assert_eq!(selected(&host, "key", name).await, name);
    }
    let strategy = host.router().policy("r").unwrap().strategy;
    assert_eq!(
        (strategy.as_str(), strategy.fallbacks()),
        ("plugin:selects", 0)
    );
    for (fallbacks, how) in (1..).zip(["fails", "beyond", "panics", "later_fails", "later_nobody"])
    {
        assert!(
            ["a", "b", "c"].contains(&&*selected(&host, how, "").await),
            "{how}"
        );
        assert_eq!(strategy.fallbacks(), fallbacks, "{how}");
    }
    // The one that panicked is replaced by a fresh instance.
    host.until("a fresh instance chooses", |_| strategy.fallbacks() > 0)
        .await;
    host.until("it is there", |host| {
        host.status("selects").state == PluginState::Running
    })
    .await;
    assert_eq!(selected(&host, "key", "c").await, "c");

    host.disable("selects").await.unwrap();
    let before = strategy.fallbacks();
    selected(&host, "key", "c").await;
    assert_eq!(strategy.fallbacks(), before + 1);
    host.enable("selects").await.unwrap();
    assert_eq!(selected(&host, "key", "c").await, "c");
    host.reload("selects").await.unwrap();
    assert_eq!(selected(&host, "key", "a").await, "a");
    host.shutdown().await;
}

#[tokio::test]
async fn a_programs_agents_begin_with_the_host_and_clean_up_at_its_end() {
    use agentsys_host::{AgentFuture, AgentInfo, Reply};
    struct Begins(AgentInfo, Arc<Mutex<Vec<&'static str>>>);
    impl Agent for Begins {
        fn info(&self) -> &AgentInfo {
            &self.0
        }
        fn call(&self, _: &Task, data: Payload) -> Reply {
            Reply::Ready(Ok(data))
        }
        fn initialize(&self) -> AgentFuture<'_> {
            self.1.lock().unwrap().push("begins");
            Box::pin(async { Ok(()) })
        }
        fn cleanup(&self) -> AgentFuture<'_> {
            self.1.lock().unwrap().push("ends");
            Box::pin(async { Ok(()) })
        }
    }
    let notes = Arc::new(Mutex::new(Vec::new()));
    let agent = Begins(AgentInfo::new("begins", ""), notes.clone());
    let host = Setup::with(&[])
        .tune(|builder| {
            builder
                .agent("r", agent)
                .default_policy(RoutePolicy::default())
        })
        .start()
        .await;
    assert_eq!(*notes.lock().unwrap(), ["begins"]);
    host.call("r", "").await.unwrap();
    host.shutdown().await;
    assert_eq!(*notes.lock().unwrap(), ["begins", "ends"]);
}
