//! Agents by their own names, for tasks that are sent to one of them. Made of a table's routes when
//! the first such task asks for it, then kept with the table: edits, and hosts that never send to
//! an agent, do not pay for it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustc_hash::FxHashMap;

use crate::member::Member;
use crate::route::Route;

#[derive(Default)]
pub(crate) struct Directory {
    /// For each name, the routes on which an agent has it, in the order of their names.
    agents: FxHashMap<Arc<str>, Vec<Namesakes>>,
}

/// The agents of one name on one route; one, as a rule.
pub(crate) struct Namesakes {
    pub(crate) name: Arc<str>,
    pub(crate) route: Arc<Route>,
    pub(crate) members: Vec<Arc<Member>>,
    /// Their own, so that tasks for the whole route do not disturb their turns.
    pub(crate) turn: AtomicUsize,
}

impl Directory {
    pub(crate) fn of<'a>(routes: impl Iterator<Item = &'a Arc<Route>>) -> Self {
        let mut agents: FxHashMap<Arc<str>, Vec<Namesakes>> = FxHashMap::default();
        for route in routes {
            for member in &route.members {
                let name = &member.info.name;
                let places = agents.entry(name.clone()).or_default();
                match places.last_mut() {
                    Some(last) if Arc::ptr_eq(&last.route, route) => {
                        last.members.push(member.clone());
                    }
                    _ => places.push(Namesakes {
                        name: name.clone(),
                        route: route.clone(),
                        members: vec![member.clone()],
                        turn: AtomicUsize::new(0),
                    }),
                }
            }
        }
        for places in agents.values_mut() {
            if !places.iter().all(Namesakes::give_way) {
                places.retain(|place| !place.give_way());
            }
            places.sort_unstable_by(|a, b| a.route_name().cmp(b.route_name()));
        }
        Self { agents }
    }

    /// The agents that an address means: `name`, which is on one route only, or `name/route`. Names
    /// may hold slashes themselves; the whole address is tried as a name first.
    pub(crate) fn find(&self, address: &str) -> Option<&Namesakes> {
        match self.routes_of(address) {
            [only] => Some(only),
            [] => splits(address).find_map(|(name, route)| self.on_route(name, route)),
            _ => None,
        }
    }

    pub(crate) fn on_route(&self, name: &str, route: &str) -> Option<&Namesakes> {
        let places = self.routes_of(name);
        let at = places.binary_search_by(|place| place.route_name().cmp(route));
        at.ok().map(|at| &places[at])
    }

    /// Every route on which an agent has the name.
    pub(crate) fn routes_of(&self, name: &str) -> &[Namesakes] {
        self.agents.get(name).map_or(&[], Vec::as_slice)
    }

    /// Where an address names an agent, and a route on which it is not: that agent's routes.
    pub(crate) fn elsewhere(&self, address: &str) -> Option<&[Namesakes]> {
        splits(address)
            .map(|(name, _)| self.routes_of(name))
            .find(|places| !places.is_empty())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.agents.keys().map(|name| &**name)
    }
}

impl Namesakes {
    pub(crate) fn route_name(&self) -> &str {
        self.route.gate.name()
    }

    fn give_way(&self) -> bool {
        self.members.iter().all(|member| member.info.gives_way)
    }

    /// What means these agents and no others.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.name, self.route_name())
    }
}

fn splits(address: &str) -> impl Iterator<Item = (&str, &str)> {
    address
        .match_indices('/')
        .map(|(at, _)| (&address[..at], &address[at + 1..]))
}
