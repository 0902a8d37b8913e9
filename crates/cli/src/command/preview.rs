//! `raccord preview`.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use raccord_model::Name;
use raccord_model::duration::Seconds;
use raccord_model::foreign::line;
use raccord_serve::request::Preview;
use raccord_serve::{Look, LookAt, Reply};

use crate::complete;
use crate::configuration;
use crate::error::CommandError;
use crate::options::Global;
use crate::render::table::{ListForm, Table};
use crate::session;
use crate::style::{BOLD, DIM, GREEN, RED, YELLOW};
use crate::ui::Ui;

/// Show source records beside the rows they would become, and what would be rejected
///
/// Reads the configuration, not the state; stores nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord preview customers --limit 3")]
pub(crate) struct PreviewArgs {
    /// Which transfer
    #[arg(add = ArgValueCandidates::new(complete::transfers))]
    transfer: Name,
    /// At most so many records
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Wait no longer for them; 1h at the most
    #[arg(long, value_name = "TIME", default_value = "1m")]
    timeout: Seconds,
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn preview(ui: &Ui, global: &Global, args: &PreviewArgs) -> Result<(), CommandError> {
    let at = LookAt::Preview(args.transfer.clone());
    let mut previews = Vec::new();
    let look = Look {
        desired: configuration::desired(ui, global)?,
        at,
        limit: args.limit,
        timeout: Some(args.timeout),
    };
    session::look(global, look, |reply| {
        if let Reply::Preview(preview) = reply {
            previews.push(preview);
        }
        Ok(())
    })?;
    if !args.output.is_text() {
        let mut table = Table::new(["record", "row", "reason"]);
        for preview in &previews {
            let row = preview.row.as_ref().map(serde_json::to_string).transpose();
            let row = row.map_err(|error| CommandError::of(&error))?.unwrap_or_default();
            table.row([preview.record.to_string(), row, preview.reason.clone().unwrap_or_default()]);
        }
        return ui.list(&table, args.output, &previews);
    }
    for (number, preview) in previews.iter().enumerate() {
        ui.print(&one(number + 1, preview))?;
    }
    let rejected = previews.iter().filter(|preview| preview.reason.is_some()).count();
    let records = crate::render::count(previews.len(), "record");
    Ok(ui.line(&format!("{records}, {rejected} would be rejected"))?)
}

fn one(number: usize, preview: &Preview) -> String {
    let mut text = format!("{BOLD}{number}{BOLD:#}  {DIM}{}{DIM:#}\n", line(&preview.record.to_string()));
    if let Some(reason) = &preview.reason {
        let field = preview.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        text.push_str(&format!("   {RED}rejected{RED:#}  {field}{}\n", line(reason)));
    }
    if preview.deleted {
        text.push_str(&format!("   {YELLOW}deleted{YELLOW:#}\n"));
    }
    for (name, value) in preview.row.iter().flat_map(|row| &row.0) {
        if !value.is_null() {
            text.push_str(&format!("   {GREEN}{name}{GREEN:#} {value}\n"));
        }
    }
    text.push('\n');
    text
}
