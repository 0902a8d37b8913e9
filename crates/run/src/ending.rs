//! What is made of a window that was read to its end: pure, from what it showed to what follows.
//!
//! Only a clean window proves anything. One whose pages shifted is read again, and held at last; one in which the children
//! of a parent could not be read deletes nothing, and its run does not succeed.

use raccord_model::checkpoint::{Shift, Window};
use raccord_model::fact::{Parents, RunOutcome};

/// What follows from a window that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It is complete. `deletes`: what a snapshot did not show is gone.
    Complete {
        /// Whether it proves deletions.
        deletes: bool,
    },
    /// Its pages shifted: it is read again from its first page.
    Again(Shift),
    /// Its pages shifted each time that it was read: a person decides.
    Held {
        /// What showed it last.
        shift: Shift,
        /// How often it was read.
        readings: u32,
    },
    /// It lacks the children of some parents.
    Incomplete {
        /// How the run has ended.
        outcome: RunOutcome,
    },
}

/// Judges a window. It is read `attempts` times at the most because its pages shifted.
pub fn judge(window: &Window, attempts: u32) -> Ending {
    let readings = window.shifts.saturating_add(1);
    if let Some(shift) = window.shift.filter(|_| readings < attempts) {
        return Ending::Again(shift);
    }
    if let Some(outcome) = failure(&window.parents) {
        return Ending::Incomplete { outcome };
    }
    match window.shift {
        Some(shift) => Ending::Held { shift, readings },
        None => Ending::Complete { deletes: window.parents.unproven == 0 && window.passed_over == 0 },
    }
}

/// How a run has failed whose parents' children could not all be read. When none could, it is the service.
fn failure(parents: &Parents) -> Option<RunOutcome> {
    let Parents { read, skipped, failed, refused, .. } = *parents;
    let is_refused_everywhere = read == 0 && refused > 0 && refused == skipped + failed;
    if failed == 0 && !is_refused_everywhere {
        return None;
    }
    let of = read.saturating_add(skipped).saturating_add(failed);
    let error = match &parents.first_failure {
        Some(first) => format!(
            "the children of {failed} of {of} parents could not be read: {first}; a parent that may answer so is passed \
             over when its status stands in `parent: {{dataType: …, skip: […]}}`"
        ),
        None => format!("the service refuses the children of each of {of} parents"),
    };
    Some(RunOutcome::Failed { error, unauthorized: is_refused_everywhere, local: false, partial: read > 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use raccord_model::fact::{RunId, Tally};
    use uuid::Uuid;

    use super::*;

    fn window(parents: Parents, shift: Option<Shift>, shifts: u32) -> Window {
        Window {
            run: RunId(Uuid::nil()),
            state: None,
            snapshot: true,
            keyless: 0,
            incomplete: 0,
            passed_over: 0,
            held: false,
            attempt: shifts,
            shifts,
            placed: true,
            shift,
            partition: None,
            parents,
            deletes: 0,
            unseen: None,
            kept: std::collections::BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    fn parents() -> impl Strategy<Value = Parents> {
        (0_u64..3, 0_u64..3, 0_u64..3, 0_u64..5, 0_u64..3).prop_map(
            |(read, skipped, failed, refused, unproven)| Parents {
                read,
                skipped,
                failed,
                refused: refused.min(skipped + failed),
                unproven: unproven.min(skipped),
                first_failure: (failed > 0).then(|| "404".to_owned()),
            },
        )
    }

    fn shift() -> impl Strategy<Value = Option<Shift>> {
        prop::option::of(Just(Shift::Total { before: 3, after: 2 }))
    }

    proptest! {
        /// Whatever a window showed: it deletes only what it proves, and succeeds only when nothing is missing.
        #[test]
        fn only_a_clean_window_proves_anything(
            parents in parents(),
            shift in shift(),
            shifts in 0_u32..6,
            attempts in 1_u32..6,
        ) {
            let ending = judge(&window(parents.clone(), shift, shifts), attempts);
            match ending {
                Ending::Complete { deletes } => {
                    prop_assert!(shift.is_none() && parents.failed == 0);
                    prop_assert_eq!(deletes, parents.unproven == 0);
                }
                Ending::Again(_) => prop_assert!(shift.is_some() && shifts + 1 < attempts),
                Ending::Held { readings, .. } => {
                    prop_assert!(shift.is_some() && parents.failed == 0 && readings >= attempts);
                }
                Ending::Incomplete { outcome: RunOutcome::Failed { unauthorized, partial, .. } } => {
                    prop_assert!(parents.failed > 0 || parents.read == 0);
                    // One of several parents never trips the integration at once, nor counts as a failure of the service.
                    prop_assert_eq!(partial, parents.read > 0);
                    prop_assert!(!(unauthorized && parents.read > 0));
                }
                Ending::Incomplete { outcome } => prop_assert!(false, "{outcome:?}"),
            }
        }

        /// However often the pages shift, a window ends.
        #[test]
        fn a_window_is_read_so_many_times_and_no_more(attempts in 1_u32..20) {
            let shift = Some(Shift::Record { first: 1, again: 2 });
            let mut readings = 1;
            while let Ending::Again(_) = judge(&window(Parents::default(), shift, readings - 1), attempts) {
                readings += 1;
            }
            prop_assert_eq!(readings, attempts);
        }
    }

    #[test]
    fn parents_that_are_all_refused_are_the_service() {
        for (read, skipped, failed, refused, expected) in [
            (0, 0, 2, 2, Some((true, false))),
            (0, 0, 2, 1, Some((false, false))),
            (0, 1, 1, 2, Some((true, false))),
            (0, 2, 0, 2, Some((true, false))),
            (0, 2, 0, 1, None),
            (1, 0, 2, 2, Some((false, true))),
            (1, 2, 0, 2, None),
            (0, 0, 0, 0, None),
        ] {
            let first_failure = (failed > 0).then(|| "403".to_owned());
            let parents = Parents { read, skipped, failed, refused, unproven: 0, first_failure };
            let found = failure(&parents).map(|outcome| match outcome {
                RunOutcome::Failed { unauthorized, partial, .. } => (unauthorized, partial),
                other => panic!("{other:?}"),
            });
            assert_eq!(found, expected, "{parents:?}");
        }
    }
}
