//! `agentsys config`: whether the configuration would do, what it is, and what it may be.

use agentsys_host::config::{ConfigProblem, Origin, render, schema, to_json_with_origin};
use agentsys_host::{Examination, Host, HostError};
use serde_json::{Value, json};

use crate::args::{Check, Config, Dirs, Schema, Settings, Show};
use crate::exit::Failure;
use crate::settings::files;
use crate::text::{count, plain};

use super::{waiting, write_json, write_out};

pub(crate) async fn config(command: Config, settings: &Settings) -> Result<(), Failure> {
    match command {
        Config::Check(args) => check(args, settings).await,
        Config::Show(args) => show(&args, settings),
        Config::Schema(args) => print_schema(args, settings).await,
    }
}

async fn check(args: Check, settings: &Settings) -> Result<(), Failure> {
    let sources = settings.sources(&args.dirs.plugins, &args.dirs.state)?;
    let (examination, problems) = match sources.load() {
        Err(errors) => (None, errors.0),
        Ok(loaded) => match examine(Host::builder().loaded_config(loaded)).await {
            Err(HostError::Config(errors)) => (None, errors.0),
            Err(error) => return Err(error.into()),
            Ok(examination) => {
                let problems = examination.problems.clone();
                (Some(examination), problems)
            }
        },
    };
    if args.json {
        write_json(&verdict(examination.as_ref(), &problems))?;
        return if problems.is_empty() {
            Ok(())
        } else {
            Err(Failure::told())
        };
    }
    match examination {
        Some(examination) if problems.is_empty() => write_out(praise(&examination).as_bytes()),
        _ => Err(Failure::all(problems)),
    }
}

fn praise(examination: &Examination) -> String {
    let config = &examination.loaded.config;
    let disabled = |name: &str| {
        config
            .plugins
            .get(name)
            .is_some_and(|options| !options.enabled)
    };
    let plugins = examination.plugins.iter();
    let plugins = plugins.filter(|plugin| !disabled(&plugin.name)).count();
    format!(
        "{} is fine: {}, {} with options\n",
        files(&examination.loaded).unwrap_or_else(|| "the configuration".to_owned()),
        count(plugins, "plugin"),
        count(config.router.routes.len(), "route"),
    )
}

/// For programs: whether it is fine, and each problem with its place.
fn verdict(examination: Option<&Examination>, problems: &[ConfigProblem]) -> Value {
    let list = |problems: &[ConfigProblem]| problems.iter().map(problem).collect::<Vec<_>>();
    let loaded = examination.map(|examination| &examination.loaded);
    let plugins = examination.map(|examination| {
        let names = examination.plugins.iter().map(|plugin| &plugin.name);
        names.collect::<Vec<_>>()
    });
    json!({
        "fine": problems.is_empty(),
        "files": loaded.map(|loaded| &loaded.files),
        "problems": list(problems),
        "warnings": loaded.map(|loaded| list(&loaded.warnings)).unwrap_or_default(),
        "plugins": plugins,
    })
}

fn problem(problem: &ConfigProblem) -> Value {
    let mut shown = json!({
        "origin": problem.origin.to_string(),
        "message": problem.message,
    });
    if let Origin::File { path, line, column } = &problem.origin {
        shown["file"] = path.display().to_string().into();
        shown["line"] = (*line).into();
        shown["column"] = (*column).into();
    }
    shown
}

fn show(args: &Show, settings: &Settings) -> Result<(), Failure> {
    let Dirs { plugins, state } = &args.dirs;
    let loaded = settings.load(plugins, state)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if !args.json {
        return write_out(plain(&render(&loaded, args.origin)).as_bytes());
    }
    let shown = to_json_with_origin(&loaded);
    write_json(if args.origin {
        &shown
    } else {
        &shown["config"]
    })
}

async fn print_schema(args: Schema, settings: &Settings) -> Result<(), Failure> {
    if args.no_plugins {
        return write_json(&schema(&[]));
    }
    let loaded = settings.load(&args.dirs.plugins, &args.dirs.state)?;
    let examination = examine(Host::builder().loaded_config(loaded)).await?;
    for problem in &examination.problems {
        tracing::warn!("{problem}");
    }
    write_json(&schema(&examination.plugins))
}

async fn examine(builder: agentsys_host::HostBuilder) -> Result<Examination, HostError> {
    waiting("asking the plugins", builder.examine()).await
}
