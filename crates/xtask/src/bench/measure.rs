//! CPU seconds and peak memory of one command. The recipe calls itself for each, because the system counts
//! the memory of all ended children of a process together.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

use crate::recipe::RecipeError;

/// The word that makes the recipe measure one command and print its figures.
pub(crate) const MEASURE: &str = "measure";

/// What a command cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// User and system time in seconds.
    pub(super) cpu: f64,
    /// The largest resident set, in units of 1,000,000 bytes.
    pub(super) megabytes: f64,
}

/// Measures a command that must succeed, in a directory.
pub(super) fn measure(program: &Path, arguments: &[&str], directory: &Path) -> Result<Figures, RecipeError> {
    let shown = format!("{} {}", program.display(), arguments.join(" "));
    let start = |source| RecipeError::Start { program: shown.clone(), source };
    let itself = std::env::current_exe().map_err(start)?;
    let program = program.canonicalize().map_err(start)?;
    let output = Command::new(itself)
        .arg(MEASURE)
        .arg(program)
        .args(arguments)
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()
        .map_err(start)?;
    if !output.status.success() {
        return Err(RecipeError::Failed { command: shown, status: output.status });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    match (figures.next(), figures.next()) {
        (Some(cpu), Some(kilobytes)) => Ok(Figures { cpu, megabytes: kilobytes * 1_024.0 / 1_000_000.0 }),
        _ => Err(RecipeError::Missing(format!("no figures came for `{shown}`"))),
    }
}

/// Runs one command and prints its CPU seconds and its peak memory in kilobytes.
pub(crate) fn one(command: &[&str]) -> Result<(), RecipeError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(RecipeError::Missing("name a command to measure".to_owned()));
    };
    let quiet = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = quiet.map_err(|source| RecipeError::Start { program: (*program).to_owned(), source })?;
    if !status.success() {
        return Err(RecipeError::Failed { command: command.join(" "), status });
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| RecipeError::Missing(format!("the system tells no usage: {error}")))?;
    let seconds = [usage.user_time(), usage.system_time()]
        .map(|time| format!("{}.{:06}", time.tv_sec(), time.tv_usec()).parse::<f64>().unwrap_or(0.0));
    println!("{} {}", seconds.iter().sum::<f64>(), usage.max_rss());
    Ok(())
}
