//! Which files serve, what is known of them without running them, and what a dead host left.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use agentsys_host::{PluginState, inspect};
use agentsys_loader::Mode;

use crate::harness::{Place, Setup, library, logged};

#[tokio::test]
async fn the_higher_version_serves_and_the_other_takes_over_when_that_is_removed() {
    let host = Setup::with(&["clash_1", "clash_2"]).start().await;
    assert_eq!(host.call("version", "").await.unwrap(), "2");
    let all = host.plugins();
    let [one, two] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(
        (one.state, one.version.as_deref()),
        (PluginState::Discovered, Some("1.0.0"))
    );
    assert_eq!(
        (two.state, two.version.as_deref()),
        (PluginState::Running, Some("2.0.0"))
    );
    assert_eq!(
        one.reason.as_deref(),
        Some(
            "clash 1.0.0 is not loaded: libclash_2.so holds clash 2.0.0; \
             it takes over when that file is removed"
        )
    );
    host.shutdown().await;

    fs::remove_file(two.path.as_ref().unwrap()).unwrap();
    let host = Setup::at(host.place.clone()).start().await;
    assert_eq!(host.call("version", "").await.unwrap(), "1");
    assert_eq!(host.plugins().len(), 1);
}

#[tokio::test]
async fn of_equal_versions_the_directory_named_first_serves() {
    let setup = Setup::with(&["echo"]);
    let second = setup.place.path().join("second");
    fs::create_dir(&second).unwrap();
    fs::copy(library("echo"), second.join("liba.so")).unwrap();
    let host = setup
        .tune(|builder| builder.plugin_dir(&second))
        .start()
        .await;
    let states: Vec<_> = host
        .plugins()
        .into_iter()
        .map(|plugin| (plugin.state, plugin.path))
        .collect();
    assert_eq!(
        states,
        [
            (
                PluginState::Running,
                Some(host.place.plugins().join("libecho.so"))
            ),
            (PluginState::Discovered, Some(second.join("liba.so"))),
        ]
    );
    host.assert_serves().await;
}

#[test]
fn a_file_tells_who_it_is_without_being_run() {
    let inspected = inspect(&library("misbehaves")).unwrap();
    let plugin = &inspected.metadata.plugin;
    assert_eq!(
        (plugin.name.as_str(), plugin.version.to_string()),
        ("misbehaves", "0.1.0".to_owned())
    );
    assert_eq!(plugin.license, "MIT OR Apache-2.0");
    assert_eq!(plugin.interface, agentsys_loader::INTERFACE);
    assert_eq!(plugin.sdk, agentsys_plugin::SDK_VERSION);
    assert!(plugin.rustc.starts_with("rustc 1."), "{}", plugin.rustc);
    assert!(!plugin.description.is_empty());
    let routes = &inspected.metadata.routes;
    let route = |name: &str| routes.iter().find(|route| route.name == name).unwrap();
    assert_eq!(route("panics").mode, Mode::Plain);
    assert_eq!(route("awaits").mode, Mode::Async);
    assert_eq!(route("until_cancelled").mode, Mode::Blocking);
    assert_eq!(
        route("panics").description,
        "Panics with the words that it was sent."
    );
}

#[test]
fn a_plugin_says_whether_it_has_a_process_of_its_own() {
    let capabilities = |name| {
        inspect(&library(name))
            .unwrap()
            .metadata
            .plugin
            .capabilities
    };
    assert_eq!(capabilities("typed"), ["process"]);
    assert!(capabilities("nests").is_empty());
}

#[tokio::test]
async fn the_host_opens_a_private_copy_and_removes_it_at_the_end() {
    let host = Setup::with(&["echo"]).start().await;
    let copies = host.place.copies();
    let [copy] = copies.as_slice() else {
        panic!("{copies:?}")
    };
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.contains(copy.to_str().unwrap()));
    assert!(
        !maps.contains(host.place.plugins().to_str().unwrap()),
        "the operator's file is not mapped"
    );
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(copy.parent().unwrap().to_owned()), 0o700);

    // So the operator may do with the file what they like.
    fs::write(
        host.place.plugins().join("libecho.so"),
        b"overwritten in place",
    )
    .unwrap();
    host.assert_serves().await;
    host.shutdown().await;
    assert!(
        !copy.exists(),
        "the copy is removed once its generation is closed"
    );
}

#[tokio::test]
async fn hosts_share_a_state_directory_without_disturbing_each_other() {
    let first = Setup::with(&["echo"]).start().await;
    let second = Setup::at(first.place.clone()).start().await;
    assert_eq!(first.place.copies().len(), 2);
    first.shutdown().await;
    second.assert_serves().await;
    assert_eq!(first.place.copies().len(), 1);
}

#[tokio::test]
async fn what_a_killed_host_left_is_removed_at_the_next_start() {
    let place = Place::new();
    place.add("echo");
    let left = place.state().join("generations").join("999999999-1");
    fs::create_dir_all(&left).unwrap();
    fs::copy(library("echo"), left.join("0123456789abcdef-1.so")).unwrap();
    let host = Setup::at(place).start().await;
    assert!(!left.exists());
    assert_eq!(host.place.copies().len(), 1);
    assert!(!logged("removed the private copies that a host that ended left behind").is_empty());
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_made_is_said() {
    let place = Place::new();
    fs::write(place.state(), b"a file").unwrap();
    let error = agentsys_host::Host::builder()
        .plugin_dir(place.plugins())
        .state_dir(place.state())
        .build()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the state directory cannot be used: "),
        "{text}"
    );
    assert!(
        text.ends_with("; name a state directory that the host may write to"),
        "{text}"
    );
}

#[tokio::test]
async fn routes_show_their_agents_descriptions_and_schemas() {
    let host = Setup::with(&["typed", "echo"]).start().await;
    let routes = host.routes();
    let total = routes.iter().find(|route| route.name == "total").unwrap();
    assert_eq!(total.description, "Adds an order up.");
    assert_eq!(total.agents.len(), 1);
    assert_eq!(total.agents[0].plugin.as_deref(), Some("typed"));
    let input = total.input_schema.as_ref().unwrap();
    assert_eq!(input["required"], serde_json::json!(["lines"]));
    let output = total.output_schema.as_ref().unwrap();
    assert_eq!(output["properties"]["total"]["type"], "integer");
    let task = routes.iter().find(|route| route.name == "task").unwrap();
    assert_eq!(
        (&task.input_schema, &task.output_schema),
        (&None, &None),
        "types without a schema have none"
    );
    assert_eq!(
        (total.timeout, total.max_concurrent, total.strategy.as_str()),
        (30.0, 10, "round_robin")
    );
}
