//! `raccord check`, `discover`, `read`: looking at a source of the configuration, storing nothing.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use raccord_model::duration::Seconds;
use raccord_model::foreign;
use raccord_model::{DataTypeName, Name};
use raccord_serve::{Look, LookAt, Reply};

use crate::complete;
use crate::configuration;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::render::table::{ListForm, Table};
use crate::session;
use crate::style::{BOLD, RED};
use crate::ui::Ui;

/// Find out whether a source can be reached and is read as it is meant to be
///
/// Reads the first page of each data type: is our authorization accepted, are the records found, is there a
/// next page or why not, are the keys of the transfers and the incremental field there.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord check boutique")]
pub(crate) struct CheckArgs {
    /// Which source
    #[arg(add = ArgValueCandidates::new(complete::sources))]
    source: Name,
}

/// List a source's data types with the fields that their first records have
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord discover boutique")]
pub(crate) struct DiscoverArgs {
    /// Which source
    #[arg(add = ArgValueCandidates::new(complete::sources))]
    source: Name,
    #[command(flatten)]
    output: ListForm,
}

/// Print raw records of a source as JSON Lines
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord read boutique customers --limit 3")]
pub(crate) struct ReadArgs {
    /// Which source
    #[arg(add = ArgValueCandidates::new(complete::sources))]
    source: Name,
    /// Which of its data types
    data_type: DataTypeName,
    /// At most so many
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Wait no longer for them; 1h at the most
    #[arg(long, value_name = "TIME", default_value = "1m")]
    timeout: Seconds,
}

pub(crate) fn check(ui: &Ui, global: &Global, args: &CheckArgs) -> Result<(), CommandError> {
    let look = Look {
        desired: configuration::desired(ui, global)?,
        at: LookAt::Check(args.source.clone()),
        limit: 1,
        timeout: None,
    };
    session::look(global, look, |reply| match reply {
        Reply::Done(said) => Ok(ui.line(&said)?),
        _ => Ok(()),
    })
}

pub(crate) fn discover(ui: &Ui, global: &Global, args: &DiscoverArgs) -> Result<(), CommandError> {
    let at = LookAt::Discover(args.source.clone());
    let mut found = Vec::new();
    session::look(
        global,
        Look { desired: configuration::desired(ui, global)?, at, limit: 0, timeout: None },
        |reply| {
            if let Reply::DataType(view) = reply {
                found.push(view);
            }
            Ok(())
        },
    )?;
    if !args.output.is_text() {
        let mut table = Table::new(["dataType", "field", "types", "filled", "example"]);
        for view in &found {
            for field in &view.fields {
                table.row([
                    view.name.to_string(),
                    field.path.clone(),
                    field.types.join("|"),
                    field.filled.to_string(),
                    field.example.clone(),
                ]);
            }
        }
        return ui.list(&table, args.output, &found);
    }
    for view in &found {
        if let Some(error) = &view.error {
            ui.line(&format!("{BOLD}{}{BOLD:#}: {RED}{error}{RED:#}", view.name))?;
            continue;
        }
        ui.line(&format!("{BOLD}{}{BOLD:#}, from {}", view.name, render::count(view.records, "record")))?;
        let mut table = Table::new(["field", "types", "filled", "example"]);
        for field in &view.fields {
            let filled = format!("{}/{}", field.filled, view.records);
            table.row([field.path.clone(), field.types.join(" | "), filled, field.example.clone()]);
        }
        ui.print(&table.text(ui.width()))?;
        if !view.key.is_empty() {
            ui.line(&format!("  key: {}", foreign::line(&view.key.join(", "))))?;
        }
        for finding in &view.findings {
            ui.line(&format!("  {finding}"))?;
        }
        ui.line("")?;
    }
    let failed = found.iter().filter(|view| view.error.is_some()).count();
    if failed == 0 {
        Ok(())
    } else {
        let types = render::count(found.len(), "data type");
        Err(CommandError::new(format!("{failed} of {types} could not be read")))
    }
}

pub(crate) fn read(ui: &Ui, global: &Global, args: &ReadArgs) -> Result<(), CommandError> {
    let at = LookAt::Read(args.source.clone(), args.data_type.clone());
    let look = Look {
        desired: configuration::desired(ui, global)?,
        at,
        limit: args.limit,
        timeout: Some(args.timeout),
    };
    session::look(global, look, |reply| match reply {
        // Whether a terminal or a program reads it: the same values.
        Reply::Raw(line) => Ok(ui.data(&format!("{}\n", foreign::json(&line)))?),
        _ => Ok(()),
    })
}
