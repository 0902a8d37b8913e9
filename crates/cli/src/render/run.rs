//! Runs as lines and tables.

use std::collections::BTreeSet;

use raccord_model::Name;
use raccord_model::fact::{Parents, Run, RunOutcome, Tally};
use raccord_model::foreign;
use raccord_serve::request::RunReport;

use super::table::Table;
use super::{count, grouped};
use crate::style::{RED, YELLOW};

/// The most reasons below a list of runs.
const EXPLAINED: usize = 10;

/// The most paths that no record had, of a transfer.
const PATHS_SHOWN: usize = 10;

/// The columns that [`cells`] fills.
pub(crate) const RUN_COLUMNS: [&str; 10] = [
    "transfer",
    "outcome",
    "fetched",
    "created",
    "updated",
    "deleted",
    "unchanged",
    "skipped",
    "rejected",
    "swept",
];

/// A run as cells under [`RUN_COLUMNS`].
pub(crate) fn cells(run: &Run) -> [String; 10] {
    let Tally { fetched, created, updated, deleted, unchanged, skipped, rejected, swept, .. } = run.tally;
    let outcome = run.outcome.as_str().to_owned();
    let counts = [fetched, created, updated, deleted, unchanged, skipped, rejected, swept]
        .map(|count| count.to_string());
    let [fetched, created, updated, deleted, unchanged, skipped, rejected, swept] = counts;
    [
        run.transfer.to_string(),
        outcome,
        fetched,
        created,
        updated,
        deleted,
        unchanged,
        skipped,
        rejected,
        swept,
    ]
}

/// A run that has ended, in one line.
pub(crate) fn line(run: &Run) -> String {
    format!(
        "{}: {}, {} fetched in {}",
        run.transfer,
        run.outcome.as_str(),
        grouped(run.tally.fetched),
        count(usize::try_from(run.pages).unwrap_or(usize::MAX), "page")
    )
}

/// The report at the end, for a terminal of some width.
pub(crate) fn report(report: &RunReport, width: Option<usize>) -> String {
    let mut text = String::new();
    if !report.runs.is_empty() {
        let mut runs: Vec<&Run> = report.runs.iter().collect();
        runs.sort_by(|a, b| a.transfer.cmp(&b.transfer));
        let mut table = Table::new(RUN_COLUMNS);
        for run in &runs {
            table.row(cells(run));
        }
        text.push_str(&table.text(width));
        for run in &runs {
            text.extend(ended(run, report));
            text.extend(passed_over(run));
            text.extend(unseen(&run.transfer, run.unseen.as_deref().unwrap_or_default()));
        }
        runs.iter().flat_map(|run| notes(run)).for_each(|line| text.push_str(&line));
    }
    for (name, reason) in &report.skipped {
        text.push_str(&format!("{name} did not run: {}\n", foreign::line(reason)));
    }
    for (name, reason) in report.blocked.iter().filter(|blocked| !report.skipped.contains(blocked)) {
        text.push_str(&format!("{RED}{name} does not run{RED:#}: {}\n", foreign::line(reason)));
    }
    for note in &report.notes {
        text.push_str(&format!("{YELLOW}note{YELLOW:#}: {}\n", foreign::line(note)));
    }
    if let Some(error) = &report.undelivered {
        text.push_str(&format!("{YELLOW}alerts not delivered{YELLOW:#}: {}\n", foreign::line(error)));
    }
    if report.runs.is_empty() && report.skipped.is_empty() {
        text.push_str("nothing to run: no active integration subscribes to an active transfer\n");
    }
    text
}

/// Why the runs of a list, newest first, failed or are held: each reason once, and what to do about the newest.
pub(crate) fn explanations<'a>(runs: impl IntoIterator<Item = &'a Run>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for run in runs {
        let is_newest = seen.insert(&run.transfer);
        if is_newest {
            lines.extend(notes(run));
        }
        let line = match &run.outcome {
            // What is approved is the newest.
            RunOutcome::Held(_) if !is_newest => {
                Some(format!("{} was held; a later run has begun anew\n", run.transfer))
            }
            RunOutcome::Failed { .. } | RunOutcome::Held(_) => explained(run),
            RunOutcome::Running | RunOutcome::Succeeded | RunOutcome::Stopped => None,
        };
        let passed_over = passed_over(run).filter(|_| is_newest);
        for line in [line, passed_over].into_iter().flatten() {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let more = lines.len().saturating_sub(EXPLAINED);
    lines.truncate(EXPLAINED);
    if more > 0 {
        lines.push(format!("… and {}; --output json tells all\n", count(more, "more reason")));
    }
    lines.concat()
}

/// What is to be said of a run that has just ended.
fn ended(run: &Run, report: &RunReport) -> Option<String> {
    match report.ended.iter().find(|(name, _)| *name == run.transfer) {
        Some((name, reason)) => Some(format!("{RED}{name} was stopped{RED:#}: {}\n", foreign::line(reason))),
        None => explained(run),
    }
}

/// Why a run is held, and what to do about it; nothing of one that is not.
pub(crate) fn held(run: &Run) -> Option<String> {
    let hold = run.outcome.hold()?;
    let (because, approval) = (hold.because(), hold.approval());
    let Run { transfer, id, .. } = run;
    Some(format!(
        "{YELLOW}{transfer} is held{YELLOW:#}: {}; `raccord approve {id}` {approval}\n",
        foreign::line(&because)
    ))
}

/// The paths of a transfer that no record of a complete reading had, in its mapping, `deletes` and `version`: misspellings,
/// perhaps.
pub(crate) fn unseen(transfer: &Name, paths: &[String]) -> Option<String> {
    let shown: Vec<String> = paths.iter().take(PATHS_SHOWN).map(|path| format!("`{path}`")).collect();
    let more = paths.len().saturating_sub(PATHS_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!paths.is_empty()).then(|| {
        let paths = foreign::line(&shown.join(", ")).to_string();
        format!(
            "{transfer}: no record of the last complete reading has {paths}{more}; is that how the source spells it?\n"
        )
    })
}

/// How many parents were passed over, and what that means for deletions.
fn passed_over(run: &Run) -> Option<String> {
    let Parents { read, skipped, unproven, failed, .. } = &run.parents;
    if *skipped == 0 {
        return None;
    }
    let (name, of) = (&run.transfer, read + skipped + failed);
    let deletions = if *unproven == 0 {
        String::new()
    } else {
        format!("; no snapshot deletes anything while {unproven} of them may still have children")
    };
    Some(format!("{name}: {} of {} passed over{deletions}\n", grouped(*skipped), of_parents(of)))
}

/// `1 parent was`, `30 parents were`.
fn of_parents(count: u64) -> String {
    if count == 1 { "1 parent was".to_owned() } else { format!("{} parents were", grouped(count)) }
}

/// What a person should know of a run although nothing failed.
fn notes(run: &Run) -> impl Iterator<Item = String> {
    let name = &run.transfer;
    run.notes.iter().map(move |note| format!("{YELLOW}{name}{YELLOW:#}: {}\n", foreign::line(note)))
}

fn explained(run: &Run) -> Option<String> {
    let name = &run.transfer;
    match &run.outcome {
        RunOutcome::Failed { error, .. } => {
            Some(format!("{RED}{name} failed{RED:#}: {}\n", foreign::line(error)))
        }
        RunOutcome::Held(_) => held(run),
        RunOutcome::Stopped => Some(format!("{name} was stopped; the next run continues\n")),
        RunOutcome::Succeeded if run.tally.rejected > 0 => Some(format!(
            "{name}: {} rejected; `raccord rejects list --transfer {name}` tells why\n",
            grouped(run.tally.rejected)
        )),
        RunOutcome::Running | RunOutcome::Succeeded => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c0de-0000-7000-8000-000000000000";

    fn stopped() -> Run {
        serde_json::from_value(serde_json::json!({
            "id": ID, "transferUid": ID, "transfer": "people", "to": "crm.contact", "generation": 1,
            "started": "2025-01-31T09:30:00Z", "outcome": "stopped", "tally": Tally::default(),
        }))
        .unwrap()
    }

    #[test]
    fn a_stopped_run_continues_only_when_its_integration_does() {
        let mut ended = RunReport { runs: vec![stopped()], ..RunReport::default() };
        assert!(report(&ended, None).contains("people was stopped; the next run continues\n"));
        let (name, reason) =
            ("people".parse().unwrap(), "of the integration shop, it was disabled".to_owned());
        ended.ended = vec![(name, reason)];
        let said = report(&ended, None);
        assert!(
            said.contains("was stopped") && said.contains(": of the integration shop, it was disabled\n"),
            "{said}"
        );
        assert!(!said.contains("continues"), "{said}");
    }
}
