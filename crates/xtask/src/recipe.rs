//! What a recipe is made of: a titled step, and a program that is run in the root of the repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

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

/// The `cargo` that runs this recipe.
pub(crate) fn cargo() -> Command {
    program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
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

/// Announces a step, does it, and says how long it took.
pub(crate) fn step(title: &str, work: impl FnOnce() -> Result<(), RecipeError>) -> Result<(), RecipeError> {
    println!("── {title}");
    let begin = Instant::now();
    work()?;
    println!("   {title}: {} s", begin.elapsed().as_secs());
    Ok(())
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
