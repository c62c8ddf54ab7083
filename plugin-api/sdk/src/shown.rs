//! A look at a task that is another agent's: the author's code, run here and now behind a wall.

#![cfg_attr(
    feature = "seam-older",
    allow(dead_code, reason = "the older seam has no function that asks")
)]

use std::sync::Arc;

use agentsys_abi::routing::RawTask;

use crate::context::Context;
use crate::error::Result;
use crate::handler::{Running, name};
use crate::instance::Instance;
use crate::panics;
use crate::plugin::Plugin;
use crate::scope::{self, Scope};

/// Runs the author's function; `what` names it, should it panic.
#[inline]
pub(crate) fn look<P: Plugin, R>(
    instance: &Instance<P>,
    what: &'static str,
    f: impl FnOnce(&P) -> Result<R>,
) -> Result<R> {
    let scope = instance.host().scope();
    let looked = || scope::run(scope, || f(instance.plugin()?));
    panics::catch(|| name(what), looked).flatten()
}

impl<P: Plugin> Running<P> {
    /// A hold on a task that was shown, and on the instance, for what goes on.
    pub(crate) fn shown(instance: &Arc<Instance<P>>, task: &RawTask<'_>) -> Self {
        let context = Context::kept(instance.host(), task);
        Self::new(context, Arc::clone(instance))
    }

    pub(crate) fn scope(&self) -> Option<Scope> {
        self.context().host().scope().cloned()
    }
}
