//! A plugin's strategy, asked across the seam: at once, later, and what may go wrong with it. Seen at the loader, without a host.

use std::time::Duration;

use agentsys_loader::{
    AgentView, Agents, Failure, Instance, LeaseKind, Selected, Selecting, failure_kind,
};
use futures_util::FutureExt;

use crate::harness::Place;
use crate::harness::loader::{LabelledTask, NoServices, OpenPlugin, initialized, open};

struct SomeAgent {
    name: &'static str,
    weight: u32,
    in_flight: usize,
    latency: Option<u64>,
    labels: &'static [(&'static str, &'static str)],
}

/// Their numbers are 100 more than their places.
struct SomeAgents(Vec<SomeAgent>);

impl Agents for SomeAgents {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, place: usize) -> AgentView<'_> {
        let agent = &self.0[place];
        AgentView {
            id: 100 + place as u64,
            name: agent.name,
            weight: agent.weight,
            in_flight: agent.in_flight,
            latency: agent.latency.map(Duration::from_millis),
        }
    }

    fn label(&self, place: usize, name: &str) -> Option<&str> {
        let mut labels = self.0[place].labels.iter();
        labels
            .find(|(its, _)| *its == name)
            .map(|(_, value)| *value)
    }

    fn label_at(&self, place: usize, label: usize) -> Option<(&str, &str)> {
        self.0[place].labels.get(label).copied()
    }
}

fn agents() -> SomeAgents {
    let agent = |name, weight, in_flight, latency, labels| SomeAgent {
        name,
        weight,
        in_flight,
        latency,
        labels,
    };
    SomeAgents(vec![
        agent("one", 1, 5, Some(30), &[("zone", "a"), ("tier", "old")]),
        agent("two", 3, 2, Some(20), &[("zone", "b")]),
        agent("three", 2, 9, None, &[]),
    ])
}

impl OpenPlugin {
    fn select(&self, labels: &'static [(&'static str, &'static str)]) -> Selected {
        self.instance
            .select_agent(&LabelledTask(labels), "work", &agents(), None)
    }

    fn now(&self, labels: &'static [(&'static str, &'static str)]) -> Option<usize> {
        match self.select(labels) {
            Selected::Now(place) => place,
            other => panic!("not at once: {other:?}"),
        }
    }

    fn failed(&self, labels: &'static [(&'static str, &'static str)]) -> Failure {
        match self.select(labels) {
            Selected::Failed(failure) => failure,
            other => panic!("no failure: {other:?}"),
        }
    }

    fn later(&self, labels: &'static [(&'static str, &'static str)]) -> Selecting {
        match self.select(labels) {
            Selected::Later(selecting) => selecting,
            other => panic!("not later: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_strategy_chooses_by_all_that_is_known_of_agents_and_task() {
    let it = OpenPlugin::new("selects").await;
    assert!(it.generation.description().strategy);
    assert!(!it.generation.description().interceptor);
    assert_eq!(it.now(&[("how", "least")]), Some(1));
    assert_eq!(it.now(&[("how", "heaviest")]), Some(1));
    assert_eq!(it.now(&[("how", "quickest")]), Some(2));
    assert_eq!(it.now(&[("how", "zone"), ("zone", "b")]), Some(1));
    assert_eq!(it.now(&[("how", "zone"), ("zone", "c")]), None);
    assert_eq!(it.now(&[("how", "key"), ("key", "three")]), Some(2));
    assert_eq!(it.now(&[]), None);
}

#[tokio::test]
async fn a_strategy_that_fails_panics_or_names_one_that_is_not_there_says_so() {
    let it = OpenPlugin::new("selects").await;
    assert_eq!(it.failed(&[("how", "fails")]).message, "no choice");
    let panicked = it.failed(&[("how", "panics")]);
    assert_eq!(
        (panicked.kind, panicked.poisoned),
        (failure_kind::PANICKED, true)
    );
    let message = panicked.message;
    assert!(
        message.starts_with("`select_agent` panicked at "),
        "{message}"
    );
    assert!(message.ends_with(": no choice"), "{message}");
    assert_eq!(
        it.failed(&[("how", "beyond")]).message,
        "the strategy names the agent at place 3, where there are 3"
    );
}

#[tokio::test]
async fn a_strategy_that_waits_names_an_agent_by_its_number() {
    let it = OpenPlugin::new("selects").await;
    let selecting = it.later(&[("how", "later"), ("zone", "b")]);
    assert_eq!(selecting.await, Ok(Some(101)));
    assert_eq!(it.later(&[("how", "later"), ("zone", "z")]).await, Ok(None));
    assert_eq!(it.later(&[("how", "later_nobody")]).await, Ok(None));
    let failure = it.later(&[("how", "later_fails")]).await.unwrap_err();
    assert_eq!(failure.message, "no choice in the end");
    let panicked = it.later(&[("how", "later_panics")]).await.unwrap_err();
    assert_eq!(
        (panicked.kind, panicked.poisoned),
        (failure_kind::PANICKED, true)
    );
    assert_eq!(it.place.journal().lines(), ["dropped"; 5]);
}

#[tokio::test]
async fn what_a_strategy_that_waits_was_shown_outlives_its_call() {
    let it = OpenPlugin::new("selects").await;
    let told = it.later(&[("how", "later_told")]).await.unwrap_err();
    assert_eq!(
        told.message,
        "work: Agent(100 \"one\") 1 Some(30ms) [(\"zone\", \"a\"), (\"tier\", \"old\")], \
         Agent(101 \"two\") 3 Some(20ms) [(\"zone\", \"b\")], Agent(102 \"three\") 2 None []"
    );
}

#[tokio::test]
async fn a_choice_under_way_keeps_its_generation_open_and_is_cancelled_by_its_drop() {
    let OpenPlugin {
        place,
        generation,
        instance,
        mut end,
    } = OpenPlugin::new("selects").await;
    let task = LabelledTask(&[("how", "never")]);
    let selected = instance.select_agent(&task, "work", &agents(), None);
    let Selected::Later(mut selecting) = selected else {
        panic!("not later: {selected:?}");
    };
    assert!((&mut selecting).now_or_never().is_none());
    assert_eq!(
        generation.outstanding(),
        [
            (LeaseKind::Host, 1),
            (LeaseKind::Instance, 1),
            (LeaseKind::Call, 1)
        ]
    );
    drop((generation, instance));
    assert!(end.is_open());
    drop(selecting);
    end.unloaded().await;
    assert_eq!(place.journal().lines(), ["dropped"]);
}

#[tokio::test]
async fn the_sample_prefers_agents_by_their_label_and_then_idle_ones() {
    let place = Place::new();
    let (generation, _) = open(&place, "priority_strategy", NoServices);
    let instance = Instance::create(&generation).unwrap();
    let config = r#"{"label": "tier", "spill_at": 9}"#;
    let initialized = instance.initialize(config.into()).outcome().await;
    initialized.unwrap();
    let mut agents = agents();
    for (agent, tier) in agents.0.iter_mut().zip(["1", "1", "2"]) {
        agent.labels = Box::leak(Box::new([("tier", tier)]));
    }
    let select = |agents: &SomeAgents| {
        let task = LabelledTask(&[]);
        match instance.select_agent(&task, "work", agents, None) {
            Selected::Now(place) => place,
            other => panic!("not at once: {other:?}"),
        }
    };
    assert_eq!(select(&agents), Some(1));
    agents.0[2].in_flight = 8;
    assert_eq!(select(&agents), Some(2));
}

#[tokio::test]
async fn a_plugin_without_a_strategy_says_that_it_has_none() {
    let place = Place::new();
    let (generation, _) = open(&place, "steps", NoServices);
    let instance = initialized(&place, &generation).await;
    assert!(!generation.description().strategy);
    let selected = instance.select_agent(&LabelledTask(&[]), "work", &agents(), None);
    let Selected::Failed(failure) = selected else {
        panic!("it has one: {selected:?}");
    };
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (failure_kind::NOT_FOUND, "the plugin has no strategy")
    );
}
