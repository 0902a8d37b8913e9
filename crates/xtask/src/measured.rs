//! `cargo xtask rows`, `reloads`, `deliveries`, `soak`, `chaos`, `daemons` and `pages`: tests with the release binary, on much work. `tests/throughput`,
//! `tests/daemon` and `tests/console` say what must hold, and print what was measured.

use crate::recipe::{RecipeError, cargo, root, run as execute, step};

/// Measures reloads: how many, and how many edits within a minute.
pub(crate) fn reloads(arguments: &[&str]) -> Result<(), RecipeError> {
    let [number, edits] = [(0, "100"), (1, "10000")].map(|(at, usual)| *arguments.get(at).unwrap_or(&usual));
    measure("daemon::latency::", &[("RACCORD_RELOADS", number), ("RACCORD_EDITS", edits)])
}

/// Measures webhooks: how many. What the disk takes is measured first.
pub(crate) fn deliveries(arguments: &[&str]) -> Result<(), RecipeError> {
    let number = *arguments.first().unwrap_or(&"50000");
    step("measure the inbox alone, beside durable commits by hand", || {
        execute(cargo().args(["run", "--release", "--locked", "-p", "raccord-store", "--example", "inbox"]))
    })?;
    measure("daemon::deliveries::", &[("RACCORD_DELIVERIES", number)])
}

/// Lets it live, for so many minutes.
pub(crate) fn soak(arguments: &[&str]) -> Result<(), RecipeError> {
    let minutes = *arguments.first().unwrap_or(&"20");
    measure("daemon::soak::", &[("RACCORD_SOAK_MINUTES", minutes)])
}

/// Lets three daemons live through troubles, for so many minutes.
pub(crate) fn chaos(arguments: &[&str]) -> Result<(), RecipeError> {
    let minutes = *arguments.first().unwrap_or(&"10");
    let seconds =
        minutes.parse::<u64>().map_or_else(|_| "600".to_owned(), |minutes| (minutes * 60).to_string());
    measure("cluster::chaos::", &[("RACCORD_CHAOS_SECONDS", &seconds)])
}

/// Measures daemons on one state: with how many runs.
pub(crate) fn daemons(arguments: &[&str]) -> Result<(), RecipeError> {
    let number = *arguments.first().unwrap_or(&"10000");
    measure("cluster::measured::", &[("RACCORD_CLUSTER_RUNS", number)])
}

/// Moves rows from service to table, table to table, and file to file: how many.
pub(crate) fn rows(arguments: &[&str]) -> Result<(), RecipeError> {
    let number = *arguments.first().unwrap_or(&"200000");
    measure("throughput::", &[("RACCORD_ROWS", number)])
}

/// Asks for the pages of the console: with how many transfers, and how many records.
pub(crate) fn pages(arguments: &[&str]) -> Result<(), RecipeError> {
    let [transfers, records] =
        [(0, "5000"), (1, "1000000")].map(|(at, usual)| *arguments.get(at).unwrap_or(&usual));
    let settings = [("RACCORD_PAGES_TRANSFERS", transfers), ("RACCORD_PAGES_RECORDS", records)];
    measure("console::size::", &settings)
}

/// Runs tests one after the other with the release binary.
fn measure(tests: &str, settings: &[(&str, &str)]) -> Result<(), RecipeError> {
    step("build raccord", || execute(cargo().args(["build", "--release", "--locked", "--bin", "raccord"])))?;
    step("measure it", || {
        let arguments = ["test", "--locked", "--package", "raccord-cli", "--test", "e2e", "--", tests];
        execute(
            cargo()
                .args(arguments)
                .args(["--nocapture", "--test-threads", "1"])
                .env("RACCORD_TEST_BINARY", root().join("target/release/raccord"))
                .envs(settings.iter().copied()),
        )
    })
}
