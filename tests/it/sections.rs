//! What a plugin's section of the config does: which library it uses, whether it runs, and what holds for its routes.

use std::time::Duration;

use agentsys_host::storage::StorageConfig;
use agentsys_host::{ErrorKind, Host, HostBuilder, PluginState, agent_fn};
use agentsys_plugin::prelude::{NoConfig, Payload, Plugin, Result, plugin, routes};
use serde_json::json;
use tempfile::TempDir;

use crate::player::{Stage, bare, part, status, tell};

/// A host of that config file, with the library `p`.
fn configured(text: &str) -> (HostBuilder, TempDir) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("agentsys.toml");
    let state = dir.path().join("state");
    let host = format!("[host]\nplugin_dirs = []\nstate_dir = {state:?}\n{text}");
    std::fs::write(&path, host).unwrap();
    let builder = Host::builder()
        .config_file(path)
        .storage(StorageConfig::memory());
    (builder.linked(part("p", "1.0.0", &[])), dir)
}

#[tokio::test]
async fn one_library_serves_as_two_plugins_with_configs_and_namespaces_of_their_own() {
    let (calm, wild) = (Stage::new(), Stage::new());
    let text = format!(
        "[plugins.calm]\nlibrary = \"p\"\n[plugins.calm.config]\nstage = {}\n\
         [plugins.wild]\nlibrary = \"p\"\n[plugins.wild.config]\nstage = {}\nfails = 0\n",
        calm.number(),
        wild.number()
    );
    let (builder, _dir) = configured(&text);
    let host = builder.build().await.unwrap();
    // The library itself is used, so it does not run under its own name as well.
    assert_eq!(host.plugins().len(), 2);
    assert_eq!(status(&host, "calm").library.as_deref(), Some("p"));
    for name in ["calm", "wild"] {
        tell(&host, name, &format!("put of {name}")).await.unwrap();
    }
    for name in ["calm", "wild"] {
        assert_eq!(
            tell(&host, name, "hi").await.unwrap(),
            format!("{name} says hi")
        );
        assert_eq!(
            tell(&host, name, "get").await.unwrap(),
            format!("of {name}")
        );
        let namespace = host.shared_storage().namespace(name).unwrap();
        let said = namespace.get("said").await.unwrap().unwrap();
        assert_eq!(said.bytes, format!("of {name}"));
    }
    host.shutdown().await;
    assert_eq!(
        calm.lines(),
        ["calm initialized", "calm cleaned up", "calm dropped"]
    );
    assert_eq!(
        wild.lines(),
        ["wild initialized", "wild cleaned up", "wild dropped"]
    );
}

#[tokio::test]
async fn a_section_that_is_disabled_or_has_no_library_costs_the_others_nothing() {
    let stage = Stage::new();
    let text = format!(
        "[plugins.p]\n[plugins.p.config]\nstage = {}\n\
         [plugins.off]\nlibrary = \"p\"\nenabled = false\n\
         [plugins.lost]\nlibrary = \"pp\"\n\
         [plugins.lost-and-off]\nenabled = false\n",
        stage.number()
    );
    let (builder, _dir) = configured(&text);
    let host = builder.build().await.unwrap();
    let state = |name: &str| {
        let status = status(&host, name);
        (status.state, status.reason.unwrap_or_default())
    };
    assert_eq!(state("p"), (PluginState::Running, String::new()));
    let disabled = (
        PluginState::Disabled,
        "its config says `enabled = false`".to_owned(),
    );
    assert_eq!(state("off"), disabled);
    assert_eq!(state("lost-and-off"), disabled);
    let lost = r#"no plugin directory holds a library that calls itself "pp"; did you mean "p"?"#;
    assert_eq!(state("lost"), (PluginState::Failed, lost.to_owned()));
    let error = host.plugin("off").unwrap().process("hi").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.message(),
        r#"no plugin "off" with a `process` of its own serves"#
    );
    host.shutdown().await;
    assert_eq!(state("off"), disabled);
}

/// Adds a route when it begins.
struct Adder;

#[plugin(name = "adder", version = "1.0.0")]
impl Plugin for Adder {
    type Config = NoConfig;

    async fn initialize(_: NoConfig, host: &agentsys_plugin::Host) -> Result<Self> {
        let handler = |_, data: Payload| std::future::ready(Ok(data));
        host.router()
            .add_route("added", "Gives back what it gets.", handler)?;
        Ok(Self)
    }
}

#[routes]
impl Adder {
    /// Nothing.
    #[route("fixed")]
    fn fixed(&self) -> Result<()> {
        Ok(())
    }

    /// Nothing, under a policy of its own.
    #[route("special")]
    fn special(&self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_plugins_timeout_and_retries_hold_for_its_routes_unless_the_route_says_otherwise() {
    let text = "[router]\ntimeout = 9\nretry_count = 9\n\
                [plugins.adder]\ntimeout = 5\nretry_count = 1\n\
                [router.routes.special]\ntimeout = \"7s\"\n";
    let (builder, _dir) = configured(text);
    let other = agent_fn("other", "", async |_: agentsys_host::Payload| Ok(""));
    let builder = builder.plugin::<Adder>().agent("other", other);
    let host = builder.build().await.unwrap();
    let policy = |route: &str| {
        let policy = host.router().policy(route).unwrap();
        (policy.timeout.as_secs(), policy.retry_count)
    };
    assert_eq!(policy("fixed"), (5, 1));
    assert_eq!(policy("special"), (7, 1));
    assert_eq!(policy("added"), (5, 1));
    assert_eq!(policy("other"), (9, 9));
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugins_timeout_and_retries_go_with_it() {
    let stage = Stage::new();
    let host = bare().linked(part("p", "1.0.0", &[]));
    let off = agentsys_host::PluginOptions::default().enabled(false);
    let host = host.plugin_options("p", off).build().await.unwrap();
    let timeout = || host.router().policy("play").unwrap().timeout.as_secs();
    let hasty = stage.plays().library("p").timeout(Duration::from_secs(1));
    let first = host.with_plugin("first", hasty, async |_| timeout()).await;
    assert_eq!(first.unwrap(), 1);
    let second = stage.plays().library("p");
    let second = host
        .with_plugin("second", second, async |_| timeout())
        .await;
    assert_eq!(second.unwrap(), 30);
    host.shutdown().await;
}

#[tokio::test]
async fn no_plugin_gets_the_hosts_own_name_and_with_it_its_namespace() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("host", "1.0.0", &[]))
        .linked(part("p", "1.0.0", &[]))
        .plugin_options("other", stage.acts(json!({})).library("host"))
        .build()
        .await
        .unwrap();
    assert_eq!(status(&host, "other").state, PluginState::Running);
    host.shutdown().await;
    let host = bare()
        .linked(part("host", "1.0.0", &[]))
        .build()
        .await
        .unwrap();
    let status = status(&host, "host");
    assert_eq!(status.state, PluginState::Failed);
    let reason = r#"the name "host" is the host's own: give this use of the library another one"#;
    assert_eq!(status.reason.as_deref(), Some(reason));
    host.shutdown().await;
}
