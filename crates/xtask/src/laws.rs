//! `cargo xtask laws [CASES] [SEED]`: what must hold for every configuration and every record, on many new cases.
//!
//! `cargo xtask test` tries fewer cases, and the same ones each time (`.cargo/config.toml`).

use crate::recipe::{RecipeError, cargo, cargo_program, run as execute, seed, step};

/// How many cases each law is tried on, unless the caller says.
const CASES: &str = "2000";

/// How many steps daemons on a shared state are simulated for, unless the caller says.
const STEPS: &str = "10000000";

/// `cargo xtask cluster`: the simulation of several daemons, for so many steps.
pub(crate) fn cluster(arguments: &[&str]) -> Result<(), RecipeError> {
    let steps = arguments.first().copied().unwrap_or(STEPS);
    let seed = arguments.get(1).map_or_else(|| seed().to_string(), ToString::to_string);
    step(&format!("{steps} steps of daemons on a shared state, seed {seed}"), || {
        let mut command = cargo();
        command.args(["test", "--locked", "--package", "raccord-daemon", "--lib", "--"]);
        command.args(["step::tests::cluster::no_two_workers", "--nocapture"]);
        command
            .env("RACCORD_CLUSTER_STEPS", steps)
            .env("PROPTEST_RNG_SEED", &seed)
            .env("PROPTEST_CASES", "1");
        execute(&mut command)
    })
}

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
