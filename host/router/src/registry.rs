//! How the table changes: one edit at a time, shown to calls by one swap.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, Weak};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::lifecycle::Lifecycle;
use crate::member::Member;
use crate::route::Route;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::table::Table;
use crate::{Agent, AgentId, AgentInfo, Interceptors, RoutePolicy, RouterError};

pub(crate) struct Registry {
    table: ArcSwap<Table>,
    /// Counts the holds, so that a task can be said to have been begun before one.
    era: AtomicU64,
    /// Tells tasks that wait at an agent which is held that something changed.
    changed: Notify,
    editor: Mutex<Editor>,
    lifecycle: Arc<Lifecycle>,
}

/// What only edits need; its lock is what makes them take turns.
struct Editor {
    default_policy: RoutePolicy,
    policies: HashMap<String, RoutePolicy>,
    /// Agents that left the table but may have tasks under way. Those hold the strong references.
    retired: Vec<Weak<Member>>,
}

impl Registry {
    pub(crate) fn new(
        default_policy: RoutePolicy,
        policies: HashMap<String, RoutePolicy>,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        Self {
            table: ArcSwap::default(),
            era: AtomicU64::new(0),
            changed: Notify::new(),
            editor: Mutex::new(Editor {
                default_policy,
                policies,
                retired: Vec::new(),
            }),
            lifecycle,
        }
    }

    /// The table of this moment. To be held for a lookup, not for a call: it keeps all agents.
    pub(crate) fn table(&self) -> arc_swap::Guard<Arc<Table>> {
        self.table.load()
    }

    /// Takes agents out and puts others in, as one change. Gives the ids of those put in, and those
    /// that were taken out. Routes that are in both keep their waiting tasks.
    pub(crate) fn replace(
        &self,
        remove: &[AgentId],
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<(Vec<AgentId>, Vec<Arc<Member>>), RouterError> {
        for (name, _) in &add {
            RouterError::check_route_name(name)?;
        }
        // Agents' own code runs before the lock is taken.
        let add: Vec<(String, AgentInfo, Arc<dyn Agent>)> = add
            .into_iter()
            .map(|(name, agent)| (name, agent.info().clone(), agent))
            .collect();

        let mut editor = self.edit();
        let mut table = Table::clone(&self.table());
        let removed = remove_members(&mut table, remove);
        let mut touched: HashSet<Arc<str>> = removed
            .iter()
            .map(|member| member.gate.name().clone())
            .collect();
        let ids = add
            .into_iter()
            .map(|(name, info, agent)| {
                let route = table.entry(&name, |name| editor.new_route(name));
                touched.insert(route.gate.name().clone());
                let ordinal = first_free_ordinal(route, &info.name);
                let (gate, lifecycle) = (route.gate.clone(), self.lifecycle.clone());
                let member = Member::new(agent, info, ordinal, gate, lifecycle);
                let id = member.id;
                route.members.push(Arc::new(member));
                id
            })
            .collect();
        let mut settled = Vec::with_capacity(touched.len());
        for name in &touched {
            if let Some(route) = table.get_mut(name) {
                route.settle();
                settled.push(route.gate.clone());
            }
        }
        let gone = table.take_empty();

        editor.retired.retain(|member| member.strong_count() > 0);
        editor.retired.extend(removed.iter().map(Arc::downgrade));
        let old = self.table.swap(Arc::new(table));
        drop(editor);

        // One that was left out is missed no more.
        for member in &removed {
            if member.health.retire(Instant::now()) {
                member.gate.take_back();
            }
        }
        // Whoever waits may be anybody's code: it is woken after the lock.
        settled.iter().for_each(|gate| gate.has_room());
        // After the swap: whoever waited looks the route up anew.
        for route in &gone {
            route.gate.close();
        }
        self.changed.notify_waiters();
        // After the lock: the last reference to an agent may go here, and its code run.
        drop((old, gone));
        Ok((ids, removed))
    }

    /// The era of this moment. Who was begun in it sees what was held before it.
    pub(crate) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// Has tasks that come to these agents wait, but those that are nested in one begun before.
    pub(crate) fn hold(&self, members: &[Arc<Member>]) {
        let turn = self.edit();
        let era = self.era() + 1;
        // Before the era begins: whoever was let in by one of them was begun before that, and what it nests has to come in too.
        members.iter().for_each(|member| member.hold(era));
        self.era.store(era, Ordering::SeqCst);
        drop(turn);
    }

    /// Takes it back that all tasks wait.
    pub(crate) fn hold_again(&self, members: &[Arc<Member>]) {
        members.iter().for_each(|member| member.hold_again());
        self.changed.notify_waiters();
    }

    /// Ends a hold.
    pub(crate) fn release(&self, members: &[Arc<Member>]) {
        members.iter().for_each(|member| member.release());
        self.changed.notify_waiters();
    }

    /// Ends at the next change from now on.
    pub(crate) fn next_change(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(crate) fn set_policy(&self, name: &str, policy: RoutePolicy) {
        let mut editor = self.edit();
        let mut table = Table::clone(&self.table());
        let settled = table.get_mut(name).map(|route| {
            route
                .gate
                .resize(route.policy.max_concurrent, policy.max_concurrent);
            route.policy = Arc::new(policy.clone());
            route.settle();
            route.gate.clone()
        });
        editor.policies.insert(name.to_owned(), policy);
        let old = self.table.swap(Arc::new(table));
        drop(editor);
        if let Some(gate) = settled {
            gate.has_room();
        }
        self.changed.notify_waiters();
        drop(old);
    }

    pub(crate) fn set_interceptors(&self, interceptors: Interceptors) {
        let editor = self.edit();
        let mut table = Table::clone(&self.table());
        table.interceptors = interceptors;
        let old = self.table.swap(Arc::new(table));
        drop(editor);
        drop(old);
    }

    pub(crate) fn set_default_policy(&self, policy: RoutePolicy) {
        self.edit().default_policy = policy;
    }

    pub(crate) fn default_policy(&self) -> RoutePolicy {
        self.edit().default_policy.clone()
    }

    /// The policy of a route that need not exist.
    #[cold]
    pub(crate) fn own_policy(&self, route: &str) -> Option<RoutePolicy> {
        self.edit().policies.get(route).cloned()
    }

    pub(crate) fn has_policy(&self, route: &str) -> bool {
        self.edit().policies.contains_key(route)
    }

    /// These agents, as far as they are in the table.
    pub(crate) fn members(&self, ids: &[AgentId]) -> Vec<Arc<Member>> {
        let table = self.table.load();
        let members = table.routes().flat_map(|route| &route.members);
        members
            .filter(|member| ids.contains(&member.id))
            .cloned()
            .collect()
    }

    /// The tasks that agents have under way, those included that have left the table.
    pub(crate) fn in_flight(&self) -> usize {
        let editor = self.edit();
        let table = self.table.load_full();
        let registered: usize = table
            .routes()
            .flat_map(|route| &route.members)
            .map(|member| member.in_flight())
            .sum();
        let retired: Vec<Arc<Member>> = editor.retired.iter().filter_map(Weak::upgrade).collect();
        drop(editor);
        registered
            + retired
                .iter()
                .map(|member| member.in_flight())
                .sum::<usize>()
    }

    fn edit(&self) -> MutexGuard<'_, Editor> {
        // An edit that panicked has swapped nothing in: the next one begins from a whole table.
        self.editor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Editor {
    fn new_route(&self, name: Arc<str>) -> Route {
        let policy = self
            .policies
            .get(&*name)
            .unwrap_or(&self.default_policy)
            .clone();
        Route::new(name, policy)
    }
}

/// The least number that no agent of that name has on the route: so one that takes another's place gets what that had.
fn first_free_ordinal(route: &Route, name: &str) -> usize {
    let mut taken: Vec<usize> = route
        .members
        .iter()
        .filter(|member| *member.info.name == *name)
        .map(|member| member.ordinal)
        .collect();
    taken.sort_unstable();
    let free = taken.iter().enumerate().find(|(at, taken)| at != *taken);
    free.map_or(taken.len(), |(at, _)| at)
}

fn remove_members(table: &mut Table, remove: &[AgentId]) -> Vec<Arc<Member>> {
    let remove: HashSet<AgentId> = remove.iter().copied().collect();
    let mut removed = Vec::new();
    if remove.is_empty() {
        return removed;
    }
    for route in table.routes_mut() {
        if route
            .members
            .iter()
            .any(|member| remove.contains(&member.id))
        {
            removed.extend(
                Arc::make_mut(route)
                    .members
                    .extract_if(.., |member| remove.contains(&member.id)),
            );
        }
    }
    removed
}
