//! `cargo xtask fuzz [SECONDS] [TARGET]`: each fuzz target, or one, for as long as it is told.
//!
//! The targets are tests of `raccord-serve` and run a few seconds there; here they run one after the other, each
//! from a seed of its own, which is shown.

use crate::recipe::{RecipeError, cargo, run as execute, seed, step};

/// The tests that are targets.
const TARGETS: [&str; 8] = ["loader", "mapping", "csv", "jsonl", "json_files", "plan", "rows", "webhook"];

/// How long each target runs when nothing is said: ten minutes.
const SECONDS: u64 = 600;

/// The variable with the seed; another one each time, unless one is to be used again.
const SEED: &str = "RACCORD_FUZZ_SEED";

/// The recipe: the first finding ends it and tells where the input is.
pub(crate) fn run(arguments: &[&str]) -> Result<(), RecipeError> {
    let seconds = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    let named: Vec<&str> = arguments.iter().copied().filter(|word| word.parse::<u64>().is_err()).collect();
    if let Some(unknown) = named.iter().find(|name| !TARGETS.contains(name)) {
        let all = TARGETS.join(", ");
        return Err(RecipeError::Missing(format!("there is no target `{unknown}`; the targets are {all}")));
    }
    for target in if named.is_empty() { &TARGETS[..] } else { &named } {
        step(&format!("fuzz {target} for {seconds} s"), || {
            let mut command = cargo();
            command.args([
                "test",
                "--quiet",
                "--locked",
                "--package",
                "raccord-serve",
                "--test",
                "fuzz",
                "--",
            ]);
            command.args([target, "--nocapture"]);
            command.env("RACCORD_FUZZ_SECONDS", seconds.to_string());
            let seed = std::env::var(SEED).unwrap_or_else(|_| seed().to_string());
            command.env(SEED, seed);
            execute(&mut command)
        })?;
    }
    Ok(())
}
