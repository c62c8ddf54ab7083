//! Builds the sample plugins with cargo, and shows how far it is.

use std::env;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::commands::spinner;
use crate::exit::Failure;

/// Built in one call of cargo, as the tests do: with others, their dependencies could have other features, and be built anew.
const PLUGINS: [&str; 4] = ["echo", "data-agents", "activity-logger", "report-agent"];

/// The compiled files.
pub(super) fn sample_plugins() -> Result<Vec<PathBuf>, Failure> {
    let root = root()?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&root)
        .args(["build", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.args(PLUGINS.iter().flat_map(|plugin| ["--package", plugin]));
    // On a terminal a spinner stands for cargo's own lines; elsewhere those are the progress.
    let terminal = std::io::stderr().is_terminal();
    cargo.stdout(Stdio::piped()).stdin(Stdio::null());
    cargo.stderr(if terminal {
        Stdio::piped()
    } else {
        Stdio::inherit()
    });
    let mut child = cargo.spawn().map_err(|error| {
        Failure::new(format!(
            "cargo cannot be started to build the sample plugins: {error}"
        ))
    })?;

    let spinner = spinner("building the sample plugins");
    let errors = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        })
    });
    let mut files = Vec::new();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).lines())
    {
        let line =
            line.map_err(|error| Failure::new(format!("cargo cannot be listened to: {error}")))?;
        let Ok(message) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if let Some(name) = message["target"]["name"].as_str() {
            spinner.set_message(format!("building the sample plugins: {name}"));
            if PLUGINS
                .iter()
                .any(|plugin| plugin.replace('-', "_") == name)
            {
                files.extend(libraries(&message));
            }
        }
    }
    let status = child
        .wait()
        .map_err(|error| Failure::new(format!("cargo cannot be waited for: {error}")))?;
    spinner.finish_and_clear();
    let errors = errors
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    if !status.success() {
        eprint!("{errors}");
        return Err(Failure::new(format!(
            "the sample plugins could not be built: cargo ended with {status}"
        )));
    }
    if files.len() != PLUGINS.len() {
        return Err(Failure::new(format!(
            "cargo built {files:?} in place of {} plugins",
            PLUGINS.len()
        )));
    }
    Ok(files)
}

fn libraries(message: &Value) -> impl Iterator<Item = PathBuf> {
    let files = message["filenames"].as_array().into_iter().flatten();
    let paths = files.filter_map(Value::as_str).map(PathBuf::from);
    paths.filter(|path| {
        path.extension()
            .is_some_and(|ending| ending == env::consts::DLL_EXTENSION)
    })
}

/// The repository that this program was built from.
fn root() -> Result<PathBuf, Failure> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = env::current_dir().unwrap_or_default();
    [here, built_in].into_iter().find(|root| root.join("sample-plugins/echo/Cargo.toml").is_file()).ok_or_else(|| {
        Failure::new("the demo builds the sample plugins from source: run it in a checkout of the repository")
    })
}
