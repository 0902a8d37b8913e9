//! `raccord state info|backup|copy|check`.

mod copy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use raccord_model::port::upkeep::CheckReport;
use raccord_serve::request::Cell;
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::{Global, Output};
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// Look after the state
#[derive(Debug, Subcommand)]
pub(crate) enum StateVerb {
    Info(InfoArgs),
    Backup(BackupArgs),
    Copy(copy::CopyArgs),
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
    let session = || Session::open(global, "state", Opening::Existing);
    match verb {
        StateVerb::Info(args) => info(*ui, &session()?, args.output).map(|()| ExitCode::SUCCESS),
        StateVerb::Backup(args) => backup(*ui, &session()?, &args.to).map(|()| ExitCode::SUCCESS),
        StateVerb::Copy(args) => copy::copy(*ui, global, args).map(|()| ExitCode::SUCCESS),
        StateVerb::Check(_) => check(*ui, &session()?),
    }
}

fn info(ui: Ui, session: &Session, output: Output) -> Result<(), CommandError> {
    let info = session.one(Request::Info, |reply| match reply {
        Reply::Info(info) => Some(info),
        _ => None,
    })?;
    let facts = serde_json::to_value(&info).map_err(|error| CommandError::of(&error))?;
    match output {
        Output::Json => ui.json(&facts)?,
        Output::Text => {
            for (name, value) in facts.as_object().into_iter().flatten() {
                ui.line(&format!("{name:<12}{}", Cell::from(value.clone()).text()))?;
            }
        }
    }
    Ok(())
}

fn backup(ui: Ui, session: &Session, to: &Path) -> Result<(), CommandError> {
    // The process that makes the copy may have another working directory.
    let absolute = std::path::absolute(to)?;
    session.ask(Request::Backup { to: absolute }, |_| Ok(()))?;
    Ok(ui.line(&format!("backed up to {}", to.display()))?)
}

/// How much a check has looked at, in words.
fn counts(report: &CheckReport) -> String {
    let counts = [
        (report.resources, "resource"),
        (report.facts, "fact"),
        (report.rows, "row"),
        (report.rejects, "reject"),
    ];
    let mut counts = counts.map(|(count, what)| crate::render::many(count, what)).to_vec();
    match (report.secrets, report.unopened) {
        (0, _) => {}
        (secrets, 0) => counts.push(crate::render::many(secrets, "sealed secret")),
        (secrets, unopened) => counts.push(format!(
            "{}, {unopened} not opened because the key is not here",
            crate::render::many(secrets, "sealed secret")
        )),
    }
    counts.join(", ")
}

fn check(ui: Ui, session: &Session) -> Result<ExitCode, CommandError> {
    let report = session.one(Request::Check, |reply| match reply {
        Reply::Checked(report) => Some(report),
        _ => None,
    })?;
    for problem in &report.problems {
        ui.line(problem)?;
    }
    if !report.is_sound() {
        ui.line(&crate::render::many(report.count, "problem"))?;
        return Ok(ExitCode::FAILURE);
    }
    ui.line(&format!("whole: {}", counts(&report)))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_secrets_are_told_where_there_are_some() {
        for ((secrets, unopened), expected) in [
            ((0, 0), ""),
            ((1, 0), ", 1 sealed secret"),
            ((2, 0), ", 2 sealed secrets"),
            ((2, 1), ", 2 sealed secrets, 1 not opened because the key is not here"),
        ] {
            let report = CheckReport { resources: 7, secrets, unopened, ..CheckReport::default() };
            assert_eq!(counts(&report), format!("7 resources, 0 facts, 0 rows, 0 rejects{expected}"));
        }
    }
}
