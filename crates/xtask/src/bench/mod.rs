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

/// How many resources the configuration has, and how many more it has the second time.
const RESOURCES: usize = 10_000;
const FACTOR: usize = 10;
/// What the larger configuration may cost, in times of what the smaller one may.
const GROWTH: f64 = 12.0;
/// How many records the source has, and how many the larger one.
const RECORDS: u64 = 200_000;
const MANY_RECORDS: u64 = 1_000_000;
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
    step("build the floor", || {
        execute(cargo().args(["build", "--release", "--locked", "-p", "raccord-store", "--example", "floor"]))
    })?;
    let directory = root().join("target/bench");
    recreate(&directory)?;
    let mut rows = resources(&directory.join("resources"))?;
    rows.extend(records(&directory.join("records"))?);
    rows.push(version(&directory)?);
    println!("\n| what | CPU s | limit | ratio | peak MB | limit | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for Row { what, figures, cpu_limit, memory_limit } in rows {
        let Figures { cpu, megabytes } = figures;
        println!(
            "| {what} | {cpu:.2} | {cpu_limit:.2} | {:.2} | {megabytes:.0} | {memory_limit:.0} | {:.2} |",
            cpu / cpu_limit,
            megabytes / memory_limit
        );
    }
    Ok(())
}

/// Plans and applies many resources, and then many more.
fn resources(directory: &Path) -> Result<Vec<Row>, RecipeError> {
    let cases: [(&str, &[&str], f64); 4] = [
        ("validate", &["validate"], 0.3),
        ("plan, all new", &["plan"], 2.0),
        ("apply all", &["apply", "--auto-approve"], 2.0),
        ("plan, nothing changed", &["plan"], 0.5),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for count in [RESOURCES, RESOURCES * FACTOR] {
        let directory = directory.join(count.to_string());
        write_all(&directory, &configuration::many(count))?;
        for (what, arguments, cpu_limit) in cases {
            let figures = measure(&raccord(), arguments, &directory)?;
            let growth = if count > RESOURCES { GROWTH } else { 1.0 };
            let (cpu_limit, memory_limit) = (cpu_limit * growth, 150.0 * growth);
            rows.push(Row { what: format!("{count} resources: {what}"), figures, cpu_limit, memory_limit });
        }
    }
    Ok(rows)
}

/// Reads records over loopback HTTP and from a file, twice each; the floor; and many more records.
fn records(directory: &Path) -> Result<Vec<Row>, RecipeError> {
    let start = |records| {
        server::Server::start(records, PER_PAGE).map_err(|source| failed("start the server", source))
    };
    let small = start(RECORDS)?;
    let (http, file) = (directory.join("http"), directory.join("file"));
    write_all(&http, &[("raccord.yaml".to_owned(), configuration::contacts_over_http(small.port))])?;
    let lines = (1..=RECORDS).map(server::record).collect::<Vec<_>>().join("\n");
    let written = [
        ("raccord.yaml".to_owned(), configuration::contacts_from_file()),
        ("contacts.jsonl".to_owned(), lines),
    ];
    write_all(&file, &written)?;
    let mut rows = vec![floor(directory, &small)?];
    for (what, directory) in [("over HTTP", &http), ("from a file", &file)] {
        measure(&raccord(), &["apply", "--auto-approve"], directory)?;
        for turn in ["all new", "nothing changed"] {
            let figures = measure(&raccord(), &["run"], directory)?;
            let what = format!("{RECORDS} records {what}, {turn}");
            rows.push(Row { what, figures, cpu_limit: 1.0, memory_limit: 40.0 });
        }
    }
    let large = start(MANY_RECORDS)?;
    let many = directory.join("many");
    write_all(&many, &[("raccord.yaml".to_owned(), configuration::contacts_over_http(large.port))])?;
    measure(&raccord(), &["apply", "--auto-approve"], &many)?;
    let figures = measure(&raccord(), &["run"], &many)?;
    let what = format!("{MANY_RECORDS} records over HTTP, all new");
    rows.push(Row { what, figures, cpu_limit: 5.0, memory_limit: 40.0 });
    Ok(rows)
}

/// The least that could be done for the same records: `crates/store/examples/floor.rs`.
fn floor(directory: &Path, server: &server::Server) -> Result<Row, RecipeError> {
    let url = format!("http://127.0.0.1:{}/contacts?page=1", server.port);
    let program = root().join("target/release/examples/floor");
    let figures = measure(&program, &[&url, "floor.redb"], directory)?;
    Ok(Row { what: format!("{RECORDS} records, the floor"), figures, cpu_limit: 1.0, memory_limit: 40.0 })
}

/// Starting and ending.
fn version(directory: &Path) -> Result<Row, RecipeError> {
    let figures = measure(&raccord(), &["--version"], directory)?;
    Ok(Row { what: "--version".to_owned(), figures, cpu_limit: 0.01, memory_limit: 40.0 })
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
