//! Where the compiled things are, and the builds that cargo does not do for `cargo test` itself.
//!
//! The fixtures are examples of this package, which `cargo test` builds under stable names. The sample plugins and the program
//! are other packages' products; they are built once for each test process, into the same target folder. The plugins of another
//! seam are `echo`, built with a feature: cargo has one name for both products, so each is moved aside at once, and all that
//! happens in a target folder of its own, where it cannot pass for the real `echo`.

use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The compiled plugin of that name: a sample plugin, a fixture, or `echo_older` and `echo_newer` for `echo` with the
/// seam of another release.
pub(crate) fn library(name: &str) -> PathBuf {
    let file = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
    let path = match name {
        "echo" | "data_agents" | "activity_logger" | "report_agent" => {
            built(&SAMPLES, build_samples).join(file)
        }
        "priority_strategy" => built(&STRATEGY, build_strategy).join(file),
        "echo_older" | "echo_newer" => built(&SEAMS, build_seams).join(file),
        _ => profile_dir().join("examples").join(file),
    };
    assert!(
        path.exists(),
        "{} is not there: `cargo test` without `--test` builds it",
        path.display()
    );
    path
}

/// A fixture that is a program.
pub(crate) fn helper(name: &str) -> PathBuf {
    profile_dir()
        .join("examples")
        .join(format!("{name}{EXE_SUFFIX}"))
}

/// The program `agentsys`.
pub(crate) fn program() -> PathBuf {
    built(&PROGRAM, build_program).join(format!("agentsys{EXE_SUFFIX}"))
}

/// The compiled example of a package of this workspace.
pub(crate) fn example(package: &str, name: &str) -> PathBuf {
    cargo(
        &["build", "--package", package, "--example", name],
        &target_dir(),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    profile_dir()
        .join("examples")
        .join(format!("{name}{EXE_SUFFIX}"))
}

/// What the compiler says of `echo`, built to abort where it panics.
pub(crate) fn build_to_abort() -> String {
    // Whose dependencies are built already, with the very features named here.
    library("echo_newer");
    let echo = [
        "rustc",
        "--package",
        "echo",
        "--features",
        "agentsys-plugin/seam-newer",
    ];
    let abort = ["--", "-C", "panic=abort"];
    let target = target_dir().join("seams");
    let _turn = turn(&target);
    cargo_with(&echo, &abort, &target).expect_err("it must not build")
}

type Build = OnceLock<Result<PathBuf, String>>;

static PROGRAM: Build = OnceLock::new();
static SAMPLES: Build = OnceLock::new();
static STRATEGY: Build = OnceLock::new();
static SEAMS: Build = OnceLock::new();

fn built(once: &'static Build, build: fn() -> Result<PathBuf, String>) -> &'static Path {
    once.get_or_init(build)
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn build_program() -> Result<PathBuf, String> {
    cargo(&["build", "-p", "agentsys"], &target_dir())?;
    Ok(profile_dir())
}

fn build_samples() -> Result<PathBuf, String> {
    // Just as `agentsys demo` builds them, which then finds nothing to do: built with other packages their dependencies have other
    // features, and the demo would link the files anew under the other tests.
    let samples = ["echo", "data-agents", "activity-logger", "report-agent"];
    let mut arguments = vec!["build"];
    arguments.extend(samples.iter().flat_map(|sample| ["--package", sample]));
    cargo(&arguments, &target_dir())?;
    Ok(profile_dir())
}

/// Apart, since the demo has it not.
fn build_strategy() -> Result<PathBuf, String> {
    cargo(&["build", "--package", "priority-strategy"], &target_dir())?;
    Ok(profile_dir())
}

fn build_seams() -> Result<PathBuf, String> {
    let target = target_dir().join("seams");
    let _turn = turn(&target).map_err(|error| error.to_string())?;
    let profile = target.join(profile());
    let product = format!("{DLL_PREFIX}echo{DLL_SUFFIX}");
    for (seam, feature) in [("older", "seam-older"), ("newer", "seam-newer")] {
        // Cargo looks only whether its product is there and new, not whose it is.
        for stale in [profile.join(&product), profile.join("deps").join(&product)] {
            let _ = fs::remove_file(stale);
        }
        let feature = format!("agentsys-plugin/{feature}");
        cargo(
            &["build", "--package", "echo", "--features", &feature],
            &target,
        )?;
        let aside = profile.join(format!("{DLL_PREFIX}echo_{seam}{DLL_SUFFIX}"));
        // As one step, since another test process may be reading it.
        let fresh = aside.with_extension("fresh");
        fs::copy(profile.join(&product), &fresh)
            .and_then(|_| fs::rename(&fresh, aside))
            .map_err(|error| error.to_string())?;
    }
    Ok(profile)
}

/// Held while the products in `target` are one seam's: another test process waits.
fn turn(target: &Path) -> io::Result<File> {
    fs::create_dir_all(target)?;
    let lock = File::create(target.join("turn.lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn cargo(arguments: &[&str], target: &Path) -> Result<(), String> {
    cargo_with(arguments, &[], target)
}

fn cargo_with(arguments: &[&str], last: &[&str], target: &Path) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command
        .args(arguments)
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace());
    match profile().as_str() {
        "debug" => {}
        other => {
            command.args(["--profile", other]);
        }
    }
    let output = command
        .args(last)
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "cargo {} failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The root of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package is a member")
        .to_owned()
}

/// `target/debug`, from the test's own place in `target/debug/deps`.
fn profile_dir() -> PathBuf {
    let test = env::current_exe().expect("a test knows its file");
    test.ancestors()
        .nth(2)
        .expect("a test lies in target/PROFILE/deps")
        .to_owned()
}

fn target_dir() -> PathBuf {
    profile_dir()
        .parent()
        .expect("a profile's folder lies in the target folder")
        .to_owned()
}

fn profile() -> String {
    let name = profile_dir()
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.expect("a profile's folder has a name")
}
