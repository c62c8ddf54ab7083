//! The plugin: two routes over the tables of this crate.
//!
//! Both run on a thread that may block, since a large table takes seconds.

use agentsys_plugin::prelude::*;

use crate::{Format, Limits, ProcessRequest, Rows, Summary, Table, describe, run};

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
}

/// The data agents.
pub struct DataAgents {
    limits: Limits,
}

#[plugin]
impl Plugin for DataAgents {
    type Config = Config;

    async fn initialize(config: Config, _host: &Host) -> Result<Self> {
        let Config {
            max_rows,
            max_cells,
        } = config;
        Ok(Self {
            limits: Limits {
                max_rows,
                max_cells,
            },
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
}

/// Whatever is wrong with a table lies in the input.
fn invalid(error: crate::TableError) -> Error {
    Error::from(error).with_kind(ErrorKind::InvalidInput)
}
