//! Plugins that would end or hang their host when they are opened: the probe says so in one line, and nothing of it is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agentsys_loader::{
    CopyStore, NoProber, PrivateCopy, ProbeError, ProbeFault, ProbeReport, Prober, VerdictCache,
    read_and_inspect,
};

use crate::harness::{PATIENCE, Place, helper, library};

/// A plugin's private copy, and a prober.
struct Probe {
    place: Place,
    path: PathBuf,
    copy: PrivateCopy,
    prober: Prober,
}

impl Probe {
    fn of(plugin: &str) -> Self {
        Self::at(Place::new(), plugin)
    }

    fn at(place: Place, plugin: &str) -> Self {
        let path = place.add(plugin);
        let (inspected, bytes) = read_and_inspect(&path).unwrap();
        let copies = CopyStore::open(&place.state()).unwrap();
        let copy = copies.copy(&bytes, &inspected.content_hash).unwrap();
        let prober = Prober::choose(Some(&helper("probe_helper"))).unwrap();
        Self {
            place,
            path,
            copy,
            prober,
        }
    }

    fn helped_by(mut self, program: &Path) -> Self {
        self.prober = Prober::choose(Some(program)).unwrap();
        self
    }

    /// Probes, and sees that nothing is left: no process, and no file but the copy.
    fn run(&self, timeout: Duration) -> Result<ProbeReport, ProbeError> {
        let outcome = self.prober.probe(self.copy.path(), &self.path, timeout);
        wait_until_none_lives(self.copy.path());
        let files = fs::read_dir(self.copy.path().parent().unwrap()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        let copy = self.copy.path().file_name().unwrap();
        assert_eq!(names, [copy, "lock".as_ref()]);
        outcome
    }

    /// The line that the probe comes to. It must have come to it before its time was up.
    fn fails(&self) -> String {
        self.place
            .shorten(&self.run(PATIENCE).unwrap_err().to_string())
    }

    fn hangs(&self) -> String {
        let error = self.run(Duration::from_millis(500)).unwrap_err();
        self.place.shorten(&error.to_string())
    }
}

/// The processes that were started to probe a file in there, and those that they started: all have its path in their environment.
fn living(copy: &Path) -> Vec<i32> {
    let mark = format!("AGENTSYS_PROBE_COPY={}", copy.display());
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name();
        name.to_str()?.parse().ok()
    });
    numbers
        .filter(|number: &i32| {
            // One that ended meanwhile has none, and neither has one that only waits for its parent to take note.
            let environment = fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
            environment
                .windows(mark.len())
                .any(|bytes| bytes == mark.as_bytes())
        })
        .collect()
}

/// A process that was killed is not gone at once.
fn wait_until_none_lives(copy: &Path) {
    wait_until(|| living(copy).is_empty(), || format!("{:?}", living(copy)));
}

fn wait_until(come: impl Fn() -> bool, else_say: impl Fn() -> String) {
    let began = Instant::now();
    while !come() {
        assert!(began.elapsed() < PATIENCE, "{}", else_say());
        std::thread::sleep(Duration::from_millis(2));
    }
}

const MEND: &str = "mend the plugin, or put another build there";

#[test]
fn a_plugin_that_is_well_passes_with_what_it_offers() {
    let report = Probe::of("configured").run(PATIENCE).unwrap();
    assert_eq!(report.printed, None);
    assert!(report.description.config_schema.is_some());
    let routes = report.description.handlers.iter();
    let routes: Vec<_> = routes.map(|handler| &*handler.route).collect();
    assert_eq!(routes, ["config"]);
}

#[test]
fn a_constructor_that_segfaults_is_named_with_its_signal() {
    let line = format!(
        "DIR/libconstructor_segfaults.so: its probe crashed with SIGSEGV while it was opened; {MEND}"
    );
    assert_eq!(Probe::of("constructor_segfaults").fails(), line);
}

#[test]
fn a_constructor_that_aborts_is_named_with_its_last_words() {
    let line = format!(
        "DIR/libconstructor_aborts.so: its probe crashed with SIGABRT while it was opened; {MEND} \
         (it last printed \"something is badly wrong\")"
    );
    assert_eq!(Probe::of("constructor_aborts").fails(), line);
}

#[test]
fn a_plugin_that_crashes_after_it_was_opened_is_told_apart() {
    let line = format!(
        "DIR/libdescribe_segfaults.so: its probe crashed with SIGSEGV while it was asked what it offers; {MEND}"
    );
    assert_eq!(Probe::of("describe_segfaults").fails(), line);
}

#[test]
fn a_constructor_that_hangs_costs_its_time_and_is_ended() {
    let line = format!(
        "DIR/libconstructor_hangs.so: its probe did not come to an end within 500ms while it was opened; {MEND}"
    );
    assert_eq!(Probe::of("constructor_hangs").hangs(), line);
}

#[test]
fn a_constructor_that_hangs_and_has_forked_is_ended_with_all_of_its_group() {
    let line = format!(
        "DIR/libconstructor_forks_and_hangs.so: its probe did not come to an end within 500ms while it was opened; {MEND}"
    );
    assert_eq!(Probe::of("constructor_forks_and_hangs").hangs(), line);
}

#[test]
fn a_constructor_that_exits_is_no_success_whatever_its_code() {
    let line = "DIR/libconstructor_exits.so: it ended its probe with code 0 while it was opened; a plugin must not \
                end the process that it is loaded into: mend it, or put another build there";
    assert_eq!(Probe::of("constructor_exits").fails(), line);
}

#[test]
fn a_constructor_that_starts_processes_is_refused_whatever_becomes_of_them() {
    for plugin in [
        "constructor_forks",
        "constructor_comes_back_twice",
        "constructor_runs_a_command",
    ] {
        let line = format!(
            "DIR/lib{plugin}.so: its constructor starts processes of its own; a plugin may do so once it is \
             initialized: mend it, or put another build there"
        );
        assert_eq!(Probe::of(plugin).fails(), line);
    }
}

#[test]
fn a_constructor_that_prints_passes_and_is_quoted_in_part() {
    let report = Probe::of("constructor_prints").run(PATIENCE).unwrap();
    let printed = report.printed.unwrap();
    assert!(printed.starts_with("hello from the constructor\n"));
    assert!(printed.contains("\n(...)\n"));
    assert!(printed.ends_with("that was all\n"));
    assert!(printed.len() < 66 << 10, "{}", printed.len());
}

#[test]
fn what_loading_would_refuse_is_refused_with_the_same_words() {
    let layout = "its seam is laid out differently from this host's, in 1 place(s): rebuild the plugin with this \
                  host's agentsys-plugin (--verbose shows the places)";
    for (plugin, reason, lasting) in [
        ("other_layout", layout, true),
        (
            "refuses_its_host",
            "its root module cannot be made: not on this machine",
            false,
        ),
        (
            "root_module_panics",
            "its root module cannot be made: An error ocurred while loading this library: agentsys_plugin version: 1.0.0 \
             the error: the root module loader panicked",
            false,
        ),
    ] {
        let probe = Probe::of(plugin);
        let error = probe.run(PATIENCE).unwrap_err();
        let line = format!("DIR/lib{plugin}.so: {reason}");
        assert_eq!(probe.place.shorten(&error.to_string()), line);
        assert_eq!(error.fault.is_of_content(), lasting, "{plugin}");
        assert_eq!(error.report().is_some(), plugin == "other_layout");
    }
}

#[test]
fn a_verdict_of_a_probe_is_known_afterwards_and_a_hang_is_not() {
    let well = Probe::of("steps");
    let cache = VerdictCache::new(&well.place.state());
    let content = read_and_inspect(&well.path).unwrap().0.content_hash;
    let outcome = well.run(PATIENCE);
    cache.put(&content, &outcome);
    let kept = cache.get(&content, &well.path).unwrap().unwrap();
    assert_eq!(kept, outcome.unwrap());

    let hangs = Probe::of("constructor_hangs");
    let content = read_and_inspect(&hangs.path).unwrap().0.content_hash;
    cache.put(&content, &hangs.run(Duration::from_millis(500)));
    assert!(cache.get(&content, &hangs.path).is_none());
}

#[test]
fn a_helper_that_is_not_there_is_not_the_plugins_fault() {
    let error = Probe::of("steps")
        .helped_by(Path::new("/nowhere/helper"))
        .run(PATIENCE)
        .unwrap_err();
    assert!(matches!(error.fault, ProbeFault::Start { .. }), "{error}");
    assert!(!error.fault.is_of_content());
}

#[test]
fn a_helper_that_is_no_probe_is_named() {
    let program = helper("no_probe_helper");
    let probe = Probe::of("steps").helped_by(&program);
    let error = probe.run(PATIENCE).unwrap_err();
    assert!(!error.fault.is_of_content());
    let line = format!(
        "DIR/libsteps.so: its probe did not begin: {} ended with code 0; it must be a program whose main calls \
         probe_entry() first thing, not a script that starts one (it last printed \"good day\")",
        program.display()
    );
    assert_eq!(probe.place.shorten(&error.to_string()), line);
}

#[test]
fn a_program_without_probe_entry_and_without_a_helper_has_no_prober() {
    // The test harness's `main` calls nothing of ours.
    assert_eq!(Prober::choose(None), Err(NoProber::NotEntered));
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_with_probe_entry_probes_with_itself_though_its_file_is_gone() {
    let probe = Probe::of("steps");
    let program = probe.place.path().join("host");
    fs::copy(helper("probes_itself"), &program).unwrap();
    let output = Command::new(&program)
        .arg(probe.copy.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 handlers\n");
    assert!(!program.exists());
}

#[test]
fn a_probes_environment_makes_no_probe_of_another_programs_child() {
    let place = Place::new();
    let word = place.path().join("word");
    // Its parent is this process, not 1.
    let ended = Command::new(helper("probe_helper"))
        .env("AGENTSYS_PROBE_COPY", place.add("steps"))
        .env("AGENTSYS_PROBE_WORD", &word)
        .env("AGENTSYS_PROBE_HOST", "1")
        .status()
        .unwrap();
    assert_eq!(ended.code(), Some(1));
    assert!(!word.exists());
}

const PLACE: &str = "TEST_PROBE_PLACE";

#[test]
fn a_host_that_is_killed_leaves_no_probe_behind() {
    let place = Place::new();
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "probe::a_probe_that_hangs", "--ignored"])
        .env(PLACE, place.state())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| !living(&place.state()).is_empty(), || "no probe".into());
    host.kill().unwrap();
    host.wait().unwrap();
    wait_until_none_lives(&place.state());
}

#[test]
#[ignore = "killed by another test"]
fn a_probe_that_hangs() {
    let state = std::env::var_os(PLACE).unwrap();
    let path = library("constructor_hangs");
    let (inspected, bytes) = read_and_inspect(&path).unwrap();
    let copies = CopyStore::open(Path::new(&state)).unwrap();
    let copy = copies.copy(&bytes, &inspected.content_hash).unwrap();
    let prober = Prober::choose(Some(&helper("probe_helper"))).unwrap();
    let _ = prober.probe(copy.path(), &path, PATIENCE);
}
