//! A host, or a plugin, for the length of a closure: cleaned up however that ends.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use agentsys_host::{Host, HostBuilder, HostError, PluginOptions, PluginState};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;

use crate::harness::PATIENCE;
use crate::player::{Stage, bare, part, status, tell};

const WHOLE_LIFE: [&str; 3] = ["p initialized", "p cleaned up", "p dropped"];

fn with_p(stage: &Stage) -> HostBuilder {
    let builder = bare().linked(part("p", "1.0.0", &[]));
    builder.plugin_options("p", stage.plays())
}

/// A host with the library `p`, and no plugin of it that it runs.
async fn host_of_p() -> Host {
    let off = PluginOptions::default().enabled(false);
    let builder = bare().linked(part("p", "1.0.0", &[]));
    builder.plugin_options("p", off).build().await.unwrap()
}

#[tokio::test]
async fn a_host_is_shut_down_at_the_end_and_at_an_early_return() {
    for early in [false, true] {
        let stage = Stage::new();
        let answer = with_p(&stage).run(async |host| {
            if early {
                return Err("early");
            }
            Ok(tell(host, "p", "hi").await.unwrap())
        });
        let expected = if early {
            Err("early")
        } else {
            Ok("p says hi".to_owned())
        };
        assert_eq!(answer.await.unwrap(), expected);
        assert_eq!(stage.lines(), WHOLE_LIFE);
    }
}

#[tokio::test]
async fn a_host_is_shut_down_at_a_panic_which_then_goes_on() {
    let stage = Stage::new();
    let running = with_p(&stage).run(async |host| {
        tell(host, "p", "hi").await.unwrap();
        panic!("in the middle")
    });
    let panic = AssertUnwindSafe(running).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in the middle"));
    assert_eq!(stage.lines(), WHOLE_LIFE);
}

#[tokio::test]
async fn a_host_is_shut_down_also_where_the_closure_itself_panics_before_its_future_is_there() {
    let stage = Stage::new();
    let running = with_p(&stage).run(|_: &Host| -> std::future::Ready<()> { panic!("at once") });
    let panic = AssertUnwindSafe(running).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"at once"));
    assert_eq!(stage.lines(), WHOLE_LIFE);
}

#[tokio::test]
async fn a_host_is_shut_down_also_where_the_whole_is_given_up() {
    let stage = Stage::new();
    let (inside, is_inside) = tokio::sync::oneshot::channel();
    let running = with_p(&stage).run(async |_| {
        inside.send(()).unwrap();
        std::future::pending::<()>().await
    });
    tokio::select! {
        _ = running => unreachable!("it has no end"),
        entered = is_inside => entered.unwrap(),
    }
    stage.wait_for("p dropped").await;
    assert_eq!(stage.lines(), WHOLE_LIFE);
}

#[tokio::test]
async fn a_host_whose_building_is_given_up_leaves_nothing() {
    let stage = Stage::new();
    let builder = bare().linked(part("p", "1.0.0", &[]));
    let builder = builder.plugin_options("p", stage.acts(json!({ "waits_from": 1 })));
    tokio::select! {
        _ = builder.run(async |_| ()) => unreachable!("its plugin waits"),
        () = stage.wait_for("p waits") => {}
    }
    stage.open();
    stage.wait_for("p dropped").await;
}

#[tokio::test]
async fn a_plugin_is_cleaned_up_at_the_end_of_its_use_and_is_gone_then() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let options = stage.plays().library("p");
    let answer = host.with_plugin("mine", options, async |plugin| {
        assert_eq!(plugin.status().unwrap().state, PluginState::Running);
        let answer = plugin.process("hi").await.unwrap();
        answer.to_str().unwrap().to_owned()
    });
    assert_eq!(answer.await.unwrap(), "mine says hi");
    let life = ["mine initialized", "mine cleaned up", "mine dropped"];
    assert_eq!(stage.lines(), life);
    assert!(host.plugin("mine").is_err());
    assert!(host.routes().is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_is_cleaned_up_at_a_panic_which_then_goes_on() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let using = host.with_plugin("mine", stage.plays().library("p"), async |_| panic!("oh"));
    let panic = AssertUnwindSafe(using).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"oh"));
    assert_eq!(stage.count(" cleaned up"), 1);
    let using = |_: &agentsys_host::Plugin| -> std::future::Ready<()> { panic!("at once") };
    let using = host.with_plugin("mine", stage.plays().library("p"), using);
    AssertUnwindSafe(using).catch_unwind().await.unwrap_err();
    assert_eq!(stage.count(" cleaned up"), 2);
    host.shutdown().await;
}

/// Waits until the host knows no plugin of that name.
async fn gone(host: &Host, name: &str) {
    let look = async {
        while host.plugin(name).is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap();
}

#[tokio::test]
async fn a_plugin_whose_use_is_given_up_is_cleaned_up_without_it() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let using = host.with_plugin("mine", stage.plays().library("p"), async |_| {
        std::future::pending::<()>().await
    });
    tokio::select! {
        _ = using => unreachable!("it has no end"),
        () = stage.wait_for("mine initialized") => {}
    }
    gone(&host, "mine").await;
    assert_eq!(
        stage.lines(),
        ["mine initialized", "mine cleaned up", "mine dropped"]
    );
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_whose_use_is_given_up_while_it_starts_does_not_stay() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let options = stage.acts(json!({ "waits_from": 1 })).library("p");
    tokio::select! {
        _ = host.with_plugin("mine", options.clone(), async |_| ()) => unreachable!("it waits"),
        () = stage.wait_for("mine waits") => {}
    }
    // Its name is taken as long as it is there.
    let again = host
        .with_plugin("mine", options.clone(), async |_| ())
        .await;
    assert!(
        matches!(again, Err(HostError::NameTaken { .. })),
        "{again:?}"
    );
    stage.open();
    gone(&host, "mine").await;
    let life = [
        "mine waits",
        "mine initialized",
        "mine cleaned up",
        "mine dropped",
    ];
    assert_eq!(stage.lines(), life);
    assert!(host.routes().is_empty(), "{:?}", host.routes());
    host.with_plugin("mine", options, async |_| ())
        .await
        .unwrap();
    host.shutdown().await;
    assert_eq!(stage.count(" initialized"), stage.count(" dropped"));
}

#[tokio::test]
async fn a_plugin_that_is_not_wanted_any_more_and_fails_to_start_is_gone_too() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let options = stage
        .acts(json!({ "waits_from": 1, "fails": 9 }))
        .library("p");
    let options = options.restart_on_failure(9, Duration::from_millis(1));
    tokio::select! {
        _ = host.with_plugin("mine", options, async |_| ()) => unreachable!("it waits"),
        () = stage.wait_for("mine waits") => {}
    }
    stage.open();
    gone(&host, "mine").await;
    assert_eq!(stage.lines(), ["mine waits"]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_during_the_use_of_a_plugin_cleans_it_up_once() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let using = host.with_plugin("mine", stage.plays().library("p"), async |plugin| {
        host.shutdown().await;
        plugin.status().unwrap().state
    });
    assert_eq!(using.await.unwrap(), PluginState::Stopped);
    assert_eq!(
        stage.lines(),
        ["mine initialized", "mine cleaned up", "mine dropped"]
    );
    let late = host
        .with_plugin("late", stage.plays().library("p"), async |_| ())
        .await;
    assert!(
        matches!(late, Err(HostError::NotRunning { .. })),
        "{late:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_name_is_one_plugins_however_many_ask_for_it_at_once() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let tries = (0..32).map(|_| {
        let (host, options) = (host.clone(), stage.plays().library("p"));
        tokio::spawn(async move {
            host.with_plugin("mine", options, async |plugin| {
                plugin.process("hi").await.map(|_| ()).unwrap();
            })
            .await
        })
    });
    for tried in join_all(tries).await {
        match tried.unwrap() {
            Ok(()) | Err(HostError::NameTaken { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stage.count(" initialized"), stage.count(" cleaned up"));
    assert_eq!(stage.count(" initialized"), stage.count(" dropped"));
    assert!(host.routes().is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_used_says_why() {
    let (host, stage) = (host_of_p().await, Stage::new());
    let why = async |name: &str, options| {
        let used = host.with_plugin(name, options, async |_| ()).await;
        used.unwrap_err().to_string()
    };
    assert_eq!(
        why("p", stage.plays()).await,
        r#"there is a plugin "p" already: give this use of its library another name"#
    );
    assert_eq!(
        why("pp", stage.plays()).await,
        r#"plugin pp does not run: no plugin directory holds a library that calls itself "pp"; did you mean "p"?"#
    );
    assert_eq!(
        why("mine", stage.acts(json!({ "fails": 1 })).library("p")).await,
        "plugin mine does not run: `initialize` failed: no luck (1)"
    );
    assert_eq!(
        why("host", stage.plays().library("p")).await,
        r#"plugin host does not run: the name "host" is the host's own: give this use of the library another one"#
    );
    assert_eq!(host.plugins().len(), 1);
    assert_eq!(status(&host, "p").state, PluginState::Disabled);
    host.shutdown().await;
}
