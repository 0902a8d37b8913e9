//! What a recipe is made of: a titled step, and a program that is run in the root of the repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// Where the programs of the third parties are installed.
const PROGRAMS: &str = "target/counterparts/bin";

/// Why a recipe stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecipeError {
    /// A program could not be started.
    #[error("start `{program}`: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended badly; what it printed says why.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The whole command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// Something is missing that only a person can install.
    #[error("{0}")]
    Missing(String),
    /// A file of the recipe itself could not be touched.
    #[error("{what}: {source}")]
    File {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The `cargo` that runs this recipe. A first build keeps nothing for the next one: noting what changed costs a sixth of its
/// time, and what it compiles is used later all the same.
pub(crate) fn cargo() -> Command {
    static IS_FIRST: OnceLock<bool> = OnceLock::new();
    let mut command = program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    if *IS_FIRST.get_or_init(is_first_build) {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Whether no crate of the product was compiled here before.
fn is_first_build() -> bool {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let Ok(units) = std::fs::read_dir(target.join("debug/incremental")) else { return true };
    let mut names = units.filter_map(|unit| unit.ok()?.file_name().into_string().ok());
    !names.any(|name| name.starts_with("raccord"))
}

/// A program of cargo that is no part of it, such as `cargo nextest`: the one on the path, else the one that `cargo xtask
/// setup` installed beside the third parties.
pub(crate) fn cargo_program(name: &str) -> Command {
    let mut own = cargo();
    own.arg(name);
    if succeeds(cargo().args([name, "--version"])) {
        return own;
    }
    let mut installed = program(&root().join(PROGRAMS).join(format!("cargo-{name}")).to_string_lossy());
    installed.arg(name);
    installed
}

/// A program that will run in the root of the repository.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// A seed that no other call gives: the seconds since 1970.
pub(crate) fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a recipe has no clock to be passed in")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

/// What a step took.
pub(crate) struct Cost {
    title: String,
    wall: Duration,
    /// Processor time of the programs that it ran, in user and system mode.
    cpu: Duration,
}

/// Announces a step, does it, and says how long it took.
pub(crate) fn step(title: &str, work: impl FnOnce() -> Result<(), RecipeError>) -> Result<(), RecipeError> {
    measure(title, work).map(drop)
}

/// The same, and answers what it took, for a table at the end of a recipe.
pub(crate) fn measure(
    title: &str,
    work: impl FnOnce() -> Result<(), RecipeError>,
) -> Result<Cost, RecipeError> {
    println!("── {title}");
    let (begin, before) = (Instant::now(), children());
    work()?;
    let (wall, cpu) = (begin.elapsed(), children().saturating_sub(before));
    println!("   {title}: {} s", wall.as_secs());
    Ok(Cost { title: title.to_owned(), wall, cpu })
}

/// Prints what each step took, and all of them together.
pub(crate) fn show(costs: &[Cost]) {
    let row = |title: &str, wall: Duration, cpu: Duration| {
        println!("{title:<45} {:>8} {:>12.1}", wall.as_secs(), cpu.as_secs_f64() / 60.0);
    };
    println!("{:<45} {:>8} {:>12}", "step", "wall s", "CPU minutes");
    for cost in costs {
        row(&cost.title, cost.wall, cost.cpu);
    }
    let (wall, cpu) = (costs.iter().map(|cost| cost.wall).sum(), costs.iter().map(|cost| cost.cpu).sum());
    row("all of them", wall, cpu);
}

/// The processor time of the programs that have ended so far.
fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN);
    let time = usage.map(|usage| usage.user_time() + usage.system_time());
    let micros = time.map_or(0, |time| time.num_microseconds());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Runs a program to its end; an error when it does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), RecipeError> {
    let status = command.status().map_err(|source| RecipeError::Start { program: shown(command), source })?;
    if status.success() { Ok(()) } else { Err(RecipeError::Failed { command: shown(command), status }) }
}

/// Whether a program exists and succeeds, without showing what it says.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
