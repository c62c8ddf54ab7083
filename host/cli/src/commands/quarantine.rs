//! `agentsys quarantine`: the contents that a host does not open again, in its state directory. No host need run.

use agentsys_host::{Quarantine, Quarantined};
use serde_json::json;

use crate::args::{QuarantineClear, QuarantineCommand, QuarantineList, Settings};
use crate::exit::Failure;
use crate::table::Table;
use crate::text::{count, moment, one_line};

use super::{write_json, write_out};

pub(crate) fn quarantine(command: QuarantineCommand, settings: &Settings) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List(args) => list(&args, settings),
        QuarantineCommand::Clear(args) => clear(&args, settings),
    }
}

fn list(args: &QuarantineList, settings: &Settings) -> Result<(), Failure> {
    let quarantine = Quarantine::open(&settings.state_dir(&args.state)?).map_err(Failure::new)?;
    let all = quarantine.list().map_err(Failure::new)?;
    if args.json {
        return write_json(&all);
    }
    write_out(table(&all).as_bytes())
}

fn clear(args: &QuarantineClear, settings: &Settings) -> Result<(), Failure> {
    let quarantine = Quarantine::open(&settings.state_dir(&args.state)?).map_err(Failure::new)?;
    let which = (!args.all).then_some(args.which.as_deref()).flatten();
    let cleared = quarantine.clear(which).map_err(Failure::new)?;
    if args.json {
        return write_json(&json!({ "cleared": cleared }));
    }
    let line = match cleared {
        0 => "nothing was in quarantine by that name\n".to_owned(),
        n => format!(
            "{} cleared: a host that runs tries it at `agentsys reload NAME`\n",
            count(n, "content")
        ),
    };
    write_out(line.as_bytes())
}

fn table(all: &[Quarantined]) -> String {
    if all.is_empty() {
        return "nothing is in quarantine\n".to_owned();
    }
    let mut table = Table::new(&["plugin", "version", "content", "since", "cause"]);
    for one in all {
        table.row([
            one_line(&one.plugin),
            one_line(&one.version),
            one.hash.chars().take(12).collect(),
            moment(one.at),
            one_line(&one.cause),
        ]);
    }
    format!("{table}\n")
}
