//! The daemon's behaviour as data: scenarios of events and effects in words, against a fake clock.
//!
//! Each file under `scenarios/` holds the scenarios of one subject: a title, what is given, then one line an event:
//! when, what happens, and what follows. They are written to be read; `words` says what the words mean.

mod cluster;
mod law;
mod patch;
mod times;
mod words;
mod world;

use words::Scenario;
use world::World;

/// Runs every scenario of a file, and shows those that went otherwise as they went.
#[track_caller]
fn check(file: &str) {
    let mut wrong: Vec<String> = Vec::new();
    for scenario in Scenario::all(file) {
        let mut world = World::new(&scenario);
        let told: Vec<String> = scenario.lines.iter().map(|line| world.live(line)).collect();
        let written: Vec<String> = scenario.lines.iter().map(|line| line.shown(&line.effects)).collect();
        if told != written {
            wrong.push(format!("{}\n{}", scenario.title, told.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "went otherwise:\n\n{}\n", wrong.join("\n\n"));
}

macro_rules! scenarios {
    ($($subject:ident),*) => {$(
        #[test]
        fn $subject() {
            check(include_str!(concat!("scenarios/", stringify!($subject), ".txt")));
        }
    )*};
}

scenarios!(
    schedules,
    clock_changes,
    restarts,
    edits,
    hindrances,
    requests,
    limits,
    deliveries,
    reloads,
    outbox,
    once,
    ends,
    together
);
