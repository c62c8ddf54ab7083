//! What the schema does not say of the router's options: names that stand in them, and what does not go together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::config::routing::{RouteSection, RouterSection};
use crate::config::shape::Shape;
use crate::config::tree::Path;
use crate::config::validate::{Check, one_of};
use crate::config::{names, words};

/// What a strategy's name begins with that is a plugin's.
pub(crate) const OF_PLUGIN: &str = "plugin:";

/// What is wrong with the name of a strategy, as the rest of a sentence.
pub(super) fn strategy(name: &str, known: &[String]) -> Option<String> {
    let Some(plugin) = name.strip_prefix(OF_PLUGIN) else {
        let known = [known, &[format!("{OF_PLUGIN}NAME")]].concat();
        return one_of(name, &known, "known are", "and");
    };
    if known.iter().any(|own| own == name) {
        return None;
    }
    names::plugin_fault(plugin)
        .map(|fault| format!(": {plugin:?} is no name for a plugin: {fault}"))
}

impl Check<'_> {
    /// One of two keys, and a route's name.
    pub(super) fn fallback(
        &mut self,
        table: &Map<String, Value>,
        fields: &BTreeMap<String, Shape>,
        path: &mut Path,
    ) {
        self.fields(table, fields, path);
        let named = fields.keys().filter(|key| table.contains_key(*key)).count();
        let key = words::dotted(path);
        match named {
            1 => {}
            // What stands there instead was told above.
            0 if !table.is_empty() => {}
            0 => {
                let hint = "write { route = \"NAME\" } or { answer = … }";
                self.report(self.tree.place(path), format!("{key} is empty; {hint}"));
            }
            _ => {
                let message = format!("{key} has both a route and an answer; keep one of them");
                self.report(self.tree.place(path), message);
            }
        }
        if let Some(Value::String(route)) = table.get("route")
            && !route.is_empty()
            && let Some(fault) = names::route_fault(route)
        {
            path.push("route".to_owned());
            let key = words::dotted(path);
            let message = format!("{key} is {route:?}, which is no name for a route: {fault}");
            self.report(self.tree.place(path), message);
            path.pop();
        }
    }

    pub(super) fn interceptor(
        &mut self,
        table: &Map<String, Value>,
        fields: &BTreeMap<String, Shape>,
        path: &mut Path,
    ) {
        self.fields(table, fields, path);
        match table.get("plugin") {
            Some(Value::String(plugin)) if !plugin.is_empty() => {
                path.push("plugin".to_owned());
                self.plugin_name(plugin, path);
                path.pop();
            }
            Some(_) => {}
            None => {
                let key = words::dotted(path);
                let message = format!("{key} names no plugin; write {{ plugin = \"NAME\" }}");
                self.report(self.tree.place(path), message);
            }
        }
    }

    pub(super) fn plugin_name(&mut self, plugin: &str, path: &mut Path) {
        if let Some(fault) = names::plugin_fault(plugin) {
            let key = words::dotted(path);
            let message = format!("{key} is {plugin:?}, which is no name for a plugin: {fault}");
            self.report(self.tree.place(path), message);
        }
    }

    /// What does not go together.
    pub(super) fn routing(&mut self) {
        let Some(Value::Object(router)) = self.tree.root.get("router") else {
            return;
        };
        self.interceptors_are_named_once(router.get("interceptors"));
        let Some(Value::Object(routes)) = router.get("routes") else {
            return;
        };
        for (name, route) in routes {
            if route.pointer("/fallback/route").and_then(Value::as_str) == Some(name) {
                let path = ["router", "routes", name, "fallback", "route"];
                let key = words::dotted(&path);
                let message = format!(
                    "{key} is {name:?}, the route itself; name another, or write {{ answer = … }}"
                );
                self.report(self.tree.place(&path), message);
            }
        }
    }

    fn interceptors_are_named_once(&mut self, interceptors: Option<&Value>) {
        let mut seen = BTreeSet::new();
        for (index, one) in interceptors
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let plugin = one.get("plugin").unwrap_or(one).as_str();
            if plugin.is_some_and(|plugin| !seen.insert(plugin)) {
                let path = ["router", "interceptors", &index.to_string()];
                let key = words::dotted(&path);
                let message = format!(
                    "{key} is {}, named twice; keep one",
                    words::shown(one.get("plugin").unwrap_or(one))
                );
                self.report(self.tree.place(&path), message);
            }
        }
    }
}

/// What is odd, though not wrong: a time that another one bounds. With the place of each, a line each.
pub(super) fn odd(router: &RouterSection) -> Vec<(Vec<String>, String)> {
    let base = router.of_routes();
    let mut odd = Vec::new();
    let mut look = |at: &[&str], own: &RouteSection| {
        let pairs = [
            (
                ("backoff", own.backoff, base.backoff),
                ("backoff_max", own.backoff_max, base.backoff_max),
            ),
            (
                ("eject_time", own.eject_time, base.eject_time),
                ("eject_time_max", own.eject_time_max, base.eject_time_max),
            ),
        ];
        for ((key, own, inherited), (bound_key, bound, inherited_bound)) in pairs {
            // Only where something is said here.
            if own.is_none() && bound.is_none() {
                continue;
            }
            if let (Some(value), Some(most)) = (own.or(inherited), bound.or(inherited_bound))
                && value > most
            {
                let path: Vec<String> = at
                    .iter()
                    .chain([&key])
                    .map(|key| (*key).to_owned())
                    .collect();
                let here = words::dotted(&path);
                let message = format!(
                    "{here} ({value:?}) is longer than {bound_key} ({most:?}), which bounds it"
                );
                odd.push((path, message));
            }
        }
    };
    look(&["router"], &base);
    for (name, section) in &router.routes {
        look(&["router", "routes", name], section);
    }
    odd
}
