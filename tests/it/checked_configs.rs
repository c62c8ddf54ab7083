//! What an examination of a config accepts starts, and what it refuses does not.

use std::time::Duration;

use agentsys_host::config::Sources;
use agentsys_host::{
    Host, HostBuilder, Payload, PluginOptions, PluginState, PluginStatus, agent_fn,
};
use agentsys_plugin::prelude::{Plugin, Result, plugin, plugin_config};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

use crate::player::{on_this_runtime, part};

/// A config with a rule of each kind.
#[plugin_config]
pub(crate) struct Rules {
    #[default = 3]
    #[range(min = 1, max = 10)]
    count: i64,
    #[default = None]
    #[range(min = 0.5, max = 2.5)]
    factor: Option<f64>,
    #[default = "a".to_owned()]
    #[length(min = 1, max = 8)]
    #[pattern = "^[a-z]+$"]
    word: String,
    #[default = Vec::new()]
    #[length(max = 3)]
    list: Vec<u8>,
    #[default = 2]
    #[check = even]
    pairs: u32,
    #[default = None]
    nested: Option<Nested>,
}

/// One inside.
#[plugin_config]
pub(crate) struct Nested {
    deep: bool,
}

fn even(number: &u32) -> std::result::Result<(), String> {
    if number.is_multiple_of(2) {
        return Ok(());
    }
    Err(format!("{number} is odd"))
}

struct Ruled {
    _rules: Rules,
}

#[plugin(name = "ruled", version = "1.2.0")]
impl Plugin for Ruled {
    type Config = Rules;

    async fn initialize(rules: Rules, _: &agentsys_plugin::Host) -> Result<Self> {
        Ok(Self { _rules: rules })
    }
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-1_i64..13).prop_map(Value::from),
        2 => (0_u8..30).prop_map(|tenths| json!(f64::from(tenths) / 10.0)),
        6 => "[a-z]{0,9}".prop_map(Value::from),
        1 => "[A-Z]{1,3}".prop_map(Value::from),
        2 => prop::collection::vec(0_u16..300, 0..5).prop_map(|list| json!(list)),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<bool>().prop_map(|deep| json!({ "deep": deep })),
        1 => Just(json!({ "shallow": 1 })),
    ]
}

/// Mostly what fits the key, so that many configs are good.
fn entry() -> impl Strategy<Value = (String, Value)> {
    let fitting = prop_oneof![
        (1_i64..11).prop_map(|count| ("count", json!(count))),
        (5_u8..26).prop_map(|tenths| ("factor", json!(f64::from(tenths) / 10.0))),
        "[a-z]{1,8}".prop_map(|word| ("word", json!(word))),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(|list| ("list", json!(list))),
        (0_u32..9).prop_map(|half| ("pairs", json!(half * 2))),
        any::<bool>().prop_map(|deep| ("nested", json!({ "deep": deep }))),
    ];
    let keys = [
        "count", "factor", "word", "list", "pairs", "nested", "unknown",
    ];
    let any = (prop::sample::select(keys.to_vec()), values());
    let either = prop_oneof![9 => fitting, 1 => any];
    either.prop_map(|(key, value)| (key.to_owned(), value))
}

#[derive(Debug, Clone)]
struct Section {
    name: &'static str,
    options: PluginOptions,
}

fn section() -> impl Strategy<Value = Section> {
    let names = prop::sample::select(vec![
        "ruled",
        "second",
        "third",
        "needs-ruled",
        "needs-more",
        "host",
    ]);
    let libraries = prop_oneof![
        2 => Just(None),
        6 => Just(Some("ruled")),
        1 => Just(Some("nowhere")),
    ];
    let config = prop::collection::vec(entry(), 0..4);
    let flags = (prop::bool::weighted(0.85), any::<bool>(), 1_usize..4);
    (names, libraries, config, flags).prop_map(
        |(name, library, config, (enabled, lazy, instances))| {
            let config: Map<String, Value> = config.into_iter().collect();
            let options = PluginOptions::default()
                .config(Value::Object(config))
                .enabled(enabled)
                .lazy(lazy)
                .instances(instances)
                .initialize_timeout(Duration::from_secs(30));
            let options = match library {
                Some(library) => options.library(library),
                None => options,
            };
            Section { name, options }
        },
    )
}

fn host_of(sections: &[Section], needy: bool) -> HostBuilder {
    let mut builder = on_this_runtime().plugin::<Ruled>();
    if needy {
        builder = builder
            .linked(part("needs-ruled", "1.0.0", &["ruled ^1.1"]))
            .plugin_options("needs-ruled", PluginOptions::default().enabled(false));
    }
    sections.iter().fold(builder, |builder, section| {
        builder.plugin_options(section.name, section.options.clone())
    })
}

fn serves(plugin: &PluginStatus) -> bool {
    match plugin.state {
        PluginState::Running | PluginState::Disabled => true,
        PluginState::Loaded => plugin.lazy,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_config_that_is_accepted_starts_and_one_that_is_refused_does_not(
        sections in prop::collection::vec(section(), 0..4),
        needy in any::<bool>(),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let examined = host_of(&sections, needy).examine().await;
            let built = host_of(&sections, needy).build().await;
            match (examined, built) {
                (Ok(examined), Ok(host)) => {
                    let problems: Vec<String> =
                        examined.problems.iter().map(ToString::to_string).collect();
                    let plugins = host.plugins();
                    let all_serve = plugins.iter().all(serves);
                    assert_eq!(problems.is_empty(), all_serve, "{problems:#?} {plugins:#?}");
                    host.shutdown().await;
                }
                (Err(_), Err(_)) => {}
                (examined, built) => panic!("{examined:?} {built:?}"),
            }
        });
    }
}

#[tokio::test]
async fn each_broken_rule_is_told_with_its_key() {
    let config = json!({
        "count": 11, "factor": 0.1, "word": "TooLongAWord", "list": [1, 2, 3, 4], "pairs": 3,
    });
    let options = PluginOptions::default().config(config);
    let builder = on_this_runtime()
        .plugin::<Ruled>()
        .plugin_options("ruled", options);
    let examined = builder.examine().await.unwrap();
    let problems: Vec<String> = examined.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "plugins.ruled.config.count: must be at most 10, and is 11",
        "plugins.ruled.config.factor: must be at least 0.5, and is 0.1",
        "plugins.ruled.config.word: must have a length of at most 8, and has 12",
        r#"plugins.ruled.config.word: must match ^[a-z]+$, and is "TooLongAWord""#,
        "plugins.ruled.config.list: must have a length of at most 3, and has 4",
        "plugins.ruled.config.pairs: 3 is odd",
    ];
    let ends = problems
        .iter()
        .zip(expected)
        .all(|(problem, end)| problem.ends_with(end));
    assert!(ends && problems.len() == expected.len(), "{problems:#?}");
}

#[tokio::test]
async fn a_section_of_a_route_that_nobody_has_is_told_with_the_one_that_may_be_meant() {
    let text = "[host]\nplugin_dirs = []\n\n[router.routes.cuont]\ntimeout = 1\n\n[router.routes.count]\ntimeout = 1\n";
    let echo = agent_fn("count", "Counts.", async |data: Payload| Ok(data));
    let builder = Host::builder()
        .config_from(Sources::new().text("agentsys.toml", text))
        .agent("count", echo);
    let found = builder.examine().await.unwrap();
    assert_eq!(found.problems, []);
    let told: Vec<String> = found
        .loaded
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = "agentsys.toml:4:1: router.routes.cuont: no plugin here has such a route; did you mean \"count\"?";
    assert_eq!(told, [expected]);
}

#[tokio::test]
async fn plugins_and_routes_that_are_named_and_not_there_are_told_too() {
    let text = r#"
        [host]
        plugin_dirs = []
        [router]
        interceptors = ["activity-loger"]
        [router.routes.count]
        strategy = "plugin:priority"
        fallback = { route = "cuont" }
        "#;
    let count = agent_fn("count", "Counts.", async |data: Payload| Ok(data));
    let builder = Host::builder()
        .config_from(Sources::new().text("agentsys.toml", text))
        .agent("count", count);
    let found = builder.examine().await.unwrap();
    let warnings = found.loaded.warnings.iter().map(ToString::to_string);
    let told: Vec<String> = warnings.collect();
    let expected = [
        "router.routes.count.fallback: no plugin here has a route \"cuont\"; did you mean \"count\"?",
        "router.routes.count.strategy: no plugin here is named \"priority\"",
        "router.interceptors: no plugin here is named \"activity-loger\"",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.ends_with(expected), "{told:#?}");
    }
}
