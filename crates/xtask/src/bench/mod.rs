//! `cargo xtask bench`: CPU seconds and peak memory of the release binary on generated work, beside their
//! limits. Every figure of a run is measured in that run; wall time is noise on shared machines and is not shown.

mod configuration;
mod measure;
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use crate::recipe::{RecipeError, cargo, root, run as execute, step};
use measure::{Figures, measure};
pub(crate) use measure::{MEASURE, one};

/// How many resources the configuration has.
const RESOURCES: usize = 10_000;
/// How many records the source has.
const RECORDS: u64 = 200_000;
/// How many records a page has.
const PER_PAGE: u64 = 1_000;

/// A measured command and what it may cost.
struct Row {
    what: String,
    figures: Figures,
    cpu_limit: f64,
    memory_limit: f64,
}

/// The recipe.
pub(crate) fn run() -> Result<(), RecipeError> {
    step("build raccord", || execute(cargo().args(["build", "--release", "--locked", "--bin", "raccord"])))?;
    let directory = root().join("target/bench");
    recreate(&directory)?;
    let mut rows = resources(&directory.join("resources"))?;
    rows.extend(records(&directory.join("records"))?);
    println!("\n| what | CPU s | limit | ratio | peak MB | limit | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for Row { what, figures, cpu_limit, memory_limit } in rows {
        let Figures { cpu, megabytes } = figures;
        println!(
            "| {what} | {cpu:.2} | {cpu_limit} | {:.2} | {megabytes:.0} | {memory_limit} | {:.2} |",
            cpu / cpu_limit,
            megabytes / memory_limit
        );
    }
    Ok(())
}

/// Plans and applies many resources.
fn resources(directory: &Path) -> Result<Vec<Row>, RecipeError> {
    let written = configuration::many(RESOURCES);
    write_all(directory, &written)?;
    let cases = [
        ("validate", vec!["validate"], 0.3),
        ("plan, all new", vec!["plan", "--output", "json"], 2.0),
        ("apply all", vec!["apply", "--auto-approve"], 2.0),
        ("plan, nothing changed", vec!["plan"], 0.5),
    ];
    cases
        .into_iter()
        .map(|(what, arguments, cpu_limit)| {
            let figures = measure(&raccord(), &arguments, directory)?;
            Ok(Row {
                what: format!("{RESOURCES} resources: {what}"),
                figures,
                cpu_limit,
                memory_limit: 150.0,
            })
        })
        .collect()
}

/// Reads many records over loopback HTTP, twice, and from a file.
fn records(directory: &Path) -> Result<Vec<Row>, RecipeError> {
    let server =
        server::Server::start(RECORDS, PER_PAGE).map_err(|source| failed("start the server", source))?;
    let http = directory.join("http");
    write_all(&http, &[("raccord.yaml".to_owned(), configuration::contacts_over_http(server.port))])?;
    let file = directory.join("file");
    let lines = (1..=RECORDS).map(server::record).collect::<Vec<_>>().join("\n");
    let written = [
        ("raccord.yaml".to_owned(), configuration::contacts_from_file()),
        ("contacts.jsonl".to_owned(), lines),
    ];
    write_all(&file, &written)?;
    let mut rows = Vec::new();
    for (what, directory) in [("over HTTP", &http), ("from a file", &file)] {
        measure(&raccord(), &["apply", "--auto-approve"], directory)?;
        for turn in ["all new", "nothing changed"] {
            let figures = measure(&raccord(), &["run"], directory)?;
            let what = format!("{RECORDS} records {what}, {turn}");
            rows.push(Row { what, figures, cpu_limit: 1.0, memory_limit: 40.0 });
        }
    }
    Ok(rows)
}

fn raccord() -> PathBuf {
    root().join("target/release/raccord")
}

fn recreate(directory: &Path) -> Result<(), RecipeError> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(|source| failed("remove target/bench", source))?;
    }
    Ok(())
}

fn write_all(directory: &Path, files: &[(String, String)]) -> Result<(), RecipeError> {
    fs::create_dir_all(directory).map_err(|source| failed("create target/bench", source))?;
    for (name, text) in files {
        let path = directory.join(name);
        fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(|source| failed(&format!("write {}", path.display()), source))?;
    }
    Ok(())
}

fn failed(what: &str, source: std::io::Error) -> RecipeError {
    RecipeError::File { what: what.to_owned(), source }
}
