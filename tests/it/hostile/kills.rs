//! Hosts that are killed at any moment of loading, replacing and removing: the next one starts, serves what the folder holds, finds nobody guilty, and leaves nothing of the dead
//! ones behind.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Place, Program, agentsys, library};
use crate::program::{ask, json};

/// The moments are random, and the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// Lets some time go by: that the host is at any point by then is what is wanted.
    fn wait(&mut self, most: Duration) {
        let most = u64::try_from(most.as_micros()).unwrap();
        thread::sleep(Duration::from_micros(self.roll(most)));
    }
}

/// What a folder holds, beside `echo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    First,
    Second,
}

impl Held {
    fn roll(dice: &mut Dice) -> Self {
        [Self::Nothing, Self::First, Self::Second][usize::try_from(dice.roll(3)).unwrap()]
    }

    fn put(self, place: &Place) {
        let file = place.plugins().join("changing.so");
        let build = match self {
            Self::Nothing => {
                let _ = fs::remove_file(&file);
                return;
            }
            Self::First => library("changing_1"),
            Self::Second => library("changing_2"),
        };
        let fresh = file.with_extension("fresh");
        fs::copy(build, &fresh).unwrap();
        fs::rename(fresh, file).unwrap();
    }

    fn answer(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::First => Some("1.0.0"),
            Self::Second => Some("2.0.0"),
        }
    }
}

/// A command to the host, which may die before it is answered.
fn tell(place: &Place, arguments: &[&str]) -> Child {
    let mut command: Command = agentsys(arguments);
    command.arg("--state-dir").arg(place.state());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The directories of hosts, in all that the state directory has of them.
fn host_dirs(place: &Place) -> Vec<String> {
    let kinds = fs::read_dir(place.state()).unwrap();
    let kinds = kinds.map(|kind| kind.unwrap().path());
    let dirs = kinds
        .filter(|kind| kind.is_dir() && !kind.ends_with("storage"))
        .flat_map(|kind| fs::read_dir(kind).unwrap());
    let dirs = dirs
        .map(|dir| dir.unwrap())
        .filter(|dir| dir.path().is_dir());
    let mut pids: Vec<String> = dirs
        .map(|dir| {
            let name = dir.file_name().into_string().unwrap();
            name.split('-').next().unwrap().to_owned()
        })
        .collect();
    pids.sort();
    pids.dedup();
    pids
}

/// That this host serves what the folder holds, and that the dead ones left nothing.
fn assert_well(place: &Place, host: &Program, held: Held, round: u32) {
    let echo = ask(place, &["call", "echo", "--data", "still here"]);
    assert_eq!(echo.stdout, "still here", "round {round}: {}", echo.stderr);
    let changing = ask(place, &["call", "changing_now", "--data", ""]);
    let answer = (changing.code == Some(0)).then_some(&*changing.stdout);
    assert_eq!(answer, held.answer(), "round {round}: {}", changing.stderr);
    assert_eq!(host_dirs(place), [host.pid()], "round {round}");
    let copies = 1 + usize::from(held != Held::Nothing);
    assert_eq!(place.copies().len(), copies, "round {round}");
    let quarantine = json(&ask(place, &["quarantine", "list", "--json"]));
    assert_eq!(quarantine, serde_json::json!([]), "round {round}");
}

fn kill_at_random_moments(rounds: u32, seed: u64) {
    let place = Place::new();
    place.add("echo");
    let (mut dice, mut held) = (Dice(seed), Held::First);
    held.put(&place);
    // The first one may have to be built, and tries the plugins before it opens them.
    drop(Program::run(&place, &[]));
    let began = Instant::now();
    drop(Program::run(&place, &[]));
    let start = began.elapsed();
    for round in 0..rounds {
        let loading = dice.roll(2) == 0;
        if loading {
            held = Held::roll(&mut dice);
            held.put(&place);
            let mut host = Program::spawn(&place, &[]);
            dice.wait(start);
            host.signal(Signal::KILL);
            host.wait();
            continue;
        }
        let mut host = Program::run(&place, &[]);
        assert_well(&place, &host, held, round);
        let next = Held::roll(&mut dice);
        next.put(&place);
        let mut told = match (held, next) {
            // As if the file's absence had lasted: the host's own patience with it is a second.
            (_, Held::Nothing) => tell(&place, &["disable", "changing"]),
            (Held::Nothing, _) => tell(&place, &["status"]),
            _ => tell(&place, &["reload", "changing"]),
        };
        // A change of the folder settles for a fifth of a second; a command is carried out at once.
        let patience = if held == Held::Nothing { 400 } else { 80 };
        dice.wait(Duration::from_millis(patience));
        host.signal(Signal::KILL);
        host.wait();
        told.wait().unwrap();
        held = next;
    }
    let host = Program::run(&place, &[]);
    assert_well(&place, &host, held, rounds);
}

#[test]
fn a_host_that_is_killed_at_any_of_two_hundred_moments_starts_again_and_leaves_nothing_behind() {
    kill_at_random_moments(200, 0x5eed_0fa1);
}
