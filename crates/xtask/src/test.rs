//! Every check and every test, the quick ones first.

use std::path::Path;
use std::process::Command;

use crate::manifests::{self, Part};
use crate::recipe::{Cost, RecipeError, cargo, cargo_program, measure, run as execute, show, step};
use crate::setup;

/// The recipe: stops at the first check that fails, and ends with what each step took.
///
/// The steps share what they compile: lints and documentation the same metadata; examples, tests and the installation
/// that a test tries the same libraries.
pub(crate) fn run() -> Result<(), RecipeError> {
    let mut costs = Vec::new();
    let result = all(&mut costs);
    show(&costs);
    result
}

/// The steps, with what each that succeeded took.
fn all(costs: &mut Vec<Cost>) -> Result<(), RecipeError> {
    costs.push(measure("set-up", setup::run)?);
    check(costs, "formatting", cargo().args(["fmt", "--all", "--check"]))?;
    check(costs, "licences and origins of the dependencies", cargo_program("deny").args(DENY))?;
    check(costs, "lints", cargo().args(LINTS))?;
    check(costs, "lints of the small set of features", cargo().args(SMALL))?;
    check(costs, "documentation of the code", &mut documentation())?;
    check(
        costs,
        "build of the tests",
        cargo_program("nextest").args(["run", "--locked", "--workspace", "--no-run"]),
    )?;
    check(
        costs,
        "examples in the documentation of the code",
        cargo().args(["test", "--locked", "--workspace", "--doc"]),
    )?;
    // What was recorded is not part of the repository.
    match manifests::rig() {
        Some(_) => {
            costs.push(measure("a third of the recorded manifests", || manifests::replay(Part::Third))?);
        }
        None => println!(
            "\nNOT CHECKED: there are no recorded manifests beside the repository (cargo xtask manifests)"
        ),
    }
    // Last, so that the summary of the tests is what a reader of the log finds near its end.
    check(costs, "tests", cargo_program("nextest").args(["run", "--locked", "--workspace"]))
}

/// One check, and what it took.
fn check(costs: &mut Vec<Cost>, title: &str, command: &mut Command) -> Result<(), RecipeError> {
    costs.push(measure(title, || execute(command))?);
    Ok(())
}

/// Every target with every feature.
const LINTS: [&str; 7] = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];

/// The command that documents the code. It takes what the lints have compiled, which cargo tells from other metadata by the
/// compiler that made it and by what that was asked.
fn documentation() -> Command {
    let mut command = cargo();
    command.args(["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let compiler = Path::new(&sysroot.unwrap_or_default()).join("bin/clippy-driver");
    if compiler.is_file() {
        command.env("RUSTC_WORKSPACE_WRAPPER", compiler).env("CLIPPY_ARGS", ASKED);
    }
    command
}

/// How `cargo clippy` passes `--deny warnings` to its compiler.
const ASKED: &str = "--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";

/// The binary without what needs a library of its own.
const SMALL: [&str; 8] =
    ["clippy", "--locked", "--package", "raccord-cli", "--no-default-features", "--", "--deny", "warnings"];

/// What `cargo deny` looks at without the network.
const DENY: [&str; 7] =
    ["--log-level", "error", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];

/// Looks the dependencies up in the advisory database. Apart from `test`, because the database is fetched
/// from the network and changes from day to day.
pub(crate) fn audit() -> Result<(), RecipeError> {
    setup::run()?;
    step("advisories", || execute(cargo_program("deny").args(["check", "advisories"])))
}
