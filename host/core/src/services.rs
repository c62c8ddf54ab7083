//! What plugins ask of the host: its log and its router.

use std::any::Any;
use std::sync::Arc;

use agentsys_loader::{Data, Failure, LogLine, Routed, Services, Task, failure_kind};
use agentsys_router::{Router, TaskOptions};
use tokio::runtime::Handle;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::convert;
use crate::task::KeptTask;

/// The host's services.
pub(crate) struct HostServices {
    pub(crate) router: Router,
    pub(crate) workers: Handle,
}

impl Services for HostServices {
    fn max_log_level(&self) -> u32 {
        match LevelFilter::current().into_level() {
            None => 0,
            Some(Level::ERROR) => 1,
            Some(Level::WARN) => 2,
            Some(Level::INFO) => 3,
            Some(Level::DEBUG) => 4,
            Some(Level::TRACE) => 5,
        }
    }

    fn log(&self, line: LogLine<'_>) {
        let LogLine {
            plugin,
            generation,
            level,
            target,
            message,
            fields,
        } = line;
        let fields = if fields == "{}" {
            None
        } else {
            Some(tracing::field::display(fields))
        };
        // The level of an event is part of the program's text, hence five of them.
        macro_rules! log {
            ($macro:ident) => {
                tracing::$macro!(target: "agentsys::plugin", plugin, generation, module = target, fields, "{message}")
            };
        }
        match level {
            1 => log!(error),
            2 => log!(warn),
            3 => log!(info),
            4 => log!(debug),
            _ => log!(trace),
        }
    }

    fn route_task(
        &self,
        plugin: &str,
        parent: Option<&dyn Task>,
        route: &str,
        data: Data,
    ) -> Routed {
        let mut options = TaskOptions::default();
        if let Some(parent) = parent {
            let shared: Arc<dyn Any + Send + Sync> = parent.share();
            match shared.downcast::<KeptTask>() {
                Ok(kept) => options = options.parent(Arc::clone(&kept.task)),
                Err(_) => {
                    let message =
                        format!("plugin {plugin} nests a task in one that is not this host's");
                    let failure = Failure::new(failure_kind::INTERNAL, message);
                    return Box::pin(std::future::ready(Err(failure)));
                }
            }
        }
        let (router, route) = (self.router.clone(), route.to_owned());
        let mut task = Box::pin(async move {
            let answer = router
                .route_task_with(&route, convert::payload(data), options)
                .await;
            let answer = answer.map_err(|error| convert::failure(&error))?;
            Ok(convert::data(answer).into_payload())
        });
        // A plugin's own threads are not in a runtime of the host's, where an embedder's agent expects to run.
        let workers = self.workers.clone();
        Box::pin(std::future::poll_fn(move |cx| {
            let _entered = workers.enter();
            task.as_mut().poll(cx)
        }))
    }
}
