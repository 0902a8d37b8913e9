//! `raccord run`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use raccord_model::Name;
use raccord_model::fact::{Run, RunOutcome};
use raccord_serve::request::{Progress, RunReport};
use raccord_serve::{Reply, Request};

use crate::command::drift;
use crate::complete;
use crate::error::CommandError;
use crate::options::{Global, Output};
use crate::render;
use crate::session::{Opening, Session};
use crate::ui::Ui;

/// Run the activated integrations of the applied generation once
///
/// Ctrl-C stops after the page in hand; the next run continues there. Ends with 0 although records were
/// rejected or it was stopped, with 1 when a transfer failed or an integration is disabled or paused.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord run\n  raccord run boutique --output json")]
pub(crate) struct RunArgs {
    /// Only these integrations
    #[arg(add = ArgValueCandidates::new(complete::integrations))]
    integrations: Vec<Name>,
    /// The form of the report
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) fn run(ui: &Ui, global: &Global, args: &RunArgs) -> Result<ExitCode, CommandError> {
    crate::arenas::limit(crate::arenas::OF_A_RUN);
    let session = Session::open(global, "run", Opening::Existing)?;
    let notes = drift::notes(global, &session);
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
    // Before anything else is said, the bars go.
    drop(display);
    let mut report = report.ok_or_else(|| CommandError::new("the engine gave no answer"))?;
    report.notes.extend(notes);
    match args.output {
        Output::Text => ui.print(&render::run::report(&report, ui.width()))?,
        Output::Json => ui.json(&report)?,
    }
    Ok(exit_code(&report))
}

fn exit_code(report: &RunReport) -> ExitCode {
    let failed = report.runs.iter().any(|run| matches!(run.outcome, RunOutcome::Failed { .. }));
    if failed || !report.blocked.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows runs under way: bars on a terminal, a line at the end of each otherwise.
struct Display {
    ui: Ui,
    bars: Option<MultiProgress>,
    by_transfer: BTreeMap<Name, ProgressBar>,
    /// For how many bars the widths were chosen.
    styled: usize,
}

impl Display {
    fn new(ui: Ui) -> Self {
        let bars = ui.is_interactive().then(MultiProgress::new);
        Self { ui, bars, by_transfer: BTreeMap::new(), styled: 0 }
    }

    fn progress(&mut self, progress: &Progress) {
        let Some(bars) = &self.bars else { return };
        let bar = self.by_transfer.entry(progress.transfer.clone()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::no_length());
            bar.set_prefix(progress.transfer.to_string());
            bar
        });
        bar.set_position(progress.tally.fetched);
        let pages = render::count(usize::try_from(progress.pages).unwrap_or(usize::MAX), "page");
        bar.set_message(format!("{pages}, {} rejected", render::grouped(progress.tally.rejected)));
        if self.by_transfer.len() != self.styled {
            self.styled = self.by_transfer.len();
            let widest = self.by_transfer.keys().map(|name| name.as_str().len()).max().unwrap_or_default();
            self.by_transfer.values().for_each(|bar| bar.set_style(style(widest)));
        }
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

impl Drop for Display {
    /// Nothing of a bar stays, however the runs ended.
    fn drop(&mut self) {
        self.by_transfer.values().for_each(ProgressBar::finish_and_clear);
    }
}

/// A bar whose name takes as much room as the longest of them.
fn style(widest: usize) -> ProgressStyle {
    let template = format!("{{spinner}} {{prefix:{widest}}}  {{human_pos:>9}} fetched  {{rate:>9}}  {{msg}}");
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // A terminal that takes no more is told nothing.
        let _unheard = write!(out, "{:.0}/s", state.per_sec());
    };
    let style = ProgressStyle::with_template(&template);
    style.unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key("rate", rate)
}
