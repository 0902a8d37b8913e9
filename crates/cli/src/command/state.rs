//! `raccord state info|backup|check`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::args::{Global, Output};
use crate::error::CommandError;
use crate::session::{Opening, open_store};
use crate::ui::Ui;

/// Look after the state file
#[derive(Debug, Subcommand)]
pub(crate) enum StateVerb {
    Info(InfoArgs),
    Backup(BackupArgs),
    Check(CheckArgs),
}

/// Tell what the state file is and how much it holds
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord state info")]
pub(crate) struct InfoArgs {
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Copy the state, records included, into a new file that can take its place
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord state backup before-the-move.redb")]
pub(crate) struct BackupArgs {
    /// The new file; an existing one is never overwritten
    to: PathBuf,
}

/// Check that the state file is whole
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord state check")]
pub(crate) struct CheckArgs {}

pub(crate) fn state(ui: &Ui, global: &Global, verb: &StateVerb) -> Result<ExitCode, CommandError> {
    let store = open_store(&global.state, "state", Opening::Existing)?;
    match verb {
        StateVerb::Info(args) => {
            let info = store.info().map_err(|error| CommandError::of(&error))?;
            let facts = serde_json::json!({
                "path": info.path, "fileSize": info.file_size, "format": info.format, "lineage": info.lineage,
                "serial": info.serial, "generation": info.generation, "resources": info.resources,
                "rows": info.rows, "rejects": info.rejects,
            });
            match args.output {
                Output::Json => ui.line(&crate::render::json(&facts)?)?,
                Output::Text => {
                    for (name, value) in facts.as_object().into_iter().flatten() {
                        ui.line(&format!("{name:<12}{}", crate::render::cell(value)))?;
                    }
                }
            }
        }
        StateVerb::Backup(args) => {
            store.backup(&args.to).map_err(|error| CommandError::of(&error))?;
            ui.line(&format!("backed up to {}", args.to.display()))?;
        }
        StateVerb::Check(_) => {
            let report = store.check().map_err(|error| CommandError::of(&error))?;
            for problem in &report.problems {
                ui.line(problem)?;
            }
            if report.count > 0 {
                ui.line(&format!("{} problems", report.count))?;
                return Ok(ExitCode::FAILURE);
            }
            ui.line(&format!(
                "whole: {} resources, {} facts, {} rows, {} rejects",
                report.resources, report.facts, report.rows, report.rejects
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
