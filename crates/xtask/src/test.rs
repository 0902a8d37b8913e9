//! Every check and every test, the quick ones first.

use std::process::Command;
use std::time::Instant;

use crate::recipe::{RecipeError, cargo, run as execute, step};
use crate::setup;

/// The recipe: stops at the first check that fails.
pub(crate) fn run() -> Result<(), RecipeError> {
    let begin = Instant::now();
    setup::run()?;
    check("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    check(
        "lints",
        cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"]),
    )?;
    check(
        "licences and origins of the dependencies",
        cargo().args([
            "deny",
            "--log-level",
            "error",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]),
    )?;
    check(
        "documentation of the code",
        cargo().args(["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    check(
        "examples in the documentation of the code",
        cargo().args(["test", "--locked", "--workspace", "--doc"]),
    )?;
    // Last, so that the summary of the tests is what a reader of the log finds at its end.
    check("tests", cargo().args(["nextest", "run", "--locked", "--workspace"]))?;
    println!("every check and every test passed in {} s", begin.elapsed().as_secs());
    Ok(())
}

/// Looks the dependencies up in the advisory database. Apart from `test`, because the database is fetched
/// from the network and changes from day to day.
pub(crate) fn audit() -> Result<(), RecipeError> {
    setup::run()?;
    check("advisories", cargo().args(["deny", "check", "advisories"]))
}

fn check(title: &str, command: &mut Command) -> Result<(), RecipeError> {
    step(title, || execute(command))
}
