//! Where a run happens, and what is counted of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentId, ErrorKind, FailedTask, Payload, RouteMetrics, RoutePolicy, RouteTask, Router,
    RouterConfig, TaskError, TaskObserver, TaskOptions, agent_fn_with,
};
use tokio::time::sleep;

use super::script::{Does, MOST_RETRIES, Policy, ROUTES};
use crate::{Answer, held, loads, poll};

/// The router, who is on it, and what was counted.
pub(super) struct Stage {
    pub(super) router: Router,
    pub(super) counts: Arc<Counts>,
    pub(super) agents: Mutex<[Vec<AgentId>; 2]>,
}

impl Stage {
    pub(super) fn new(policies: &[Policy; 2]) -> Self {
        let counts = Arc::new(Counts::default());
        let mut config = RouterConfig::default().observer(counts.clone());
        for (route, policy) in ROUTES.iter().zip(policies) {
            config = config.route(*route, policy.made());
        }
        Self {
            router: Router::new(config),
            counts,
            agents: Mutex::default(),
        }
    }

    pub(super) fn join(&self, route: usize, does: &Does) {
        let agent = self.agent(route, does);
        let id = crate::registered(&self.router, ROUTES[route], agent);
        self.agents.lock().unwrap()[route].push(id);
    }

    /// Adds an agent that does not leave before the end.
    pub(super) fn join_for_good(&self, route: usize, does: &Does) {
        let agent = self.agent(route, does);
        crate::registered(&self.router, ROUTES[route], agent);
    }

    pub(super) fn take(&self, route: usize, at: usize) -> Option<AgentId> {
        let agents = &mut self.agents.lock().unwrap()[route];
        (!agents.is_empty()).then(|| agents.remove(at % agents.len()))
    }

    pub(super) fn agent(&self, route: usize, does: &Does) -> Arc<dyn Agent> {
        let (router, counts, does) = (self.router.clone(), self.counts.clone(), does.clone());
        let agent = agent_fn_with(ROUTES[route], "", move |task, data: Payload| {
            assert!(!matches!(does, Does::Panics), "at once");
            counts.of_agents.0.fetch_add(1, Ordering::SeqCst);
            let (router, counts, does) = (router.clone(), counts.clone(), does.clone());
            let gone = Gone {
                counts: counts.clone(),
                panics: matches!(does, Does::PanicsAtItsEnd(_)),
            };
            async move {
                let _gone = gone;
                match does {
                    Does::Answers | Does::Panics => {}
                    Does::AnswersAfter(time) | Does::PanicsAtItsEnd(time) => {
                        sleep(Duration::from_millis(time)).await;
                    }
                    Does::Fails { after, retryable } => {
                        sleep(Duration::from_millis(after)).await;
                        let error = TaskError::new(ErrorKind::Failed, "no");
                        return Err(error.retryable(retryable));
                    }
                    Does::PanicsAfter(time) => {
                        sleep(Duration::from_millis(time)).await;
                        panic!("later");
                    }
                    Does::Hangs => std::future::pending().await,
                    Does::Nests => {
                        let options = TaskOptions::default().parent(task);
                        let call = router.route_task_with(ROUTES[1 - route], data, options);
                        return counts.count(1 - route, call).await;
                    }
                }
                Ok(data)
            }
        });
        Arc::new(agent)
    }

    /// That as many tasks as the policy allows begin at once, and no more.
    pub(super) fn all_places_are_free(&self, name: &str) {
        const PLACES: usize = 4;
        // Before the others go, so that the route stays the one that it is.
        let (agent, hold) = held(name);
        crate::registered(&self.router, name, agent);
        let routes = self.router.routes();
        let mut routes = routes.iter();
        let of_route = routes.find(|route| &*route.name == name).unwrap();
        let (_, others) = of_route.agents.split_last().unwrap();
        for other in others {
            crate::taken_away(&self.router, other.id);
        }
        assert_eq!(loads(&self.router, name), [0]);
        let policy = RoutePolicy::default().max_concurrent(PLACES);
        self.router.set_policy(name, policy);
        self.router.start();
        let mut calls: Vec<RouteTask<'_>> = Vec::new();
        for _ in 0..=PLACES {
            let mut call = self.router.route_task(name, "");
            assert!(poll(&mut call).is_pending());
            calls.push(call);
        }
        assert_eq!(hold.begun(), PLACES);
        drop(calls);
        assert_eq!(loads(&self.router, name), [0]);
    }
}

/// What became of tasks, as their callers saw it, and as the observer was told.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) of_routes: [OfRoute; 2],
    /// Futures of agents: begun, and gone.
    pub(super) of_agents: (AtomicUsize, AtomicUsize),
}

#[derive(Default)]
pub(super) struct OfRoute {
    /// By callers, and in other tasks.
    pub(super) sent: AtomicUsize,
    pub(super) answered: AtomicUsize,
    pub(super) given_up: AtomicUsize,
    pub(super) failed: Mutex<BTreeMap<&'static str, usize>>,
    pub(super) told: Mutex<BTreeMap<&'static str, usize>>,
}

impl Counts {
    /// A call of a route, counted however it ends.
    pub(super) async fn count(&self, route: usize, call: RouteTask<'_>) -> Answer {
        let counts = &self.of_routes[route];
        counts.sent.fetch_add(1, Ordering::SeqCst);
        let unfinished = Unfinished(counts);
        let answer = call.await;
        std::mem::forget(unfinished);
        match &answer {
            Ok(_) => _ = counts.answered.fetch_add(1, Ordering::SeqCst),
            Err(error) => {
                assert!(error.attempts() <= 1 + MOST_RETRIES, "{error:?}");
                note(&counts.failed, error.kind());
            }
        }
        answer
    }
}

fn note(counts: &Mutex<BTreeMap<&'static str, usize>>, kind: ErrorKind) {
    *counts.lock().unwrap().entry(kind.as_str()).or_default() += 1;
}

impl OfRoute {
    /// That each task had one end, the one that the observer was told.
    pub(super) fn are_whole(&self) {
        let failed = self.failed.lock().unwrap();
        let ended: usize = failed.values().sum::<usize>()
            + self.answered.load(Ordering::SeqCst)
            + self.given_up.load(Ordering::SeqCst);
        assert_eq!(ended, self.sent.load(Ordering::SeqCst));
        assert_eq!(*self.told.lock().unwrap(), *failed);
    }

    /// That the route, which has been there all the time, has counted the same.
    pub(super) fn are_those_of(&self, route: &RouteMetrics) {
        let mut errors = self.failed.lock().unwrap().clone();
        let given_up = self.given_up.load(Ordering::SeqCst);
        if given_up > 0 {
            *errors.entry(ErrorKind::Cancelled.as_str()).or_default() += given_up;
        }
        let counted = |count: &u64| usize::try_from(*count).unwrap();
        let of_route: BTreeMap<&'static str, usize> = route
            .errors
            .iter()
            .map(|(kind, count)| (*kind, counted(count)))
            .collect();
        assert_eq!(of_route, errors);
        assert_eq!(counted(&route.calls), self.sent.load(Ordering::SeqCst));
        assert_eq!((route.under_way, route.waiting), (0, 0));
        for agent in &route.agents {
            assert!(
                agent.errors.values().sum::<u64>() <= agent.calls,
                "{agent:?}"
            );
        }
        let ejected = route.agents.iter().filter(|agent| agent.ejected).count();
        assert!(ejected < route.agents.len(), "{:?}", route.agents);
    }
}

impl TaskObserver for Counts {
    fn failed(&self, failed: &FailedTask<'_>) {
        let route = ROUTES.iter().position(|name| *name == failed.route);
        note(&self.of_routes[route.unwrap()].told, failed.error.kind());
    }
}

/// A caller that goes away.
struct Unfinished<'a>(&'a OfRoute);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, Ordering::SeqCst);
    }
}

/// In the future of an agent.
struct Gone {
    counts: Arc<Counts>,
    panics: bool,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.counts.of_agents.1.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics || std::thread::panicking(), "at its end");
    }
}
