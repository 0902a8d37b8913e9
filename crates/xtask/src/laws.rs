//! `cargo xtask laws [CASES] [SEED]`: what must hold for every configuration and every record, on many new cases.
//!
//! `cargo xtask test` tries fewer cases, and the same ones each time (`.cargo/config.toml`).

use crate::recipe::{RecipeError, cargo_program, run as execute, seed, step};

/// How many cases each law is tried on, unless the caller says.
const CASES: &str = "2000";

/// The recipe, with the number of cases and the seed.
pub(crate) fn run(arguments: &[&str]) -> Result<(), RecipeError> {
    let cases = arguments.first().copied().unwrap_or(CASES);
    let seed = arguments.get(1).map_or_else(|| seed().to_string(), ToString::to_string);
    step(&format!("{cases} cases of each law, seed {seed}"), || {
        let mut command = cargo_program("nextest");
        command.args(["run", "--locked", "--workspace", "--profile", "laws"]);
        command.env("PROPTEST_CASES", cases).env("PROPTEST_RNG_SEED", &seed);
        execute(&mut command)
    })
}
