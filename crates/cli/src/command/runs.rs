//! `raccord runs`.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use raccord_model::Name;
use raccord_serve::{Reply, Request};

use crate::complete;
use crate::error::CommandError;
use crate::options::Global;
use crate::render::instant;
use crate::render::run::{RUN_COLUMNS, cells, explanations};
use crate::render::table::{ListForm, Table};
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// List the runs, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord runs --transfer customers --limit 3 --output json")]
pub(crate) struct RunsArgs {
    /// Only of this transfer
    #[arg(long, add = ArgValueCandidates::new(complete::transfers))]
    transfer: Option<Name>,
    /// At most so many [default: 20 as text, all of them otherwise]
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    output: ListForm,
}

pub(crate) fn runs(ui: &Ui, global: &Global, args: &RunsArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "runs", Opening::Existing)?;
    let request = Request::Runs { transfer: args.transfer.clone(), limit: args.output.limit(args.limit) };
    let runs = session.collect(request, |reply| match reply {
        Reply::Run(run) => Some(run),
        _ => None,
    })?;
    let mut table = Table::new(["run", "started"].into_iter().chain(RUN_COLUMNS));
    for run in &runs {
        table.row([run.id.to_string(), instant(run.started)].into_iter().chain(cells(run)));
    }
    ui.list(&table, args.output, &runs)?;
    if args.output.is_text() {
        ui.print(&explanations(&runs))?;
    }
    Ok(())
}
