//! A plugin opened by the loader alone: no host, no routes, just the seam.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use agentsys_loader::{
    Attribution, CopyStore, Data, End, Generation, Instance, Invoked, LogLine, Outcome, Services,
    SharedTask, Source, Task, pass_by, read_and_inspect,
};
use tokio::sync::watch;

use super::Place;
#[path = "../../support/services.rs"]
mod services;
pub(crate) use services::no_other_services;

/// Hears how a generation ended.
pub(crate) struct Ending(watch::Receiver<Option<End>>);

impl Ending {
    pub(crate) fn is_open(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&mut self) {
        self.0.wait_for(Option::is_some).await.unwrap();
    }

    /// Waits until it ended so.
    pub(crate) async fn ended(&mut self, how: impl Fn(&End) -> bool) -> End {
        let began = std::time::Instant::now();
        loop {
            // The test's own thread may have values of the library.
            pass_by();
            if let Some(end) = self.0.borrow_and_update().clone().filter(&how) {
                return end;
            }
            let ended = self.0.borrow().clone();
            assert!(
                began.elapsed() < super::PATIENCE,
                "it ended otherwise: {ended:?}"
            );
            // Again after a while, since the library may be closed only after this thread passed by.
            let _ = tokio::time::timeout(Duration::from_millis(5), self.0.changed()).await;
        }
    }

    /// Waits until its library was seen to be out of memory.
    pub(crate) async fn unloaded(&mut self) {
        self.ended(|end| *end == End::Unloaded).await;
    }
}

/// A plugin that is open and initialized, without services.
pub(crate) struct OpenPlugin {
    pub(crate) place: Place,
    pub(crate) generation: Generation,
    pub(crate) instance: Arc<Instance>,
    pub(crate) end: Ending,
}

impl OpenPlugin {
    pub(crate) async fn new(plugin: &str) -> Self {
        let place = Place::new();
        let (generation, end) = open(&place, plugin, NoServices);
        let instance = initialized(&place, &generation).await;
        Self {
            place,
            generation,
            instance,
            end,
        }
    }
}

/// Opens a plugin of this place.
pub(crate) fn open(place: &Place, plugin: &str, services: impl Services) -> (Generation, Ending) {
    let path = place.add(plugin);
    let (inspected, bytes) = read_and_inspect(&path).unwrap();
    let copy = CopyStore::open(&place.state())
        .unwrap()
        .copy(&bytes, &inspected.content_hash)
        .unwrap();
    let source = Source {
        path: &path,
        inspected: &inspected,
        copy: Arc::new(copy),
        plugin: plugin.into(),
        number: 1,
        attribution: &Attribution::in_memory(),
    };
    let (on_end, end) = watch::channel(None);
    let generation = Generation::open(source, Arc::new(services), move |end| {
        on_end.send_replace(Some(end));
    });
    (generation.unwrap(), Ending(end))
}

/// The number of a route's handler.
pub(crate) fn handler(generation: &Generation, route: &str) -> u32 {
    let handlers = &generation.description().handlers;
    let at = handlers
        .iter()
        .position(|handler| handler.route == route)
        .unwrap();
    u32::try_from(at).unwrap()
}

/// An initialized instance that is told where the journal is.
pub(crate) async fn initialized(place: &Place, generation: &Generation) -> Arc<Instance> {
    let instance = Instance::create(generation).unwrap();
    let config = serde_json::json!({ "journal": place.journal().path() });
    outcome(instance.initialize(config.to_string().into()))
        .await
        .unwrap();
    instance
}

/// What a call comes to.
pub(crate) async fn outcome(invoked: Invoked) -> Outcome {
    invoked.outcome().await
}

/// Text as data.
pub(crate) fn text(text: &str) -> Data {
    Data {
        bytes: text.to_owned().into(),
        content_type: Cow::Borrowed("text/plain"),
    }
}

/// A host that offers nothing.
pub(crate) struct NoServices;

impl Services for NoServices {
    fn max_log_level(&self) -> u32 {
        0
    }

    fn log(&self, _: LogLine<'_>) {}

    no_other_services!();
}

/// A task without end.
pub(crate) struct SomeTask;

impl Task for SomeTask {
    fn id(&self) -> u64 {
        1
    }

    fn hops(&self) -> u32 {
        0
    }

    fn remaining(&self) -> Option<Duration> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn share(&self) -> Arc<dyn SharedTask> {
        Arc::new(Self)
    }
}

/// A task with a key and labels.
#[derive(Clone)]
pub(crate) struct LabelledTask(pub(crate) &'static [(&'static str, &'static str)]);

impl Task for LabelledTask {
    fn id(&self) -> u64 {
        7
    }

    fn hops(&self) -> u32 {
        0
    }

    fn remaining(&self) -> Option<Duration> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn key(&self) -> Option<&[u8]> {
        self.label("key").map(str::as_bytes)
    }

    fn label(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(its, _)| *its == name);
        found.map(|(_, value)| *value)
    }

    fn label_at(&self, place: usize) -> Option<(&str, &str)> {
        self.0.get(place).copied()
    }

    fn share(&self) -> Arc<dyn SharedTask> {
        Arc::new(self.clone())
    }
}
