//! Which plugins a plugin needs, and in one line why it cannot start yet.

use std::collections::{BTreeMap, BTreeSet};

use agentsys_loader::Dependency;
use semver::Version;

use super::PluginState;

/// A plugin, as far as others that need it are concerned.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The name that its library gives itself.
    pub(crate) library: String,
    pub(crate) version: Option<Version>,
    pub(crate) needs: Vec<Dependency>,
    pub(crate) state: PluginState,
    /// Why it stands there.
    pub(crate) reason: Option<String>,
    /// Whether it serves before it is initialized.
    pub(crate) lazy: bool,
}

pub(crate) type Nodes = BTreeMap<String, Node>;

impl Node {
    /// Whether its routes answer: a lazy one is initialized by the first call.
    fn serves(&self) -> bool {
        match self.state {
            PluginState::Running => true,
            PluginState::Loaded | PluginState::Initializing => self.lazy,
            _ => false,
        }
    }
}

/// Why a plugin cannot start yet; none if it can.
pub(crate) fn unmet(nodes: &Nodes, name: &str) -> Option<String> {
    let node = nodes.get(name)?;
    if let Some(circle) = circle(nodes, name) {
        return Some(format!(
            "is part of a circle of plugins that need each other: {}",
            circle.join(" -> ")
        ));
    }
    unmet_by(nodes, name, node)
}

/// What another build of the plugin would need in vain: it may not need the plugin itself, in whose place it is.
pub(crate) fn unmet_by(nodes: &Nodes, name: &str, node: &Node) -> Option<String> {
    let others = node.needs.iter().filter(|need| need.name != name);
    let mut unmet = others.filter_map(|need| unmet_need(nodes, need));
    unmet.next()
}

/// The plugins that need this one, whether or not they run.
pub(crate) fn dependents<'a>(nodes: &'a Nodes, name: &'a str) -> impl Iterator<Item = &'a String> {
    let needs_it = move |node: &Node| {
        node.needs
            .iter()
            .any(|need| candidates(nodes, need).any(|(other, _)| other == name))
    };
    nodes
        .iter()
        .filter(move |(other, node)| *other != name && needs_it(node))
        .map(|(other, _)| other)
}

fn unmet_need(nodes: &Nodes, need: &Dependency) -> Option<String> {
    let Dependency { name, version, .. } = need;
    let range = if *version == semver::VersionReq::STAR {
        String::new()
    } else {
        format!(" {version}")
    };
    let all: Vec<_> = candidates(nodes, need).collect();
    if all.is_empty() {
        return Some(format!("needs {name}{range}, and there is no such plugin"));
    }
    let fits = |node: &Node| {
        node.version
            .as_ref()
            .is_some_and(|found| version.matches(found))
    };
    let fitting: Vec<_> = all.iter().filter(|(_, node)| fits(node)).collect();
    if fitting.iter().any(|(_, node)| node.serves()) {
        return None;
    }
    let Some((other, node)) = fitting.first() else {
        let (other, node) = all[0];
        return Some(match &node.version {
            Some(found) => format!("needs {name}{range}, and {other} is {found}"),
            None => format!(
                "needs {name}{range}, and nothing is known of {other}: {}",
                why(nodes, other, node)
            ),
        });
    };
    Some(format!(
        "waits for {other}, which {}",
        why(nodes, other, node)
    ))
}

/// The plugins that may be meant: the one of that name, or else those that use the library of that name.
fn candidates<'a>(
    nodes: &'a Nodes,
    need: &'a Dependency,
) -> impl Iterator<Item = (&'a String, &'a Node)> {
    let named = nodes
        .get_key_value(&need.name)
        .filter(|(_, node)| node.library == need.name);
    let uses = nodes
        .iter()
        .filter(move |(_, node)| named.is_none() && node.library == need.name);
    named.into_iter().chain(uses)
}

/// What stands in the way of a plugin that others wait for, along the whole chain.
fn why(nodes: &Nodes, name: &str, node: &Node) -> String {
    match node.state {
        PluginState::Failed => format!(
            "failed: {}",
            node.reason.as_deref().unwrap_or("no cause is known")
        ),
        PluginState::Discovered => match unmet(nodes, name) {
            Some(reason) => reason,
            None => "is about to start".to_owned(),
        },
        state => format!("is {state}"),
    }
}

/// The plugins from this one along what they need back to it, if there is a way.
fn circle(nodes: &Nodes, name: &str) -> Option<Vec<String>> {
    let mut walk = Walk {
        nodes,
        start: name,
        path: vec![name.to_owned()],
        seen: BTreeSet::new(),
    };
    walk.leads_back(name).then_some(walk.path)
}

struct Walk<'a> {
    nodes: &'a Nodes,
    start: &'a str,
    path: Vec<String>,
    /// From these no way leads back, or it is being looked for.
    seen: BTreeSet<String>,
}

impl Walk<'_> {
    fn leads_back(&mut self, at: &str) -> bool {
        let Some(node) = self.nodes.get(at) else {
            return false;
        };
        for other in node
            .needs
            .iter()
            .flat_map(|need| candidates(self.nodes, need))
            .map(|(other, _)| other)
        {
            self.path.push(other.clone());
            if other == self.start || (self.seen.insert(other.clone()) && self.leads_back(other)) {
                return true;
            }
            self.path.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A web of plugins: name, version, state, and what it needs.
    fn web(plugins: &[(&str, &str, PluginState, &[&str])]) -> Nodes {
        let node = |&(name, version, state, needs): &(&str, &str, PluginState, &[&str])| {
            let needs = needs.iter().map(|need| {
                let (name, version) = need.split_once(' ').unwrap_or((need, "*"));
                Dependency {
                    name: name.to_owned(),
                    version: version.parse().unwrap(),
                }
            });
            let node = Node {
                library: name.to_owned(),
                version: Some(version.parse().unwrap()),
                needs: needs.collect(),
                state,
                reason: (state == PluginState::Failed).then(|| "the disk is gone".to_owned()),
                lazy: false,
            };
            (name.to_owned(), node)
        };
        plugins.iter().map(node).collect()
    }

    use PluginState::{Disabled, Discovered, Failed, Initializing, Running};

    #[test]
    fn what_serves_in_a_version_that_fits_is_met() {
        let web = web(&[
            ("a", "1.0.0", Discovered, &["b ^1.2", "c"]),
            ("b", "1.3.0", Running, &[]),
            ("c", "0.1.0", Running, &[]),
        ]);
        assert_eq!(unmet(&web, "a"), None);
        assert_eq!(dependents(&web, "b").collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn each_way_of_not_being_there_is_told_in_one_line() {
        let reason = |state, version| {
            let web = web(&[
                ("a", "1.0.0", Discovered, &["b ^1.2"]),
                ("b", version, state, &[]),
            ]);
            unmet(&web, "a").unwrap()
        };
        assert_eq!(
            reason(Failed, "1.2.0"),
            "waits for b, which failed: the disk is gone"
        );
        assert_eq!(reason(Disabled, "1.2.0"), "waits for b, which is disabled");
        assert_eq!(
            reason(Initializing, "1.2.0"),
            "waits for b, which is initializing"
        );
        assert_eq!(
            reason(Discovered, "1.2.0"),
            "waits for b, which is about to start"
        );
        assert_eq!(reason(Running, "2.0.0"), "needs b ^1.2, and b is 2.0.0");
        let alone = web(&[("a", "1.0.0", Discovered, &["b"])]);
        assert_eq!(
            unmet(&alone, "a").unwrap(),
            "needs b, and there is no such plugin"
        );
    }

    #[test]
    fn a_chain_is_told_to_its_end() {
        let web = web(&[
            ("a", "1.0.0", Discovered, &["b"]),
            ("b", "1.0.0", Discovered, &["c"]),
            ("c", "1.0.0", Discovered, &["d ^2"]),
        ]);
        assert_eq!(
            unmet(&web, "a").unwrap(),
            "waits for b, which waits for c, which needs d ^2, and there is no such plugin"
        );
    }

    #[test]
    fn a_circle_is_shown_from_each_of_its_plugins_and_told_to_those_that_wait_for_it() {
        let web = web(&[
            ("a", "1.0.0", Discovered, &["b"]),
            ("b", "1.0.0", Discovered, &["c"]),
            ("c", "1.0.0", Discovered, &["a"]),
            ("x", "1.0.0", Discovered, &["a"]),
        ]);
        assert_eq!(
            unmet(&web, "b").unwrap(),
            "is part of a circle of plugins that need each other: b -> c -> a -> b"
        );
        assert_eq!(
            unmet(&web, "x").unwrap(),
            "waits for a, which is part of a circle of plugins that need each other: a -> b -> c -> a"
        );
    }

    #[test]
    fn a_library_that_serves_under_another_name_will_do() {
        let mut web = web(&[
            ("a", "1.0.0", Discovered, &["b"]),
            ("mine", "1.0.0", Running, &[]),
        ]);
        web.get_mut("mine").unwrap().library = "b".to_owned();
        assert_eq!(unmet(&web, "a"), None);
    }
}
