//! Whether a config would do, without a host that serves: every library that it uses is opened, and asked what it says of its part.

use std::sync::Arc;

use agentsys_loader::Generation;

use crate::builder::HostBuilder;
use crate::building::Prepared;
use crate::config::{ConfigProblem, FallbackSection, Loaded, OF_PLUGIN, PluginSchema};
use crate::error::{HostError, PluginError, did_you_mean};
use crate::ground::Ground;
use crate::lifecycle::{CLOSE_GRACE, Entry, Origin, Uses, unmet, uses};
use crate::opening;
use crate::options::PluginOptions;
use crate::runtimes::within;
use crate::serving;

/// What an [examination](HostBuilder::examine) found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examination {
    /// The config.
    pub loaded: Loaded,
    /// What would keep a plugin from running: each with its place in the config, where it has one.
    pub problems: Vec<ConfigProblem>,
    /// The plugins that there would be, with the schema of each one's own part of the config.
    pub plugins: Vec<PluginSchema>,
}

impl HostBuilder {
    /// Looks whether a host of this config would have all its plugins running, without starting any: libraries are opened, which runs their constructors, and are
    /// asked about their config; no instance is made, nothing is stored.
    ///
    /// # Errors
    /// As [`build`](Self::build), where the config itself does not fit.
    pub async fn examine(self) -> Result<Examination, HostError> {
        let Prepared {
            ground,
            found,
            linked,
            agents,
            ..
        } = self.prepare().await?;
        let loaded = ground.loaded();
        let Uses {
            entries, others, ..
        } = uses(found, linked, &loaded.config.plugins);
        let (mut problems, mut plugins) = (Vec::new(), Vec::new());
        let rejected = others.into_iter().filter(|other| other.version.is_none());
        problems.extend(rejected.filter_map(|other| Some(loaded.problem(&[], &other.reason?))));
        let nodes = entries
            .iter()
            .map(|entry| (entry.name.to_string(), entry.node_that_serves()))
            .collect();
        for entry in &entries {
            if let Some(reason) = entry
                .options
                .enabled
                .then(|| unmet(&nodes, &entry.name))
                .flatten()
            {
                let path = ["plugins", &entry.name];
                problems.push(loaded.problem(&path, &format!("it {reason}")));
            }
            let (schema, found) = examine(&ground, entry).await;
            problems.extend(found);
            plugins.push(schema);
        }
        let agents = agents.iter().map(|(route, _)| route.as_str());
        let routes: Vec<&str> = entries
            .iter()
            .flat_map(|entry| entry.routes().iter().map(String::as_str))
            .chain(agents)
            .collect();
        let mut loaded = Loaded::clone(&loaded);
        let names: Vec<&str> = entries.iter().map(|entry| &*entry.name).collect();
        let mut warnings = unknown_routes(&loaded, &routes);
        warnings.extend(unknown_fallbacks(&loaded, &routes));
        warnings.extend(unknown_plugins(&loaded, &names));
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        loaded.warnings.extend(warnings);
        Ok(Examination {
            loaded,
            problems,
            plugins,
        })
    }
}

/// Sections of routes that nobody has: no mistake, since a plugin may add them while it runs, but most likely one.
fn unknown_routes(loaded: &Loaded, routes: &[&str]) -> Vec<ConfigProblem> {
    let sections = loaded.config.router.routes.keys();
    let own = |name: &str| name.starts_with(serving::PROCESS) || routes.contains(&name);
    let unknown = sections.filter(|name| !own(name));
    unknown
        .map(|name| {
            let hint = did_you_mean(name, routes.iter().copied());
            let message = format!("no plugin here has such a route{hint}");
            loaded.problem(&["router", "routes", name], &message)
        })
        .collect()
}

/// Fallbacks to routes that nobody has.
fn unknown_fallbacks(loaded: &Loaded, routes: &[&str]) -> Vec<ConfigProblem> {
    let router = &loaded.config.router;
    let sections = router.routes.iter();
    let of_routes = sections.map(|(name, section)| (vec!["routes", name], &section.fallback));
    let all = of_routes.chain([(Vec::new(), &router.fallback)]);
    all.filter_map(|(place, fallback)| {
        let Some(FallbackSection::Route(route)) = fallback else {
            return None;
        };
        if route.starts_with(serving::PROCESS) || routes.contains(&route.as_str()) {
            return None;
        }
        let path = [vec!["router"], place, vec!["fallback"]].concat();
        let hint = did_you_mean(route, routes.iter().copied());
        let message = format!("no plugin here has a route {route:?}{hint}");
        Some(loaded.problem(&path, &message))
    })
    .collect()
}

/// Plugins that are named as a strategy or an interceptor, and are not here.
fn unknown_plugins(loaded: &Loaded, plugins: &[&str]) -> Vec<ConfigProblem> {
    let router = &loaded.config.router;
    let sections = router.routes.iter();
    let of_routes = sections.map(|(name, section)| {
        let strategy = section.strategy.as_deref().unwrap_or_default();
        (vec!["router", "routes", name, "strategy"], strategy)
    });
    let strategies = of_routes
        .chain([(vec!["router", "strategy"], router.strategy.as_str())])
        .filter_map(|(path, strategy)| Some((path, strategy.strip_prefix(OF_PLUGIN)?)));
    let interceptors = router.interceptors.iter();
    let interceptors =
        interceptors.map(|section| (vec!["router", "interceptors"], section.plugin.as_str()));
    let named = strategies.chain(interceptors);
    named
        .filter(|(_, plugin)| !plugins.contains(plugin))
        .map(|(path, plugin)| {
            let hint = did_you_mean(plugin, plugins.iter().copied());
            loaded.problem(&path, &format!("no plugin here is named {plugin:?}{hint}"))
        })
        .collect()
}

async fn examine(ground: &Ground, entry: &Entry) -> (PluginSchema, Vec<ConfigProblem>) {
    let name = &entry.name;
    let mut schema = PluginSchema::new(name.to_string());
    schema.library = entry.options.library.clone();
    let at_plugin = |reason: &str| vec![ground.loaded().problem(&["plugins", name], reason)];
    let source = match &entry.origin {
        // Nothing of it would run, so nothing of it does here.
        _ if !entry.options.enabled => return (schema, Vec::new()),
        Origin::Found(source) => source,
        Origin::Missing(reason) => return (schema, at_plugin(reason)),
    };
    let mut opened = match opening::open(ground, name, source, 1, &entry.options).await {
        Ok(opened) => opened,
        Err(error) => return (schema, at_plugin(&error.to_string())),
    };
    schema
        .config_schema
        .clone_from(&opened.generation.description().config_schema);
    let checked = check(ground, entry, &opened.generation).await;
    drop(opened.generation);
    // So that the library's own threads have ended when this says what it found; not for ever, since the plugin may hang.
    let _ = within(
        ground.runtimes.control(),
        CLOSE_GRACE,
        opened.end.wait_for(Option::is_some),
    )
    .await;
    match checked {
        Ok(problems) => (schema, problems),
        Err(error) => (schema, at_plugin(&error.to_string())),
    }
}

async fn check(
    ground: &Ground,
    entry: &Entry,
    generation: &Arc<Generation>,
) -> Result<Vec<ConfigProblem>, PluginError> {
    let options: &PluginOptions = &entry.options;
    let issues = serving::config_issues(ground, generation, options).await?;
    let place = |issue| crate::error::config_problem(&ground.loaded(), &entry.name, issue);
    Ok(issues.iter().map(place).collect())
}
