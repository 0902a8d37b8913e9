//! The README's first command: the whole way of `examples/quickstart`, every command shown before it runs.

use std::fs;

use crate::recipe::{RecipeError, cargo, root, run as execute, step};

const EXAMPLE: &str = "examples/quickstart";
// Beside the directory of the profile, which has the name of the recipe.
const STATE: &str = "target/quickstart-state/state.redb";

/// Compiles in a third of the time of the release profile (`Cargo.toml`).
const PROFILE: &str = "quickstart";

/// The small set of features: what needs a database or a format of its own is compiled for those who use it.
const BINARY: [&str; 8] = [
    "--profile",
    PROFILE,
    "--locked",
    "--package",
    "raccord-cli",
    "--no-default-features",
    "--bin",
    "raccord",
];

/// The recipe: begins with no state, ends with a plan that must be empty.
pub(crate) fn run() -> Result<(), RecipeError> {
    step("build raccord", || execute(cargo().arg("build").args(BINARY)))?;
    let directory = root().join(STATE).with_file_name("");
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|source| RecipeError::File {
            what: format!("remove {}", directory.display()),
            source,
        })?;
    }
    raccord(&["validate", "-f", EXAMPLE])?;
    raccord(&["plan", "-f", EXAMPLE, "--state", STATE])?;
    raccord(&["apply", "-f", EXAMPLE, "--state", STATE, "--auto-approve"])?;
    raccord(&["run", "--state", STATE])?;
    raccord(&["status", "--state", STATE])?;
    raccord(&["records", "shop.customer", "--limit", "5", "--state", STATE])?;
    // With this option a plan that is not empty ends with 2, and so ends the recipe.
    raccord(&["plan", "-f", EXAMPLE, "--state", STATE, "--detailed-exitcode"])
}

fn raccord(arguments: &[&str]) -> Result<(), RecipeError> {
    println!("\n$ raccord {}", arguments.join(" "));
    execute(cargo().args(["run", "--quiet"]).args(BINARY).arg("--").args(arguments))
}
