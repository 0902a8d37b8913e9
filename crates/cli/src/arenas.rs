//! How much memory a daemon, an apply or a run keeps beyond what it uses.
//!
//! The allocator of glibc gives each thread an arena, and keeps what was given back in it: a daemon of 200
//! integrations grew by 84 MB an hour though nothing was lost, and with two arenas by 13 (docs/benchmarks.md). How many
//! there are, it reads from the environment when a process begins, and nowhere else.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The variable: see mallopt(3).
const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// How many a daemon has, unless the environment says so: many runs, requests and deliveries at once.
pub(crate) const OF_A_DAEMON: u8 = 2;

/// How many an apply has: files are read on as many threads as there are cores, and each but the first takes turns.
pub(crate) const OF_AN_APPLY: u8 = 2;

/// How many a run has that the command line makes itself.
pub(crate) const OF_A_RUN: u8 = 1;

/// Begins the program anew, as the same process, with few arenas; goes on as it is when that is so already, or when it
/// cannot be. Only before the first thread has begun.
pub(crate) fn limit(arenas: u8) {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It comes back only when it could not begin, and then the memory is the only thing that differs.
    drop(again.args(arguments).env(VARIABLE, arenas.to_string()).exec());
}
