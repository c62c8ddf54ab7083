//! Other routes and plugins, played by closures, which keep what they were asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentsys_host::Payload as HostPayload;
use agentsys_host::{Agent, TaskError, agent_fn_sync};

use super::host::{from_host, task_error, to_host};
use crate::error::Result;
use crate::payload::Payload;

/// What the fakes were asked, by the name of the route.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Mutex<HashMap<String, Vec<Payload>>>>);

impl Asked {
    pub(super) fn of(&self, route: &str) -> Vec<Payload> {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(route).cloned().unwrap_or_default()
    }

    fn note(&self, route: &str, data: Payload) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.entry(route.to_owned()).or_default().push(data);
    }

    /// An agent that answers as the closure does.
    pub(super) fn agent<F>(&self, route: &str, answer: F) -> impl Agent + use<F>
    where
        F: Fn(Payload) -> Result<Payload> + Send + Sync + 'static,
    {
        let (asked, name) = (self.clone(), route.to_owned());
        agent_fn_sync(
            route.to_owned(),
            "Played by a test.",
            move |_, data: HostPayload| {
                let data = from_host(data);
                asked.note(&name, data.clone());
                let answer: std::result::Result<HostPayload, TaskError> =
                    answer(data).map(to_host).map_err(task_error);
                answer
            },
        )
    }
}
