//! The host's log level, and a change of it, as a plugin sees it.

use std::sync::{Arc, Mutex};

use agentsys_loader::{Instance, LogLine, Services};

use crate::harness::Place;
use crate::harness::loader::{SomeTask, handler, no_other_services, open, outcome, text};

/// A host that wants warnings, and keeps the levels of what it is told.
#[derive(Default, Clone)]
struct Levels(Arc<Mutex<Vec<u32>>>);

impl Services for Levels {
    fn max_log_level(&self) -> u32 {
        2
    }

    fn log(&self, line: LogLine<'_>) {
        self.0.lock().unwrap().push(line.level);
    }

    no_other_services!();
}

#[tokio::test]
async fn a_plugin_heeds_the_level_it_began_with_and_each_one_it_is_told_later() {
    let place = Place::new();
    let told = Levels::default();
    let (generation, _closed) = open(&place, "logs", told.clone());
    let instance = Instance::create(&generation).unwrap();
    outcome(instance.initialize("{}".into())).await.unwrap();
    let number = handler(&generation, "logs");
    for (level, heard) in [
        (None, vec![1, 2]),
        (Some(4), vec![1, 2, 3, 4]),
        (Some(0), vec![]),
    ] {
        if let Some(level) = level {
            generation.set_log_level(level);
        }
        told.0.lock().unwrap().clear();
        outcome(instance.invoke(number, &SomeTask, text("marker"), None))
            .await
            .unwrap();
        assert_eq!(*told.0.lock().unwrap(), heard, "after {level:?}");
    }
}
