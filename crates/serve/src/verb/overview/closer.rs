//! What only the transfers of a page are asked: their rows and rejects, and what their runs of a day have brought.

use jiff::Timestamp;
use raccord_model::fact::{Run, Tally};
use raccord_model::port::destination::Kept;
use raccord_run::Ports;
use raccord_run::applied::Applied;

use super::select::Listed;
use crate::reply::RequestError;
use crate::request::OverviewLine;
use crate::verb::status::kept_of;

/// How many hours a line tells of.
const HOURS: i64 = 24;

/// How many runs of one transfer are looked at: those of a day, if it runs each minute.
const RUNS: usize = 1_500;

/// Fills in what was not read yet. A sentence comes back for each store that does not answer.
pub(super) async fn look(
    ports: &Ports,
    applied: &Applied,
    page: &mut [(&Listed, OverviewLine)],
) -> Result<Vec<String>, RequestError> {
    let spec = |found: &Listed| Some((found.uid, applied.desired.transfer(&found.name)?));
    let wanted = page.iter().filter_map(|(found, _)| spec(found)).collect();
    let (kept, unseen) = kept_of(ports, applied, wanted).await?;
    let now = ports.environment.now();
    for (found, line) in page {
        let of: Option<&Kept> = kept.get(&found.uid);
        (line.rows, line.rejects) = (of.map(|kept| kept.rows), of.map(|kept| kept.rejects));
        line.day = by_hour(&ports.facts().runs_of(found.uid, RUNS).await?, now);
    }
    Ok(unseen)
}

/// What runs have brought hour by hour, the oldest first; nothing when none of them began within the time.
fn by_hour(runs: &[Run], now: Timestamp) -> Vec<Tally> {
    let mut hours = Vec::new();
    for run in runs {
        let ago = run.started.duration_until(now).as_hours().max(0);
        if ago >= HOURS {
            // They are newest first.
            break;
        }
        hours.resize(usize::try_from(HOURS).unwrap_or_default(), Tally::default());
        let hour = usize::try_from(HOURS - 1 - ago).ok().and_then(|at| hours.get_mut(at));
        if let Some(hour) = hour {
            hour.add(&run.tally);
        }
    }
    hours
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use raccord_model::fact::{Parents, RunCause, RunId, RunOutcome, Uid};

    use super::*;

    #[test]
    fn runs_are_counted_in_the_hour_in_which_they_began() {
        let now: Timestamp = "2025-01-31T09:30:00Z".parse().unwrap();
        let run = |minutes: i64, created: u64| Run {
            id: RunId(uuid::Uuid::nil()),
            transfer_uid: Uid::UNALLOTTED,
            transfer: "people".parse().unwrap(),
            to: "crm.contact".parse().unwrap(),
            generation: 1,
            cause: RunCause::Requested,
            started: now - SignedDuration::from_mins(minutes),
            ended: None,
            outcome: RunOutcome::Succeeded,
            tally: Tally { fetched: created, created, ..Tally::default() },
            pages: 1,
            parents: Parents::default(),
            notes: Vec::new(),
            unseen: None,
            again: None,
            uncounted: false,
        };
        let check = |runs: &[(i64, u64)], expected: &[(usize, u64)]| {
            let runs: Vec<Run> = runs.iter().map(|(minutes, created)| run(*minutes, *created)).collect();
            let hours = by_hour(&runs, now);
            let found = hours.iter().enumerate().filter(|(_, tally)| tally.created > 0);
            assert_eq!(found.map(|(hour, tally)| (hour, tally.created)).collect::<Vec<_>>(), expected);
        };
        check(&[], &[]);
        check(&[(0, 3), (59, 4), (60, 5)], &[(22, 5), (23, 7)]);
        check(&[(-1, 2), (1_439, 7), (1_440, 9)], &[(0, 7), (23, 2)]);
        assert!(by_hour(&[run(1_440, 1)], now).is_empty());
    }
}
