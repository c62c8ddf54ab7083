//! The plugin: its config and its routes.

use agentsys_plugin::prelude::*;

use crate::request::{Lookup, Report, Request};
use crate::steps::{self, Storing};

/// How reports are made.
#[plugin_config]
pub struct Config {
    /// The route that takes a table through steps.
    #[default = "process_data".to_owned()]
    #[pattern = "^[a-z0-9][a-z0-9_-]{0,63}$"]
    pub process_route: String,
    /// The route that describes a table.
    #[default = "analyze_data".to_owned()]
    #[pattern = "^[a-z0-9][a-z0-9_-]{0,63}$"]
    pub analyze_route: String,
    /// The route that is told what this agent does; empty: none is.
    #[default = "log_activity".to_owned()]
    #[pattern = "^([a-z0-9][a-z0-9_-]{0,63})?$"]
    pub activity_route: String,
    /// The route that is told what goes wrong; empty: none is.
    #[default = "log_error".to_owned()]
    #[pattern = "^([a-z0-9][a-z0-9_-]{0,63})?$"]
    pub error_route: String,
}

/// The agent.
pub struct ReportAgent {
    config: Config,
}

#[plugin(depends("data-agents", "activity-logger"))]
impl Plugin for ReportAgent {
    type Config = Config;

    async fn initialize(config: Config, _host: &Host) -> Result<Self> {
        Ok(Self { config })
    }

    /// The same as the route `report`.
    async fn process(&self, cx: &Context, data: Payload) -> Result<Payload> {
        let report = self.report(cx, data.read()?).await?;
        agentsys_plugin::IntoPayload::into_payload(report)
    }
}

#[routes]
impl ReportAgent {
    /// Stores a table, has it processed and analyzed, and stores and answers the report.
    #[route("report", logged)]
    async fn report(&self, cx: &Context, request: Request) -> Result<Report> {
        let _took = cx.metrics().measure("process_time");
        let id = steps::id(request.id.as_deref())?;
        let made = steps::report(cx, &self.config, &id, &request).await;
        match &made {
            Ok(report) => {
                cx.metrics().counter("reports").increment();
                cx.metrics().counter("rows").add(report.rows as u64);
            }
            Err(error) => steps::tell_error(cx, &self.config, &id, error).await,
        }
        made.map_err(|error| error.context(format!("report {id} could not be made")))
    }

    /// Answers a report that was made before, also before the host started.
    #[route("report_get")]
    async fn report_get(&self, cx: &Context, lookup: Lookup) -> Result<Report> {
        let id = steps::id(Some(&lookup.id))?;
        let stored = cx.storage().get_as(Storing::result_key(&id)).await?;
        stored.ok_or_else(|| Error::not_found(format!("there is no report {id}")))
    }
}
