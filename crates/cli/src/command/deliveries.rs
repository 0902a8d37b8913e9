//! `raccord deliveries list|show|drop`.

use clap::{Args, Subcommand};
use raccord_model::Name;
use raccord_serve::request::DeliveryView;
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::Global;
use crate::render::instant;
use crate::render::table::{Form, ListForm, Table};
use crate::session::{Opening, Session};
use crate::style::BOLD;
use crate::ui::Ui;

/// The greatest limit that every reader of JSON holds exactly.
const EVERYTHING: usize = (1 << 53) - 1;

/// Look at the deliveries of webhooks that wait, and drop them
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesVerb {
    List(ListArgs),
    Show(ShowArgs),
    Drop(DropArgs),
}

/// List the deliveries that wait for their transfers, in the order in which they came
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord deliveries list --transfer customers")]
pub(crate) struct ListArgs {
    /// Only those that wait for this transfer
    #[arg(long)]
    transfer: Option<Name>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    output: ListForm,
}

/// Show one delivery with what it holds
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord deliveries show 17")]
pub(crate) struct ShowArgs {
    /// The number that `raccord deliveries list` shows
    sequence: u64,
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    output: Form,
}

/// Drop deliveries that wait, for good: what they say is never stored
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord deliveries drop 17 18")]
pub(crate) struct DropArgs {
    /// The numbers that `raccord deliveries list` shows
    #[arg(required = true)]
    sequences: Vec<u64>,
}

pub(crate) fn deliveries(ui: &Ui, global: &Global, verb: &DeliveriesVerb) -> Result<(), CommandError> {
    let session = Session::open(global, "deliveries", Opening::Existing)?;
    match verb {
        DeliveriesVerb::List(args) => list(*ui, &session, args),
        DeliveriesVerb::Show(args) => show(*ui, &session, args),
        DeliveriesVerb::Drop(args) => {
            session.ask(Request::DropDeliveries { sequences: args.sequences.clone() }, |reply| match reply {
                Reply::Done(said) => Ok(ui.line(&said)?),
                _ => Ok(()),
            })
        }
    }
}

fn ask(
    session: &Session,
    transfer: Option<Name>,
    sequence: Option<u64>,
    limit: usize,
) -> Result<Vec<DeliveryView>, CommandError> {
    session.collect(Request::Deliveries { transfer, sequence, limit }, |reply| match reply {
        Reply::Delivery(delivery) => Some(delivery),
        _ => None,
    })
}

fn list(ui: Ui, session: &Session, args: &ListArgs) -> Result<(), CommandError> {
    // What a machine reads is never cut.
    let limit = if args.output.is_text() { args.limit } else { EVERYTHING };
    let deliveries = ask(session, args.transfer.clone(), None, limit)?;
    if deliveries.is_empty() && args.output.is_text() {
        ui.note("no delivery waits");
        return Ok(());
    }
    let mut table = Table::new(["number", "transfer", "kind", "event", "path", "bytes", "received"]);
    for view in &deliveries {
        table.row([
            view.sequence.to_string(),
            view.transfer.to_string(),
            view.kind.as_str().to_owned(),
            view.event.clone(),
            view.path.clone().unwrap_or_default(),
            view.bytes.to_string(),
            instant(view.received),
        ]);
    }
    ui.list(&table, args.output, &deliveries)
}

fn show(ui: Ui, session: &Session, args: &ShowArgs) -> Result<(), CommandError> {
    for view in ask(session, None, Some(args.sequence), 1)? {
        if !args.output.is_text() {
            ui.json(&view)?;
            continue;
        }
        ui.line(&format!("{BOLD}delivery {}{BOLD:#} for {}", view.sequence, view.transfer))?;
        ui.line(&format!("  event     {}", view.event))?;
        ui.line(&format!("  kind      {}", view.kind.as_str()))?;
        if let Some(path) = &view.path {
            ui.line(&format!("  path      {path}"))?;
        }
        ui.line(&format!("  received  {}", view.received))?;
        ui.line(&format!("  record    {}", view.record.unwrap_or_default()))?;
    }
    Ok(())
}
