//! A plugin opened by the loader alone: no host, no routes, just the seam.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use agentsys_loader::{
    CopyStore, Data, Generation, Invoked, LogLine, Outcome, Services, SharedTask, Source, Task,
    read_and_inspect,
};
use tokio::sync::oneshot;

use super::Place;
#[path = "../../support/services.rs"]
mod services;
pub(crate) use services::no_other_services;

/// Opens a plugin of this place; the receiver hears when its generation has been closed.
pub(crate) fn open(
    place: &Place,
    plugin: &str,
    services: impl Services,
) -> (Generation, oneshot::Receiver<()>) {
    let path = place.add(plugin);
    let (inspected, bytes) = read_and_inspect(&path).unwrap();
    let copy = CopyStore::open(&place.state())
        .unwrap()
        .copy(&bytes, &inspected.content_hash)
        .unwrap();
    let source = Source {
        path: &path,
        inspected: &inspected,
        copy,
        plugin: plugin.into(),
        number: 1,
    };
    let (on_closed, closed) = oneshot::channel();
    let generation = Generation::open(source, Arc::new(services), move || {
        let _ = on_closed.send(());
    });
    (generation.unwrap(), closed)
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
