//! Routes that instances add while they live. Such a route belongs to its instance: it serves as soon as that does, and goes with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use agentsys_loader::{AddedRoute, Failure, Instance, failure_kind};
use agentsys_router::{
    Agent, AgentId, AgentInfo, ErrorKind, Payload, PayloadStream, Reply, Router, Task, TaskError,
};

use crate::agent;
use crate::convert;
use crate::finish::Finish;
use crate::metrics::PluginMeters;
use crate::serving::Serving;
use crate::slot::Slot;
use crate::task::BorrowedTask;

/// The added routes of one generation.
pub(crate) struct AddedRoutes {
    router: Router,
    meters: Arc<PluginMeters>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    routes: Vec<Entry>,
    /// The instances that serve, with what their agents need.
    serving: Vec<(Weak<Instance>, Arc<Slot>, Weak<Serving>)>,
    /// Whether the generation is to be replaced: what it adds from here on serves only if it goes on after all.
    closed: bool,
    /// Agents that stay in the router when their instances go: see [`AddedRoutes::leave_standing`].
    standing: Vec<AgentId>,
}

struct Entry {
    instance: Weak<Instance>,
    route: AddedRoute,
    /// None until the instance serves.
    agent: Option<AgentId>,
}

/// However many routes an instance makes up.
const MOST: usize = 10_000;

impl AddedRoutes {
    pub(crate) fn new(router: Router, meters: Arc<PluginMeters>) -> Self {
        Self {
            router,
            meters,
            table: Mutex::default(),
        }
    }

    /// Adds a route; it serves now where its instance does.
    pub(crate) fn add(&self, instance: &Weak<Instance>, route: AddedRoute) -> Result<(), Failure> {
        agentsys_loader::check_name("route", &route.name)
            .map_err(|error| invalid(error.to_string()))?;
        let mut table = self.lock();
        if table.routes.len() >= MOST {
            // What instances left that never served, since their `initialize` failed.
            let gone = |entry: &Entry| entry.agent.is_none() && entry.instance.strong_count() == 0;
            table.routes.retain(|entry| !gone(entry));
        }
        if table.routes.len() >= MOST {
            return Err(invalid(format!(
                "the plugin has {MOST} added routes already: remove some"
            )));
        }
        let found = table
            .serving
            .iter()
            .find(|(other, ..)| other.ptr_eq(instance));
        let agent = match found {
            Some((_, slot, serving)) if !table.closed => {
                Some(self.register(instance, &route, slot, serving)?)
            }
            _ => None,
        };
        table.routes.push(Entry {
            instance: Weak::clone(instance),
            route,
            agent,
        });
        Ok(())
    }

    /// Takes a route away. False where there is none.
    pub(crate) fn remove(&self, instance: &Weak<Instance>, handler: u32) -> bool {
        let mut table = self.lock();
        let at = table
            .routes
            .iter()
            .position(|entry| entry.route.handler == handler && entry.instance.ptr_eq(instance));
        let Some(at) = at else {
            return false;
        };
        let entry = table.routes.swap_remove(at);
        drop(table);
        self.unregister(entry.agent.into_iter().collect());
        true
    }

    /// Has the routes of an instance serve, since it does.
    pub(crate) fn serve(&self, instance: &Arc<Instance>, slot: &Arc<Slot>, serving: &Arc<Serving>) {
        let mut table = self.lock();
        let (instance, serving) = (Arc::downgrade(instance), Arc::downgrade(serving));
        table.serving.push((instance, Arc::clone(slot), serving));
        self.register_all(&mut table);
    }

    /// Registers what is to serve and does not yet.
    fn register_all(&self, table: &mut Table) {
        let Table {
            routes,
            serving,
            closed,
            ..
        } = table;
        if *closed {
            return;
        }
        for entry in routes.iter_mut().filter(|entry| entry.agent.is_none()) {
            let mut of_it = serving.iter();
            let Some((instance, slot, serving)) =
                of_it.find(|(instance, ..)| instance.ptr_eq(&entry.instance))
            else {
                continue;
            };
            match self.register(instance, &entry.route, slot, serving) {
                Ok(agent) => entry.agent = Some(agent),
                Err(failure) => {
                    tracing::warn!("an added route does not serve: {}", failure.message)
                }
            }
        }
    }

    /// Those that serve, in the router's numbers. From here on no more do, until this is [reopened](Self::reopen): whoever asks takes these away or has calls of
    /// them wait, and must miss none.
    pub(crate) fn close(&self) -> Vec<AgentId> {
        let mut table = self.lock();
        table.closed = true;
        let serving = table.routes.iter().filter_map(|entry| entry.agent);
        serving.chain(table.standing.iter().copied()).collect()
    }

    /// The generation goes on.
    pub(crate) fn reopen(&self) {
        let mut table = self.lock();
        table.closed = false;
        self.register_all(&mut table);
    }

    /// Leaves those that serve in the router, also when their instances go: calls that are held there wait for what takes their place. Whoever
    /// asks for this takes what [`close`](Self::close) gives away in the end.
    pub(crate) fn leave_standing(&self) {
        let mut table = self.lock();
        let standing: Vec<AgentId> = table
            .routes
            .iter_mut()
            .filter_map(|entry| entry.agent.take())
            .collect();
        table.standing.extend(standing);
    }

    /// Takes the routes of an instance away, since it serves no more.
    pub(crate) fn retire(&self, instance: &Arc<Instance>) {
        self.retire_if(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(instance)));
    }

    /// Takes all of them away.
    pub(crate) fn retire_all(&self) {
        self.retire_if(|_| true);
    }

    fn retire_if(&self, gone: impl Fn(&Weak<Instance>) -> bool) {
        let mut table = self.lock();
        table.serving.retain(|(instance, ..)| !gone(instance));
        let entries = table.routes.extract_if(.., |entry| gone(&entry.instance));
        let agents: Vec<AgentId> = entries.filter_map(|entry| entry.agent).collect();
        drop(table);
        self.unregister(agents);
    }

    fn register(
        &self,
        instance: &Weak<Instance>,
        route: &AddedRoute,
        slot: &Arc<Slot>,
        serving: &Weak<Serving>,
    ) -> Result<AgentId, Failure> {
        let gone = || invalid("the plugin is being stopped: it adds no routes".to_owned());
        let owner = serving.upgrade().ok_or_else(gone)?;
        owner.set_policy(&route.name);
        let agent = AddedAgent {
            info: owner.info(&route.description),
            handler: route.handler,
            instance: Weak::clone(instance),
            slot: Arc::clone(slot),
            meters: Arc::clone(&self.meters),
            serving: Weak::clone(serving),
        };
        let added: Vec<(String, Arc<dyn Agent>)> = vec![(route.name.clone(), Arc::new(agent))];
        let ids = self.router.register_agents(added);
        ids.map(|ids| ids[0])
            .map_err(|error| invalid(error.to_string()))
    }

    fn unregister(&self, agents: Vec<AgentId>) {
        if !agents.is_empty() {
            // Without agents to add there is no name to be refused for.
            let _ = self.router.replace_agents(&agents, Vec::new());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn invalid(message: String) -> Failure {
    Failure::new(failure_kind::INVALID_INPUT, message)
}

/// A handler that one instance added.
struct AddedAgent {
    info: AgentInfo,
    handler: u32,
    instance: Weak<Instance>,
    slot: Arc<Slot>,
    meters: Arc<PluginMeters>,
    serving: Weak<Serving>,
}

impl Agent for AddedAgent {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, task: &Task, data: Payload) -> Reply {
        let instance = match self.instance() {
            Ok(instance) => instance,
            Err(error) => return Reply::Ready(Err(error)),
        };
        let finish = self.finish(&instance, task);
        let invoked = instance.invoke(self.handler, &BorrowedTask(task), convert::data(data), None);
        agent::reply(invoked, task, finish)
    }

    fn call_with_items(&self, task: &Task, data: Payload, items: PayloadStream) -> Reply {
        let instance = match self.instance() {
            Ok(instance) => instance,
            Err(error) => return Reply::Ready(Err(error)),
        };
        let finish = self.finish(&instance, task);
        agent::invoke_with_items(&instance, self.handler, task, data, items, finish)
    }
}

impl AddedAgent {
    fn instance(&self) -> Result<Arc<Instance>, TaskError> {
        self.instance.upgrade().ok_or_else(|| {
            let agent = &self.info.name;
            let message = format!("the instance of {agent} that added this route is gone");
            TaskError::new(ErrorKind::Unavailable, message).retryable(true)
        })
    }

    fn finish(&self, instance: &Arc<Instance>, task: &Task) -> Finish {
        Finish::new(&self.slot, &self.serving, instance, &self.meters, task)
    }
}
