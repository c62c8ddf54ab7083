//! The plugin: three routes over the tables of this crate.
//!
//! They work on threads that may block, since a large table takes seconds.

use std::path::PathBuf;

use agentsys_plugin::prelude::*;
use serde_json::{Map, Value};

use crate::stream::{self, invalid};
use crate::{Format, Limits, ProcessRequest, Row, Rows, StreamRequest, Summary, Table};
use crate::{describe, run};

/// What the data agents accept.
#[plugin_config]
pub struct Config {
    /// The most rows of a table.
    #[default = 50_000_000]
    #[range(min = 1)]
    max_rows: usize,
    /// The most cells of a table: rows times columns.
    #[default = 50_000_000]
    #[range(min = 1)]
    max_cells: usize,
    /// The folder with the tables that `process_stream` may read; none by default: it reads no files.
    folder: Option<PathBuf>,
}

/// The data agents.
pub struct DataAgents {
    limits: Limits,
    folder: Option<PathBuf>,
}

#[plugin]
impl Plugin for DataAgents {
    type Config = Config;

    async fn initialize(config: Config, _host: &Host) -> Result<Self> {
        let Config {
            max_rows,
            max_cells,
            folder,
        } = config;
        Ok(Self {
            limits: Limits {
                max_rows,
                max_cells,
            },
            folder,
        })
    }
}

#[routes]
impl DataAgents {
    /// Describes each column of a table: CSV text, or a JSON array of objects.
    #[route("analyze_data", blocking)]
    fn analyze(&self, data: Payload) -> Result<Summary> {
        let content_type = Some(data.content_type()).filter(|given| !given.is_empty());
        let format = Format::choose(content_type, data.as_slice());
        let table = Table::parse(data.as_slice(), format, self.limits).map_err(invalid)?;
        Ok(describe(&table))
    }

    /// Takes a table through steps (drop_missing, filter, select, sort, limit) and answers with the rows that are left.
    #[route("process_data", blocking)]
    fn process(&self, request: ProcessRequest) -> Result<Rows> {
        run(request, self.limits).map_err(invalid)
    }

    /// Takes a table through steps (all but sort) row by row, and answers with each row that is left: for tables larger than memory. The input is JSON: `table` is CSV
    /// text, or `file` one in the plugin's `folder`; or rows are sent as items.
    #[route("process_stream")]
    fn process_stream(
        &self,
        request: StreamRequest,
        rows: Items<Map<String, Value>>,
    ) -> impl Stream<Item = Result<Row>> {
        produce(move |out| stream::run(request, self.folder.as_deref(), rows, out))
    }
}
