//! Plugins that are linked into the program: through the same seam, with the same checks, in place of a file.

use std::panic::Location;

use agentsys_host::{ErrorKind, Host, Linked, LinkedPlugin, PluginState, TaskOptions};
use agentsys_plugin::prelude::{Error, NoConfig, Plugin, Result, plugin, routes};
use futures_util::future::join_all;

use crate::harness::{Place, Setup};
use crate::player::{Player, Stage, bare, part, status, tell};

/// A plugin with a handler of each kind.
struct Handy;

#[plugin(name = "handy", version = "0.3.1", blocking_threads = 2)]
impl Plugin for Handy {
    type Config = NoConfig;

    async fn initialize(_: NoConfig, _: &agentsys_plugin::Host) -> Result<Self> {
        Ok(Self)
    }
}

#[routes]
impl Handy {
    /// Twice a number.
    #[route("handy_plain")]
    fn plain(&self, number: u32) -> Result<u32> {
        Ok(number * 2)
    }

    /// Twice a number, later.
    #[route("handy_async")]
    async fn later(&self, number: u32) -> Result<u32> {
        tokio::task::yield_now().await;
        Ok(number * 2)
    }

    /// Twice a number, on a thread that may block.
    #[route("handy_blocking", blocking)]
    fn blocking(&self, number: u32) -> Result<u32> {
        Ok(number * 2)
    }

    /// Fails with a cause.
    #[route("handy_fails")]
    fn fails(&self) -> Result<()> {
        Err(Error::failed("the disk is full").context("cannot write"))
    }
}

async fn handy() -> Host {
    bare().plugin::<Handy>().build().await.unwrap()
}

#[tokio::test]
async fn handlers_of_each_kind_answer() {
    let host = handy().await;
    for route in ["handy_plain", "handy_async", "handy_blocking"] {
        let answer = host.router().route_task(route, "21").await.unwrap();
        assert_eq!(answer.to_str().unwrap(), "42", "{route}");
        let apart = host.route_apart(route, "4".into(), TaskOptions::default());
        assert_eq!(apart.await.unwrap().to_str().unwrap(), "8", "{route}");
        let error = host.router().route_task(route, "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{route}");
    }
    let error = host
        .router()
        .route_task("handy_fails", "")
        .await
        .unwrap_err();
    assert_eq!(error.message(), "cannot write");
    assert_eq!(error.causes().collect::<Vec<_>>(), ["the disk is full"]);
    host.shutdown().await;
}

#[tokio::test]
async fn it_says_of_itself_what_its_file_would_say() {
    let host = handy().await;
    let status = status(&host, "handy");
    assert_eq!(status.version.as_deref(), Some("0.3.1"));
    assert_eq!(
        (status.path, status.library.as_deref()),
        (None, Some("handy"))
    );
    let routes = [
        "handy_plain",
        "handy_async",
        "handy_blocking",
        "handy_fails",
    ];
    assert_eq!(status.routes, routes);
    let described = host
        .routes()
        .into_iter()
        .find(|route| route.name == "handy_plain");
    let described = described.unwrap();
    assert_eq!(described.description, "Twice a number.");
    assert_eq!(described.input_schema.unwrap()["type"], "integer");
    host.shutdown().await;
}

#[tokio::test]
async fn a_panic_is_an_error_with_its_place_and_a_fresh_instance_takes_over() {
    let stage = Stage::new();
    let builder = bare().linked(part("p", "1.0.0", &[]));
    let builder = builder.plugin_options("p", stage.plays().retry_count(0));
    let host = builder.build().await.unwrap();
    let error = host
        .plugin("p")
        .unwrap()
        .process("panic")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    let (message, file) = (error.message(), Location::caller().file());
    let place = file.replace("linked.rs", "player.rs");
    assert!(
        message.starts_with(&format!("`process` panicked at {place}:")),
        "{message}"
    );
    assert!(message.ends_with(": p forgot its lines"), "{message}");
    assert_eq!(tell(&host, "p", "hi").await.unwrap(), "p says hi");
    host.shutdown().await;
    stage.all_dropped().await;
    assert_eq!(stage.count(" initialized"), 2);
}

#[tokio::test]
async fn a_linked_plugin_stands_in_for_a_file_of_its_name() {
    let stage = Stage::new();
    let host = Setup::with(&["echo", "steps"])
        .journal("steps")
        .tune(|builder| builder.linked(part("echo", "9.0.0", &["steps"])))
        .plugin("echo", stage.plays())
        .start()
        .await;
    assert_eq!(host.status("echo").version.as_deref(), Some("9.0.0"));
    assert_eq!(tell(&host, "echo", "hi").await.unwrap(), "echo says hi");
    host.shutdown().await;
    // It needs one that is in a file, which stops after it.
    let lines = host.place.journal().lines();
    assert_eq!(
        lines,
        ["steps initialized", "steps cleaned up", "steps dropped"]
    );
}

#[tokio::test]
async fn records_that_do_not_fit_the_module_are_refused_when_it_is_opened() {
    let plugin = Handy::records()[0];
    let linked = Linked::new(&[plugin], Player::module()).unwrap();
    let host = bare().linked(linked).build().await.unwrap();
    let status = status(&host, "handy");
    assert_eq!(status.state, PluginState::Failed);
    let reason = status.reason.unwrap();
    assert!(
        reason.starts_with("(linked into the program): "),
        "{reason}"
    );
    host.shutdown().await;
    assert!(Linked::new(&[], Player::module()).is_err());
}

#[tokio::test]
async fn instances_and_names_of_one_linked_plugin_do_not_know_of_each_other() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("p", "1.0.0", &[]))
        .plugin_options("p", stage.plays().instances(3))
        .plugin_options("q", stage.plays().library("p"))
        .build()
        .await
        .unwrap();
    let calls = (0..30).map(|at| {
        let text = if at % 10 == 0 { "panic" } else { "hi" };
        tell(&host, if at % 2 == 0 { "p" } else { "q" }, text)
    });
    let answers = join_all(calls).await;
    let said = |text: &str| {
        answers
            .iter()
            .filter(|answer| answer.as_deref() == Ok(text))
            .count()
    };
    assert_eq!((said("p says hi"), said("q says hi")), (12, 15));
    host.shutdown().await;
    stage.all_dropped().await;
    // Of the others one may have come when nobody wanted it any more, and was dropped at once.
    assert_eq!(stage.count("q cleaned up"), 1);
}

#[tokio::test]
async fn a_linked_plugin_needs_no_state_directory() {
    let place = Place::new();
    let builder = bare().state_dir(place.state()).plugin::<Handy>();
    builder.run(async |_| ()).await.unwrap();
    assert!(!place.state().exists());
}
