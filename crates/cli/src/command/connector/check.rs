//! `raccord connector check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use raccord_manifest::component::Problem;
use raccord_manifest::load::load;
use raccord_manifest::support::{Metadata, Report, Totals};
use serde_json::{Value, json};

use super::files;
use crate::error::CommandError;
use crate::render::count;
use crate::style::{BOLD, DIM, GREEN, RED, YELLOW};
use crate::ui::Ui;

/// Say which data types of manifests can be read, and what stands in the way of the others
///
/// Sends nothing, and needs no settings. Ends with 1 when a file is no manifest.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord connector check connectors/shop.yaml\n  raccord connector check connectors"
)]
pub(crate) struct CheckArgs {
    /// Manifests, and directories in which they are looked for
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn check(ui: &Ui, args: &CheckArgs) -> Result<ExitCode, CommandError> {
    let files = files::manifests(&args.paths)?;
    if files.is_empty() {
        let error = CommandError::new("no manifest was found");
        return Err(error.hint("a manifest is a YAML file with the line `type: DeclarativeSource`"));
    }
    let (mut totals, mut broken, mut entries) = (Totals::default(), 0_usize, Vec::new());
    for path in &files {
        match load(&files::text(path)?) {
            Ok(manifest) => {
                let report = Report::of(&manifest);
                totals.add(&report);
                if args.json {
                    entries.push(entry(path, &report));
                } else {
                    ui.print(&shown(path, &report))?;
                }
            }
            Err(problem) => {
                broken += 1;
                let message = format!("it is no manifest: {}", told(&problem));
                if args.json {
                    entries.push(json!({ "path": path, "error": message }));
                } else {
                    ui.print(&format!("{BOLD}{}{BOLD:#}\n  {RED}{message}{RED:#}\n", path.display()))?;
                }
            }
        }
    }
    if args.json {
        ui.json(&json!({ "manifests": entries, "total": total(&totals, broken) }))?;
    } else if files.len() > 1 {
        ui.print(&summary(&totals, broken))?;
    }
    Ok(if broken > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A problem in words, with its place where it has one.
pub(super) fn told(problem: &Problem) -> String {
    if problem.path.is_empty() { problem.message.clone() } else { problem.to_string() }
}

/// Where a manifest comes from, when a `metadata.yaml` beside it says so.
fn origin(path: &Path) -> Option<Metadata> {
    let text = files::text(&path.with_file_name("metadata.yaml")).ok()?;
    Metadata::read(&text).ok()
}

fn shown(path: &Path, report: &Report) -> String {
    let (usable, all) = (report.usable(), report.all().count());
    let mut text = format!("{BOLD}{}{BOLD:#}  {usable} of {}\n", path.display(), count(all, "data type"));
    if let Some(metadata) = origin(path) {
        let parts =
            [metadata.title, metadata.version, metadata.license.map(|name| format!("licence {name}"))];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        text.push_str(&format!("  {DIM}{}{DIM:#}\n", parts.join(", ")));
    }
    for problem in &report.general {
        text.push_str(&format!("  {RED}{}{RED:#}\n", told(problem)));
    }
    for stream in report.all() {
        let name = &stream.data_type.name;
        if stream.problems.is_empty() {
            let how = match &stream.data_type.cursor_field {
                Some(field) => format!("incremental by {field}"),
                None => "read as a whole".to_owned(),
            };
            text.push_str(&format!("  {GREEN}✓{GREEN:#} {name}  {DIM}{how}{DIM:#}\n"));
        } else {
            text.push_str(&format!("  {YELLOW}✗{YELLOW:#} {name}\n"));
            for problem in &stream.problems {
                text.push_str(&format!("      {}\n", told(problem)));
            }
        }
    }
    text
}

fn summary(totals: &Totals, broken: usize) -> String {
    let streams = totals.usable + totals.unusable;
    let mut text = format!(
        "\n{BOLD}{} of {} can be read{BOLD:#}: {} whole, {} in part, {} not at all",
        totals.usable,
        count(streams, "data type"),
        count(totals.whole, "manifest"),
        totals.partial,
        totals.none,
    );
    if broken > 0 {
        text.push_str(&format!(", {} that are none", count(broken, "file")));
    }
    text.push('\n');
    let mut reasons: Vec<_> = totals.reasons.iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    for (reason, streams) in reasons {
        text.push_str(&format!("  {streams:>5}  {reason}\n"));
    }
    text
}

fn total(totals: &Totals, broken: usize) -> Value {
    json!({
        "whole": totals.whole,
        "partial": totals.partial,
        "none": totals.none,
        "broken": broken,
        "usable": totals.usable,
        "unusable": totals.unusable,
        "reasons": totals.reasons,
    })
}

fn entry(path: &Path, report: &Report) -> Value {
    let problems = |problems: &[Problem]| -> Vec<Value> {
        problems.iter().map(|it| json!({ "path": it.path, "message": it.message })).collect()
    };
    let streams: Vec<Value> = report
        .all()
        .map(|stream| {
            json!({
                "name": stream.data_type.name,
                "primaryKey": stream.data_type.primary_key,
                "cursorField": stream.data_type.cursor_field,
                "problems": problems(&stream.problems),
            })
        })
        .collect();
    let metadata = origin(path);
    json!({
        "path": path,
        "license": metadata.as_ref().and_then(|metadata| metadata.license.clone()),
        "name": metadata.as_ref().and_then(|metadata| metadata.name.clone()),
        "usable": report.usable(),
        "problems": problems(&report.general),
        "dataTypes": streams,
    })
}
