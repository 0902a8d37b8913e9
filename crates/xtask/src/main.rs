//! The recipes of this repository: `cargo xtask test`, `cargo xtask quickstart` and the steps they share.
//!
//! Each recipe is a list of programs that are shown, run, and must succeed. Nothing of the product lives here,
//! and the product never depends on it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a recipe says what it does")]

mod bench;
mod fuzz;
mod kills;
mod laws;
mod manifests;
mod measured;
mod quickstart;
mod recipe;
mod screenshots;
mod setup;
mod test;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask RECIPE

recipes:
  quickstart  build raccord, then plan, apply and run examples/quickstart and show what arrived
  setup       install what the tests need, when it is missing
  test        setup, then every check and every test
  bench       measure the release binary on generated work (docs/benchmarks.md)
  kills [NUMBER] [SEED]
              kill the release binary in the middle of large applies and runs, and check what is left
  rows [NUMBER]
              move so many rows with the release binary, beside the least that could be done for them
  reloads [NUMBER] [EDITS]
              measure the release binary from saving a file to the new generation, then edit for a minute
  deliveries [NUMBER]
              send webhooks to the release binary over many connections, with a kill in the middle
  pages [TRANSFERS] [RECORDS]
              ask the release binary for the pages of the console with so much of everything
  soak [MINUTES]
              let the release binary run 200 integrations every minute, and compare what ran to what was due
  chaos [MINUTES]
              kill, stop and cut off three daemons on one state and restart their server, and compare what ran to what was due
  daemons [RUNS]
              measure takeovers, and what runs and webhooks cost with one, two and four daemons on one state
  cluster [STEPS] [SEED]
              simulate daemons on one state for so many steps
  laws [CASES] [SEED]
              try what must hold on so many new cases each
  fuzz [SECONDS] [TARGET]
              feed every reader mutated input, ten minutes each; a finding stays in target/fuzz
  screenshots take the pictures of the console that docs/console.md shows
  manifests   read real manifests of Airbyte beside what airbyte-cdk has sent and returned
  audit       look up the dependencies in the advisory database (fetches it)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let recipe = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["quickstart"] => quickstart::run,
        ["setup"] => setup::run,
        ["test"] => test::run,
        ["audit"] => test::audit,
        ["screenshots"] => screenshots::run,
        ["manifests"] => manifests::run,
        ["bench"] => bench::run,
        ["kills", ref options @ ..] => return ended(kills::run(options)),
        ["rows", ref options @ ..] => return ended(measured::rows(options)),
        ["reloads", ref options @ ..] => return ended(measured::reloads(options)),
        ["deliveries", ref options @ ..] => return ended(measured::deliveries(options)),
        ["pages", ref options @ ..] => return ended(measured::pages(options)),
        ["soak", ref options @ ..] => return ended(measured::soak(options)),
        ["chaos", ref options @ ..] => return ended(measured::chaos(options)),
        ["daemons", ref options @ ..] => return ended(measured::daemons(options)),
        ["cluster", ref options @ ..] => return ended(laws::cluster(options)),
        ["laws", ref options @ ..] => return ended(laws::run(options)),
        ["fuzz", ref rest @ ..] => return ended(fuzz::run(rest)),
        [bench::MEASURE, ref command @ ..] => return ended(bench::one(command)),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    ended(recipe())
}

fn ended(result: Result<(), recipe::RecipeError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
