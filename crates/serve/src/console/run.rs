//! Runs as pages show them: a chart of what each brought, and a table of how each ended.

use maud::{Markup, html};
use raccord_model::fact::{Run, RunCause, RunOutcome};

use super::chart::{self, Bar, Part};
use super::show::{self, Tone};
use super::text::Texts;
use super::visit::Visit;

/// How many runs the table shows at first.
const SHOWN: usize = 12;

/// Runs, newest first: a chart and a table. `names` is whether they are of several transfers.
pub(super) fn timeline(visit: &Visit, runs: &[Run], names: bool) -> Markup {
    let words = visit.texts().run;
    html! {
        @if runs.is_empty() { p { (words.none) } }
        @else {
            (chart::columns(visit, words.chart, &bars(visit, runs)))
            @let (newest, older) = runs.split_at(runs.len().min(SHOWN));
            (table(visit, newest, names))
            @if !older.is_empty() { details.older { summary { (words.older) } (table(visit, older, names)) } }
        }
    }
}

/// The bars of a chart, the oldest run first.
fn bars(visit: &Visit, runs: &[Run]) -> Vec<Bar> {
    let bar = |run: &Run| Bar {
        label: format!(
            "{} {} {}",
            show::plain(run.transfer.as_str()),
            run.started.strftime("%Y-%m-%d %H:%M UTC"),
            outcome(visit.texts(), run).1
        ),
        tally: run.tally,
        is_bad: matches!(run.outcome, RunOutcome::Failed { .. }),
    };
    runs.iter().rev().map(bar).collect()
}

fn table(visit: &Visit, runs: &[Run], names: bool) -> Markup {
    let (texts, now, language) = (visit.texts(), visit.now(), visit.reader.language);
    let words = texts.run;
    html! {
        div.wide tabindex="0" role="region" aria-label=(words.chart) { table.runs {
            thead { tr {
                th scope="col" { (words.began) }
                @if names { th scope="col" { (texts.overview.transfer) } }
                th scope="col" { (words.outcome) } th scope="col" { (words.cause) } th.number scope="col" { (words.took) }
                @for part in chart::PARTS { th.number scope="col" { (part.word(texts)) } }
            } }
            @for run in runs { tbody {
                @let (tone, word) = outcome(texts, run);
                tr {
                    td { (show::when(texts, run.started, now)) }
                    @if names { td { a href=(super::page::path_of_transfer(&run.transfer)) { (show::line(run.transfer.as_str())) } } }
                    td { (show::status(tone, word)) }
                    td { (cause(texts, run.cause)) }
                    td.number { @if let Some(ended) = run.ended { (show::span(texts, run.started.duration_until(ended))) } }
                    @for part in chart::PARTS {
                        @let count = part.of(&run.tally);
                        td.number.bad[part == Part::Rejected && count > 0].none[count == 0] { (show::number(language, count)) }
                    }
                }
                @if let Some(said) = said(run) {
                    tr.said { td colspan=(10 + usize::from(names)) { (said) } }
                }
            } }
        } }
    }
}

/// What there is to say of a run beside numbers: why it failed or is held, and what a person should know.
fn said(run: &Run) -> Option<Markup> {
    let why = match &run.outcome {
        RunOutcome::Failed { error, .. } => Some(error.clone()),
        RunOutcome::Held(hold) => Some(hold.because()),
        RunOutcome::Running | RunOutcome::Succeeded | RunOutcome::Stopped => None,
    };
    let texts: Vec<String> =
        why.into_iter().chain(run.parents.first_failure.clone()).chain(run.notes.iter().cloned()).collect();
    (!texts.is_empty()).then(|| html! { @for text in &texts { p { (show::engine(text)) } } })
}

/// How a run ended, as a word with its tone.
pub(super) const fn outcome(texts: &Texts, run: &Run) -> (Tone, &'static str) {
    let words = texts.word;
    match &run.outcome {
        RunOutcome::Running => (Tone::Busy, words.running),
        RunOutcome::Succeeded => (Tone::Good, words.succeeded),
        RunOutcome::Stopped => (Tone::Quiet, words.stopped),
        RunOutcome::Failed { .. } => (Tone::Bad, words.failed),
        RunOutcome::Held(_) => (Tone::Waits, words.held),
    }
}

const fn cause(texts: &Texts, cause: RunCause) -> &'static str {
    match cause {
        RunCause::Requested => texts.run.requested,
        RunCause::Scheduled { .. } => texts.run.scheduled,
        RunCause::Deliveries => texts.run.deliveries,
    }
}
