//! `raccord rejects list|show|replay`.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use raccord_model::Name;
use raccord_model::fact::RejectId;
use raccord_serve::request::{RejectGroup, RejectView, SummaryQuery};
use raccord_serve::{Reply, Request};

use crate::complete;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::render::instant;
use crate::render::table::{Form, ListForm, Table};
use crate::session::{Opening, Session};
use crate::style::BOLD;
use crate::ui::Ui;

/// Look at rejected records, and map them again
#[derive(Debug, Subcommand)]
pub(crate) enum RejectsVerb {
    List(ListArgs),
    Show(ShowArgs),
    Replay(ReplayArgs),
}

/// List rejected records, newest first
///
/// As text the first twenty, and how many there are; in every other form all of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord rejects list --transfer customers\n  raccord rejects list --summary"
)]
pub(crate) struct ListArgs {
    /// Only of this transfer
    #[arg(long, add = ArgValueCandidates::new(complete::transfers))]
    transfer: Option<Name>,
    /// At most so many [default: 20 as text, all of them otherwise]
    #[arg(long)]
    limit: Option<usize>,
    /// How many there are of each reason and field, instead of the records
    #[arg(long, conflicts_with = "limit")]
    summary: bool,
    #[command(flatten)]
    output: ListForm,
}

/// Show one rejected record with its reason
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord rejects show 9f86d081884c7d65")]
pub(crate) struct ShowArgs {
    /// The id that `raccord rejects list` shows
    id: RejectId,
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    output: Form,
}

/// Map rejected records again, after the mapping was mended; those that pass are stored
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord rejects replay customers")]
pub(crate) struct ReplayArgs {
    /// The transfer
    #[arg(add = ArgValueCandidates::new(complete::transfers))]
    transfer: Name,
}

pub(crate) fn rejects(ui: &Ui, global: &Global, verb: &RejectsVerb) -> Result<(), CommandError> {
    let session = Session::open(global, "rejects", Opening::Existing)?;
    match verb {
        RejectsVerb::List(args) if args.summary => summary(*ui, &session, args),
        RejectsVerb::List(args) => list(*ui, &session, args),
        RejectsVerb::Show(args) => show(*ui, &session, args),
        RejectsVerb::Replay(args) => {
            session.ask(Request::ReplayRejects { transfer: args.transfer.clone(), only: None }, |reply| {
                match reply {
                    Reply::Done(said) => Ok(ui.line(&said)?),
                    _ => Ok(()),
                }
            })
        }
    }
}

fn list(ui: Ui, session: &Session, args: &ListArgs) -> Result<(), CommandError> {
    let limit = args.output.limit(args.limit);
    let request =
        Request::Rejects { transfer: args.transfer.clone(), id: None, group: None, limit, total: true };
    let (mut rejects, mut total): (Vec<RejectView>, u64) = (Vec::new(), 0);
    session.ask(request, |reply| {
        match reply {
            Reply::Reject(reject) => rejects.push(reject),
            Reply::Total(all) => total = all,
            _ => {}
        }
        Ok(())
    })?;
    if rejects.is_empty() && args.output.is_text() {
        ui.note("no reject");
        return Ok(());
    }
    let mut table = Table::new(["id", "transfer", "field", "reason", "position", "at"]).whole();
    for view in &rejects {
        table.row([
            view.id.clone(),
            view.transfer.to_string(),
            view.field.as_ref().map(ToString::to_string).unwrap_or_default(),
            view.reason.clone(),
            view.position.clone(),
            instant(view.at),
        ]);
    }
    ui.list(&table, args.output, &rejects)?;
    if args.output.is_text()
        && let Some(part) = render::part(rejects.len(), total, "reject")
    {
        ui.line(&format!("{part}; --limit shows more of them, --summary counts them by reason"))?;
    }
    Ok(())
}

fn summary(ui: Ui, session: &Session, args: &ListArgs) -> Result<(), CommandError> {
    let request = Request::RejectSummary(SummaryQuery { transfer: args.transfer.clone(), part: None });
    let groups: Vec<RejectGroup> = session.collect(request, |reply| match reply {
        Reply::RejectGroup(group) => Some(group),
        _ => None,
    })?;
    if groups.is_empty() && args.output.is_text() {
        ui.note("no reject");
        return Ok(());
    }
    let mut table = Table::new(["count", "transfer", "field", "reason", "newest", "at"]).whole();
    for group in &groups {
        table.row([
            group.count.to_string(),
            group.transfer.to_string(),
            group.field.as_ref().map(ToString::to_string).unwrap_or_default(),
            group.reason.clone(),
            group.newest.clone(),
            instant(group.at),
        ]);
    }
    ui.list(&table, args.output, &groups)
}

fn show(ui: Ui, session: &Session, args: &ShowArgs) -> Result<(), CommandError> {
    let request = Request::Rejects { transfer: None, id: Some(args.id), group: None, limit: 1, total: false };
    let found = session.collect(request, |reply| match reply {
        Reply::Reject(reject) => Some(reject),
        _ => None,
    })?;
    for view in found {
        if !args.output.is_text() {
            ui.json(&view)?;
            continue;
        }
        let reject = &view;
        let field = reject.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        ui.line(&format!("{BOLD}{}{BOLD:#} of {}", view.id, view.transfer))?;
        ui.line(&format!("  reason    {field}{}", reject.reason))?;
        ui.line(&format!("  position  {}", reject.position))?;
        ui.line(&format!("  run       {} at {}", reject.run, instant(reject.at)))?;
        match &reject.payload {
            Some(payload) => ui.line(&format!("  record    {payload}"))?,
            None => ui.line("  record    not kept: the transfer says `payload: drop`")?,
        }
        if let Some(parent) = &reject.parent {
            ui.line(&format!("  parent    {parent}"))?;
        }
    }
    Ok(())
}
