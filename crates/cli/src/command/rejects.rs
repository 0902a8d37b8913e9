//! `raccord rejects list|show|replay`.

use clap::{Args, Subcommand};
use raccord_engine::request::RejectView;
use raccord_engine::{Reply, Request};
use raccord_model::Name;
use raccord_model::fact::RejectId;

use crate::args::Global;
use crate::error::CommandError;
use crate::render::instant;
use crate::render::table::{Form, ListForm, Table};
use crate::session::{Opening, Session};
use crate::ui::{BOLD, Ui};

/// Look at rejected records, and map them again
#[derive(Debug, Subcommand)]
pub(crate) enum RejectsVerb {
    List(ListArgs),
    Show(ShowArgs),
    Replay(ReplayArgs),
}

/// List rejected records, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord rejects list --transfer customers")]
pub(crate) struct ListArgs {
    /// Only of this transfer
    #[arg(long)]
    transfer: Option<Name>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
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
    transfer: Name,
}

pub(crate) fn rejects(ui: &Ui, global: &Global, verb: &RejectsVerb) -> Result<(), CommandError> {
    let session = Session::open(global, "rejects", Opening::Existing)?;
    match verb {
        RejectsVerb::List(args) => list(*ui, &session, args),
        RejectsVerb::Show(args) => show(*ui, &session, args),
        RejectsVerb::Replay(args) => {
            session.ask(Request::ReplayRejects { transfer: args.transfer.clone() }, |reply| match reply {
                Reply::Done(said) => Ok(ui.line(&said)?),
                _ => Ok(()),
            })
        }
    }
}

fn ask(
    session: &Session,
    transfer: Option<Name>,
    id: Option<RejectId>,
    limit: usize,
) -> Result<Vec<RejectView>, CommandError> {
    session.collect(Request::Rejects { transfer, id, limit }, |reply| match reply {
        Reply::Reject(reject) => Some(reject),
        _ => None,
    })
}

fn list(ui: Ui, session: &Session, args: &ListArgs) -> Result<(), CommandError> {
    let rejects = ask(session, args.transfer.clone(), None, args.limit)?;
    if rejects.is_empty() && args.output.is_text() {
        ui.note("no reject");
        return Ok(());
    }
    let mut table = Table::new(["id", "transfer", "field", "reason", "position", "at"]);
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
    ui.list(&table, args.output, &rejects)
}

fn show(ui: Ui, session: &Session, args: &ShowArgs) -> Result<(), CommandError> {
    for view in ask(session, None, Some(args.id), 1)? {
        if !args.output.is_text() {
            ui.json(&view)?;
            continue;
        }
        let reject = &view;
        let field = reject.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        ui.line(&format!("{BOLD}{}{BOLD:#} of {}", view.id, view.transfer))?;
        ui.line(&format!("  reason    {field}{}", reject.reason))?;
        ui.line(&format!("  position  {}", reject.position))?;
        ui.line(&format!("  run       {} at {}", reject.run, reject.at))?;
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
