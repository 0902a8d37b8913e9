//! Kills: whatever the moment, the state opens afterwards, a generation is wholly there or not at all, and the
//! next run brings the entity to where an undisturbed one does.
//!
//! A plain test run makes a few kills on little work. `cargo xtask kills` makes many on much, with the release
//! binary, and shows where they landed; it is the same code, told by `RACCORD_KILLS`.

mod applying;
#[path = "../../crates/xtask/src/bench/configuration.rs"]
#[expect(dead_code, reason = "kills need a part of what is made for measuring")]
mod configuration;
mod failpoints;
mod into_postgres;
mod running;
#[path = "../../crates/xtask/src/bench/server.rs"]
#[expect(dead_code, reason = "kills need a part of what is made for measuring")]
mod server;

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::environment::{TestEnvironment, assert_says};

/// Where the state is.
const STATE: &str = ".raccord/state.redb";

/// The share of the kills, in percent, that must land while the work is under way.
const UNDER_WAY: usize = 80;

/// How much work there is, and how often it is disturbed.
struct Scale {
    kills: usize,
    /// How often a database is killed.
    server_kills: usize,
    resources: usize,
    records: u64,
    per_page: u64,
    /// Up to which passage of a failpoint kills are made.
    passages: u64,
}

impl Scale {
    /// A little; or much, when the recipe says how many kills.
    fn of_this_run() -> Self {
        match variable("RACCORD_KILLS") {
            None => {
                Self { kills: 6, server_kills: 2, resources: 300, records: 5_000, per_page: 100, passages: 1 }
            }
            Some(kills) => {
                let kills = usize::try_from(kills).unwrap();
                let server_kills = kills * 2 / 5;
                Self {
                    kills,
                    server_kills,
                    resources: 10_000,
                    records: 200_000,
                    per_page: 1_000,
                    passages: 5,
                }
            }
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Random moments that a seed repeats.
struct Random(u64);

impl Random {
    fn of_this_run() -> Self {
        let seed = variable("RACCORD_KILLS_SEED").unwrap_or(1);
        println!("seed {seed}");
        Self(seed)
    }

    /// A moment before the end of something that takes so long. `SplitMix64`.
    fn moment(&mut self, within: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Duration::from_micros((mixed ^ (mixed >> 31)) % u64::try_from(within.as_micros()).unwrap().max(1))
    }
}

/// A command that was killed, unless it was faster.
struct Kill {
    /// Whether the command had ended by itself.
    was_late: bool,
    /// What it had printed.
    printed: String,
    /// Whether it had the state open.
    was_open: bool,
}

/// Begins a command and kills it after a while.
fn kill(environment: &TestEnvironment, command: &str, after: Duration) -> Kill {
    // A pipe that is not read would hold the program up.
    let output = environment.path().join("output.txt");
    let mut command = environment.command(command);
    command.stdout(File::create(&output).unwrap()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success() || status.signal() == Some(9), "{status}");
    let note = fs::read_to_string(environment.path().join(STATE).with_extension("redb.holder"));
    let note: Option<Value> = note.ok().and_then(|note| serde_json::from_str(&note).ok());
    let was_open = note.is_some_and(|note| note["pid"] == child.id());
    Kill { was_late: status.success(), printed: fs::read_to_string(&output).unwrap(), was_open }
}

/// Kills once more, while what the first kill has left is opened and mended.
fn kill_again(environment: &TestEnvironment, random: &mut Random) {
    if environment.path().join(STATE).exists() {
        kill(environment, "state check", random.moment(Duration::from_millis(100)));
    }
}

/// How long a command takes that is not disturbed.
fn time(environment: &TestEnvironment, command: &str) -> Duration {
    let begin = Instant::now();
    environment.ok(command);
    begin.elapsed()
}

/// The state must be whole.
#[track_caller]
fn check(environment: &TestEnvironment) {
    assert_says(&environment.ok("state check"), &["whole: "]);
}

/// Removes the state and all that is kept in it.
fn begin_anew(environment: &TestEnvironment) {
    fs::remove_dir_all(environment.path().join(STATE).parent().unwrap()).unwrap();
}

/// Where kills landed: the places in the order of the work, whether the work is under way there, how many.
struct Landings(Vec<(&'static str, bool, usize)>);

impl Landings {
    fn at(places: &[(&'static str, bool)]) -> Self {
        Self(places.iter().map(|(place, under_way)| (*place, *under_way, 0)).collect())
    }

    fn count(&mut self, moment: Duration, place: &str) {
        println!("{:>8.3} s: {place}", moment.as_secs_f64());
        self.0.iter_mut().find(|(name, ..)| *name == place).unwrap().2 += 1;
    }

    /// Shows the table. Of many kills most must have landed while the work was under way.
    fn report(&self, what: &str) {
        let sum = |of: &dyn Fn(bool) -> bool| -> usize {
            self.0.iter().filter(|(_, under_way, _)| of(*under_way)).map(|(.., count)| count).sum()
        };
        let (all, meant) = (sum(&|_| true), sum(&|under_way| under_way));
        println!("\n| {what}: where the kill landed | work under way | kills |\n|---|---|---|");
        for (place, under_way, count) in &self.0 {
            println!("| {place} | {} | {count} |", if *under_way { "yes" } else { "no" });
        }
        let share = meant * 100 / all;
        println!("| all | {share}% | {all} |");
        assert!(all < 20 || share >= UNDER_WAY, "only {share}% of the kills disturbed the work");
    }
}
