//! `raccord audit`.

use clap::Args;
use raccord_serve::{Reply, Request};

use crate::error::CommandError;
use crate::options::Global;
use crate::render::instant;
use crate::render::table::{ListForm, Table};
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// List who changed something, and who was not allowed to, newest first
///
/// The last ten thousand entries are kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord audit --limit 5")]
pub(crate) struct AuditArgs {
    /// At most so many [default: 20 as text, all of them otherwise]
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn audit(ui: &Ui, global: &Global, args: &AuditArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "audit", Opening::Existing)?;
    let entries =
        session.collect(Request::Audit { limit: args.output.limit(args.limit) }, |reply| match reply {
            Reply::Audit(entry) => Some(entry),
            _ => None,
        })?;
    let mut table = Table::new(["at", "who", "way", "what", "outcome", ""]);
    for entry in &entries {
        table.row([
            instant(entry.at),
            entry.who.clone(),
            entry.way.as_str().to_owned(),
            entry.what.clone(),
            entry.outcome.as_str().to_owned(),
            entry.outcome.detail().to_owned(),
        ]);
    }
    ui.list(&table, args.output, &entries)
}
