//! The breaker: counts what went wrong and says when an integration is to be disabled. Pure.
//!
//! What the YAML wants and what happened are kept apart: a trip is a fact beside `active: true`.

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::{IntegrationFact, Observed, RunOutcome, Share, Trip, TripCause, Uid, Warned};
use raccord_model::language::Breaker;
use raccord_model::language::integration::RejectLimit;

/// What a run means for its transfer: a function of what runs have observed, never of what applies decide.
pub fn after_run(mut fact: Observed, outcome: &RunOutcome, now: Timestamp) -> Observed {
    match outcome {
        RunOutcome::Succeeded => {
            fact.consecutive_failures = 0;
            fact.last_success = Some(now);
        }
        // What ran out here says nothing of the service.
        RunOutcome::Failed { local: true, .. } | RunOutcome::Running | RunOutcome::Stopped => {}
        // The service works. What fails each time for one parent must not keep the others from being read, and what a held run has
        // read is not stored before a person agrees.
        RunOutcome::Failed { partial: true, .. } | RunOutcome::Held(_) => fact.consecutive_failures = 0,
        RunOutcome::Failed { .. } => fact.consecutive_failures = fact.consecutive_failures.saturating_add(1),
    }
    fact
}

/// Adds new rejects to an integration's count and forgets those that are out of sight.
pub fn count_rejects(
    mut fact: IntegrationFact,
    new: u64,
    limit: &RejectLimit,
    now: Timestamp,
) -> IntegrationFact {
    let minute = now.as_second().div_euclid(60);
    let oldest = minute - limit.within.signed().div_euclid(60).max(1) + 1;
    fact.rejects.retain(|at, _| *at >= oldest);
    if new > 0 {
        *fact.rejects.entry(minute).or_default() += new;
    }
    fact
}

/// Whether so many rejects disable the integration.
pub fn too_many_rejects(fact: &IntegrationFact, new: u64, limit: &RejectLimit) -> bool {
    fact.rejects.values().sum::<u64>().saturating_add(new) >= limit.count
}

/// Why an integration is to be disabled after a run of one of its transfers, if it is.
pub fn trip_cause(
    breaker: &Breaker,
    transfer: &Observed,
    integration: &IntegrationFact,
    outcome: &RunOutcome,
) -> Option<TripCause> {
    if let RunOutcome::Failed { unauthorized: true, .. } = outcome {
        return Some(TripCause::Unauthorized);
    }
    let failed = matches!(outcome, RunOutcome::Failed { local: false, partial: false, .. });
    if failed && transfer.consecutive_failures >= breaker.consecutive_failures {
        return Some(TripCause::ConsecutiveFailures(transfer.consecutive_failures));
    }
    if too_many_rejects(integration, 0, &breaker.rejects) {
        let count = integration.rejects.values().sum();
        return Some(TripCause::Rejects(count, breaker.rejects.within.0));
    }
    None
}

/// Of which limits a run has used up half or more, without anybody having been warned in this row of failures or
/// rejects. From now on they were.
pub fn half_way(
    breaker: &Breaker,
    (uid, transfer): (Uid, &Observed),
    outcome: &RunOutcome,
    mut fact: IntegrationFact,
) -> (IntegrationFact, Vec<Share>) {
    let mut shares = Vec::new();
    let (count, limit) = (transfer.consecutive_failures, breaker.consecutive_failures);
    let is_half = count.saturating_mul(2) >= limit;
    // A first failure begins a new row, whatever ended the one before.
    if !is_half || count <= 1 {
        fact.warned.failures.remove(&uid);
    }
    let failed = matches!(outcome, RunOutcome::Failed { local: false, partial: false, .. });
    if failed && is_half && fact.warned.failures.insert(uid) {
        shares.push(Share::Failures(count, limit));
    }
    let count = fact.rejects.values().sum::<u64>();
    let RejectLimit { count: limit, within } = breaker.rejects;
    let is_half = count.saturating_mul(2) >= limit;
    if is_half && !fact.warned.rejects {
        shares.push(Share::Rejects(count, limit, within.0));
    }
    fact.warned.rejects = is_half;
    (fact, shares)
}

/// Disables an integration, unless it is disabled already.
pub fn trip(
    mut fact: IntegrationFact,
    cause: TripCause,
    transfer: &Name,
    errors: Vec<String>,
    now: Timestamp,
) -> IntegrationFact {
    if fact.trip.is_none() {
        fact.trip = Some(Trip { at: now, transfer: transfer.clone(), cause, errors });
    }
    fact
}

/// Resumes an integration: the trip, the pause and the counts are gone, and no warning counts as given.
pub fn resume(mut fact: IntegrationFact) -> IntegrationFact {
    fact.trip = None;
    fact.pause = None;
    fact.rejects.clear();
    fact.warned = Warned::default();
    fact
}

/// Whether a pause is still in force.
pub fn is_paused(fact: &IntegrationFact, now: Timestamp) -> bool {
    fact.pause.as_ref().is_some_and(|pause| pause.until.is_none_or(|until| now < until))
}

#[cfg(test)]
mod tests {
    use raccord_model::fact::Hold;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn failed(unauthorized: bool) -> RunOutcome {
        RunOutcome::Failed { error: "no".to_owned(), unauthorized, local: false, partial: false }
    }

    #[test]
    fn failures_in_a_row_trip_and_a_success_forgets_them() {
        let breaker = Breaker { consecutive_failures: 3, ..Breaker::default() };
        let now = at("2025-01-01T00:00:00Z");
        let mut fact = Observed::default();
        let mut trips = Vec::new();
        for outcome in [
            failed(false),
            failed(false),
            RunOutcome::Stopped,
            RunOutcome::Succeeded,
            failed(false),
            failed(false),
            failed(false),
        ] {
            fact = after_run(fact, &outcome, now);
            trips.push(trip_cause(&breaker, &fact, &IntegrationFact::default(), &outcome));
        }
        let expected = [None, None, None, None, None, None, Some(TripCause::ConsecutiveFailures(3))];
        assert_eq!(trips, expected);
    }

    #[test]
    fn a_held_run_is_no_success_and_no_failure() {
        let now = at("2025-01-01T00:00:00Z");
        let before = Observed {
            consecutive_failures: 2,
            last_success: Some(at("2024-01-01T00:00:00Z")),
            ..Observed::default()
        };
        let held = RunOutcome::Held(Hold::Shifted { shifted: 1, sign: String::new() });
        let after = after_run(before.clone(), &held, now);
        assert_eq!((after.consecutive_failures, after.last_success), (0, before.last_success));
        let after = after_run(after, &RunOutcome::Succeeded, now);
        assert_eq!(after.last_success, Some(now));
    }

    #[test]
    fn refused_credentials_trip_at_once() {
        let fact = after_run(Observed::default(), &failed(true), at("2025-01-01T00:00:00Z"));
        let cause = trip_cause(&Breaker::default(), &fact, &IntegrationFact::default(), &failed(true));
        assert_eq!(cause, Some(TripCause::Unauthorized));
    }

    #[test]
    fn what_ran_out_here_counts_for_nothing() {
        let local =
            RunOutcome::Failed { error: "no".to_owned(), unauthorized: false, local: true, partial: false };
        let breaker = Breaker { consecutive_failures: 2, ..Breaker::default() };
        let now = at("2025-01-01T00:00:00Z");
        let mut fact = after_run(Observed::default(), &failed(false), now);
        for _ in 0..10 {
            fact = after_run(fact, &local, now);
            assert_eq!(fact.consecutive_failures, 1, "the row of failures neither grows nor ends");
            assert_eq!(trip_cause(&breaker, &fact, &IntegrationFact::default(), &local), None);
            let uid = Uid(uuid::Uuid::from_u128(1));
            let (_, shares) = half_way(&breaker, (uid, &fact), &local, IntegrationFact::default());
            assert_eq!(shares, []);
        }
        let fact = after_run(fact, &failed(false), now);
        let cause = trip_cause(&breaker, &fact, &IntegrationFact::default(), &failed(false));
        assert_eq!(cause, Some(TripCause::ConsecutiveFailures(2)));
    }

    #[test]
    fn rejects_count_within_their_time() {
        let limit = RejectLimit { count: 100, within: "1h".parse().unwrap() };
        let count = |fact, new, time: &str| count_rejects(fact, new, &limit, at(time));
        let fact = count(IntegrationFact::default(), 60, "2025-01-01T00:00:00Z");
        let fact = count(fact, 30, "2025-01-01T00:30:00Z");
        assert!(!too_many_rejects(&fact, 0, &limit) && too_many_rejects(&fact, 10, &limit));
        let later = count(fact.clone(), 20, "2025-01-01T01:00:30Z");
        assert!(!too_many_rejects(&later, 0, &limit), "the first 60 are out of sight: {:?}", later.rejects);
        let sooner = count(fact, 20, "2025-01-01T00:59:00Z");
        let breaker = Breaker { rejects: limit, ..Breaker::default() };
        let cause = trip_cause(&breaker, &Observed::default(), &sooner, &RunOutcome::Succeeded);
        assert_eq!(cause, Some(TripCause::Rejects(110, 3600)));
    }

    #[test]
    fn half_of_a_limit_is_told_once_in_each_row_of_failures() {
        let run = |fails: bool| if fails { failed(false) } else { RunOutcome::Succeeded };
        let now = at("2025-01-01T00:00:00Z");
        for (limit, runs, expected) in [
            (5, "FFFF", [0, 0, 3, 0].as_slice()),
            (5, "FFFsFFF", &[0, 0, 3, 0, 0, 0, 3]),
            (4, "FFF", &[0, 2, 0]),
            (2, "FsF", &[1, 0, 1]),
        ] {
            let breaker = Breaker { consecutive_failures: limit, ..Breaker::default() };
            let (uid, mut transfer, mut fact) =
                (Uid(uuid::Uuid::from_u128(1)), Observed::default(), IntegrationFact::default());
            let mut told = Vec::new();
            for outcome in runs.chars().map(|c| run(c == 'F')) {
                transfer = after_run(transfer, &outcome, now);
                let (next, shares) = half_way(&breaker, (uid, &transfer), &outcome, fact);
                fact = next;
                told.push(match shares.as_slice() {
                    [Share::Failures(count, _)] => *count,
                    _ => 0,
                });
            }
            assert_eq!(told, expected, "{runs} of {limit}");
        }
    }

    #[test]
    fn half_of_the_rejects_is_told_again_once_they_are_out_of_sight() {
        let limit = RejectLimit { count: 100, within: "1h".parse().unwrap() };
        let breaker = Breaker { rejects: limit.clone(), ..Breaker::default() };
        let (uid, transfer) = (Uid(uuid::Uuid::from_u128(1)), Observed::default());
        let mut fact = IntegrationFact::default();
        let mut told = Vec::new();
        for (time, new) in [("00:00", 49), ("00:10", 1), ("00:20", 30), ("02:00", 0), ("02:01", 60)] {
            let counted = count_rejects(fact, new, &limit, at(&format!("2025-01-01T{time}:00Z")));
            let (next, shares) = half_way(&breaker, (uid, &transfer), &RunOutcome::Succeeded, counted);
            fact = next;
            told.push(shares);
        }
        let share = |count| vec![Share::Rejects(count, 100, 3_600)];
        assert_eq!(told, [vec![], share(50), vec![], vec![], share(60)]);
    }

    #[test]
    fn a_trip_stands_until_it_is_resumed() {
        let now = at("2025-01-01T00:00:00Z");
        let name: Name = "orders".parse().unwrap();
        let first = trip(IntegrationFact::default(), TripCause::Unauthorized, &name, Vec::new(), now);
        let second = trip(first.clone(), TripCause::ConsecutiveFailures(9), &name, Vec::new(), now);
        assert_eq!(first, second);
        assert_eq!(resume(second), IntegrationFact::default());
    }
}
