//! `raccord run`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use raccord_engine::request::{Progress, RunReport};
use raccord_engine::{Reply, Request};
use raccord_model::Name;
use raccord_model::fact::{Run, RunOutcome};

use crate::args::{Global, Output};
use crate::error::CommandError;
use crate::render;
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// Run the activated integrations of the applied generation once
///
/// Ctrl-C stops after the page in hand; the next run continues there. Ends with 0 although records were
/// rejected, with 1 when a transfer failed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord run\n  raccord run boutique --output json")]
pub(crate) struct RunArgs {
    /// Only these integrations
    integrations: Vec<Name>,
    /// The form of the report
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) fn run(ui: &Ui, global: &Global, args: &RunArgs) -> Result<ExitCode, CommandError> {
    let session = Session::open(global, "run", Opening::Existing)?;
    let mut display = Display::new(*ui);
    let mut report = None;
    session.ask(Request::Run { integrations: args.integrations.clone() }, |reply| {
        match reply {
            Reply::Progress(progress) => display.progress(&progress),
            Reply::Run(run) => display.ended(&run),
            Reply::Report(ended) => report = Some(ended),
            _ => {}
        }
        Ok(())
    })?;
    let report = report.ok_or_else(|| CommandError::new("the engine gave no answer"))?;
    match args.output {
        Output::Text => ui.print(&render::run::report(&report))?,
        Output::Json => ui.json(&report)?,
    }
    Ok(exit_code(&report))
}

fn exit_code(report: &RunReport) -> ExitCode {
    let failed = report.runs.iter().any(|run| matches!(run.outcome, RunOutcome::Failed { .. }));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows runs under way: bars on a terminal, a line at the end of each otherwise.
struct Display {
    ui: Ui,
    bars: Option<MultiProgress>,
    by_transfer: BTreeMap<Name, ProgressBar>,
}

impl Display {
    fn new(ui: Ui) -> Self {
        let bars = ui.is_interactive().then(MultiProgress::new);
        Self { ui, bars, by_transfer: BTreeMap::new() }
    }

    fn progress(&mut self, progress: &Progress) {
        let Some(bars) = &self.bars else { return };
        let bar = self.by_transfer.entry(progress.transfer.clone()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::no_length());
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {prefix:20} {pos:>9} fetched  {per_sec}  {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(progress.transfer.to_string());
            bar
        });
        bar.set_position(progress.tally.fetched);
        bar.set_message(format!("{} pages, {} rejected", progress.pages, progress.tally.rejected));
    }

    fn ended(&mut self, run: &Run) {
        if let Some(bar) = self.by_transfer.remove(&run.transfer) {
            bar.finish_and_clear();
        }
        if self.bars.is_none() {
            self.ui.note(&render::run::line(run));
        }
    }
}
