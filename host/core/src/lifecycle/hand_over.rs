//! Hand-over: the instances of a new generation take over what those of the old one saved, with no call under way.

use std::sync::Arc;
use std::time::Instant;

use agentsys_loader::{Failure, Instance};

use super::Driver;
use super::replacing::{HeldCalls, Plan};
use crate::error::PluginError;
use crate::ground::Ground;
use crate::runtimes::within;
use crate::serving::Serving;

impl Plan {
    /// Has the new instances take over what the old ones saved. Calls wait from here until the hold is dropped.
    pub(super) async fn hand_over(
        &self,
        driver: &Arc<Driver>,
        serving: &Serving,
    ) -> Result<HeldCalls, PluginError> {
        let began = Instant::now();
        let hold = self.hold(driver).await?;
        let (old, new) = (self.old.serving.instances(), serving.instances());
        for (old, new) in old.iter().zip(&new) {
            self.hand_over_one(&driver.ground, old, new).await?;
        }
        if old.len() > new.len() {
            let lost = old.len() - new.len();
            tracing::warn!(plugin = %self.name, "{}: the state of {lost} instance(s) is lost, since fewer take their place", self.name);
        }
        self.took(driver, self.number, "hand_over", began);
        Ok(hold)
    }

    async fn hand_over_one(
        &self,
        ground: &Ground,
        old: &Arc<Instance>,
        new: &Arc<Instance>,
    ) -> Result<(), PluginError> {
        let (runtimes, old) = (&ground.runtimes, Arc::clone(old));
        let saving = runtimes.on_own_thread(move || async move {
            match old.save_state() {
                Some(saving) => saving.outcome().await.map(Some),
                None => Ok(None),
            }
        });
        let limit = self.old.serving.options.cleanup_timeout;
        let saved = within(runtimes.control(), limit, saving).await;
        let Some(state) = told("save_state", saved)? else {
            return Ok(());
        };
        let (new, from) = (Arc::clone(new), self.old.version.clone());
        let restoring = runtimes.on_own_thread(move || async move {
            match new.restore_state(state, &from) {
                Some(restoring) => restoring.outcome().await.map(drop),
                None => Ok(()),
            }
        });
        let limit = self.options.initialize_timeout;
        told(
            "restore_state",
            within(runtimes.control(), limit, restoring).await,
        )
    }
}

/// What a step of a hand-over came to, with its name where it failed.
fn told<T>(
    step: &'static str,
    result: Option<Result<Result<T, Failure>, String>>,
) -> Result<T, PluginError> {
    match result {
        Some(Ok(done)) => done.map_err(|failure| PluginError::HandOver { step, failure }),
        Some(Err(lost)) => Err(PluginError::Internal(lost)),
        None => Err(PluginError::HandOverTimeout { step }),
    }
}
