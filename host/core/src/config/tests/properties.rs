//! What holds for any configuration, and for any bytes.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::load;
use crate::config::{
    Config, FallbackSection, InterceptorSection, Loaded, PluginSection, Restart, RouteSection,
    Sources, StorageType, render,
};

const GOOD: &str = r#"
[host]
plugin_dirs = ["plugins", 'more']
drain_timeout = "10s"
[router]
timeout = 30.0
interceptors = ["a", { plugin = "b", required = true }]
fallback = { answer = [1, { x = "y" }] }
routes."a b" = { timeout = 1, retry_count = 0x1f, fallback = { route = "c" }, retry_budget = 0.5 }
[storage]
storage_type = "memory"
[[plugins.echo.config.rows]]
when = 2024-01-01T00:00:00Z
text = """
two
lines"""
"#;

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..31_536_000_u64).prop_map(Duration::from_secs),
        (1..1_000_000_000_u64).prop_map(Duration::from_micros),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\"'#=\\[\\]{}\\\\ .]{1,12}",
        "\\PC{1,8}",
        "[\\x00-\\x7f]{1,8}"
    ]
}

fn own() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn fallback() -> impl Strategy<Value = FallbackSection> {
    prop_oneof![
        "[a-z]{1,8}".prop_map(FallbackSection::Route),
        own().prop_map(FallbackSection::Answer),
    ]
}

fn route() -> impl Strategy<Value = RouteSection> {
    let strategies = ["round_robin", "least_loaded", "sticky", "plugin:x"];
    let some_time = || prop::option::of(duration());
    (
        prop::array::uniform7(some_time()),
        prop::array::uniform4(prop::option::of(0..=100_u32)),
        prop::array::uniform3(prop::option::of(1..=1_000_000_usize)),
        prop::option::of(prop::sample::select(strategies.to_vec())),
        prop::option::of(any::<bool>()),
        prop::option::of(0.0..100.0_f64),
        prop::option::of(fallback()),
    )
        .prop_map(
            |(times, counts, limits, strategy, idempotent, retry_budget, fallback)| {
                let [
                    timeout,
                    deadline,
                    item_timeout,
                    backoff,
                    backoff_max,
                    eject_time,
                    longest,
                ] = times;
                RouteSection {
                    timeout,
                    deadline,
                    item_timeout,
                    backoff,
                    backoff_max,
                    eject_time,
                    eject_time_max: longest,
                    retry_count: counts[0],
                    retry_min_per_second: counts[1],
                    eject_after: counts[2],
                    max_concurrent: limits[0],
                    max_concurrent_per_agent: limits[1],
                    max_queue: limits[2],
                    strategy: strategy.map(str::to_owned),
                    idempotent,
                    retry_budget,
                    fallback,
                }
            },
        )
}

fn plugin() -> impl Strategy<Value = PluginSection> {
    (
        prop::option::of(text()),
        any::<[bool; 3]>(),
        1..=1024_usize,
        prop::option::of(duration()),
        duration(),
        prop::option::of(1..=512_usize),
        prop::collection::btree_map(text(), own(), 0..4),
    )
        .prop_map(
            |(library, [enabled, lazy, restart], instances, timeout, delay, threads, config)| {
                PluginSection {
                    library,
                    enabled,
                    instances,
                    lazy,
                    timeout,
                    restart_delay: delay,
                    cleanup_timeout: delay,
                    blocking_threads: threads,
                    restart: if restart {
                        Restart::OnFailure
                    } else {
                        Restart::Never
                    },
                    config: config.into_iter().collect::<Map<_, _>>(),
                    ..PluginSection::default()
                }
            },
        )
}

prop_compose! {
    fn config()(
        dirs in prop::collection::vec(text(), 0..3),
        path in prop::option::of(text()),
        memory in any::<bool>(),
        timeout in duration(),
        flush in duration(),
        // No fallback has such a name.
        route_name in "[A-Zé_\".]{1,9}",
        fallback in prop::option::of(fallback()),
        interceptors in prop::collection::btree_map("[a-z0-9][a-z0-9_-]{0,9}", any::<bool>(), 0..4),
        route in route(),
        plugins in prop::collection::btree_map("[a-z0-9][a-z0-9_-]{0,9}", plugin(), 0..3),
    ) -> Config {
        let mut config = Config::default();
        config.host.plugin_dirs = dirs.into_iter().map(PathBuf::from).collect();
        config.storage.storage_path = path.map(PathBuf::from);
        config.storage.flush_interval = flush;
        if memory {
            config.storage.storage_type = StorageType::Memory;
        }
        config.router.timeout = timeout;
        config.router.fallback = fallback;
        config.router.interceptors = interceptors
            .into_iter()
            .map(|(plugin, required)| InterceptorSection { plugin, required })
            .collect();
        config.router.routes.insert(route_name, route);
        config.plugins = plugins;
        config
    }
}

proptest! {
    #[test]
    fn any_right_config_is_the_same_after_it_was_written_and_loaded_twice(config in config()) {
        let made = Loaded::from(config.clone());
        prop_assert_eq!(made.validate(&[]), Ok(()));
        let once = load(&render(&made, false));
        prop_assert_eq!(&once.config, &config);
        let twice = load(&render(&once, true));
        prop_assert_eq!(&twice.config, &config);
    }

    #[test]
    fn any_text_loads_or_is_refused_a_line_each(text in "(\\PC|\n){0,60}") {
        line_each(Sources::new().text("agentsys.toml", text))?;
    }

    #[test]
    fn any_bytes_in_a_file_load_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("agentsys.toml");
        std::fs::write(&path, bytes)?;
        line_each(Sources::new().file(path))?;
    }

    #[test]
    fn a_good_file_with_anything_changed_loads_or_is_refused(
        from in 0..GOOD.len(),
        length in 0..20_usize,
        put in "[\\[\\]{}=.,\"'\n#a-z0-9 -]{0,8}",
    ) {
        let to = (from + length).min(GOOD.len());
        let text = format!("{}{put}{}", &GOOD[..from], &GOOD[to..]);
        line_each(Sources::new().text("agentsys.toml", text))?;
    }

    #[test]
    fn any_variable_and_any_option_load_or_are_refused(
        name in "(ROUTER|PLUGINS|STORAGE|X|A-B|_){0,6}",
        key in "(\\PC|[\n\r.\"=#]){0,20}",
        value in "\\PC{0,20}",
    ) {
        let sources = Sources::new()
            .text("agentsys.toml", GOOD)
            .environment([(format!("AGENTSYS_{name}"), value.clone())])
            .set(key, value);
        line_each(sources)?;
    }
}

/// Loads, and renders what was loaded; each problem is one line.
fn line_each(sources: Sources) -> Result<(), TestCaseError> {
    match sources.load() {
        Ok(loaded) => {
            let again = load(&render(&loaded, true));
            prop_assert_eq!(again.config, loaded.config);
        }
        Err(errors) => {
            prop_assert!(!errors.0.is_empty());
            prop_assert_eq!(errors.to_string().lines().count(), errors.0.len());
        }
    }
    Ok(())
}
