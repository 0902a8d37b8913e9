//! What moving rows costs in CPU and memory, beside the least that could be done for the same rows. Asserted is that the rows are
//! right; what was measured is printed, and no part of a verdict.
//!
//! `cargo xtask rows` runs these on many rows with the release binary.

mod between_databases;
mod into_lines;
mod over_http;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

use crate::postgres_server::PostgresServer;

/// How many rows, unless `RACCORD_ROWS` says otherwise.
const ROWS: u64 = 2_000;

/// How many rows this run has.
fn rows() -> u64 {
    std::env::var("RACCORD_ROWS").map_or(ROWS, |rows| rows.parse().unwrap())
}

/// The largest resident set of a child that has ended so far, in units of 1,000,000 bytes.
fn peak_megabytes() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() * 1_024 / 1_000_000
}

/// CPU seconds of the children that have ended.
fn cpu_of_children() -> f64 {
    ticks("self", &[15, 16])
}

/// CPU seconds of ended children, and of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) client: f64,
    pub(crate) server: f64,
}

impl Cpu {
    pub(crate) fn now(server: &PostgresServer) -> Self {
        let pid = fs::read_to_string(server.home().join("postmaster.pid")).unwrap();
        let postmaster = pid.lines().next().unwrap().to_owned();
        let children = Command::new("pgrep").args(["-P", &postmaster]).output().unwrap().stdout;
        let children = String::from_utf8(children).unwrap();
        // Backends that ended are counted by the postmaster, which waited for them.
        let of_server = ticks(&postmaster, &[13, 14, 15, 16])
            + children.lines().map(|pid| ticks(pid, &[13, 14])).sum::<f64>();
        Self { client: cpu_of_children(), server: of_server }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { client: self.client - earlier.client, server: self.server - earlier.server }
    }

    pub(crate) fn total(self) -> f64 {
        self.client + self.server
    }
}

/// The sum of fields of `/proc/PID/stat` (counted from zero, in hundredths of a second), in seconds.
pub(crate) fn ticks(pid: &str, fields: &[usize]) -> f64 {
    // A process that ended meanwhile is the postmaster's to count.
    let text = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    let Some((_, after_name)) = text.rsplit_once(')') else { return 0.0 };
    let values: Vec<f64> = after_name.split_whitespace().map(|word| word.parse().unwrap_or(0.0)).collect();
    fields.iter().map(|field| values[field - 2]).sum::<f64>() / 100.0
}

/// Runs statements and `\copy` by a `psql` of its own.
pub(crate) fn psql(server: &PostgresServer, statements: &[String]) {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url("postgres")]);
    for statement in statements {
        command.args(["-c", statement]);
    }
    assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{statements:?}");
}
