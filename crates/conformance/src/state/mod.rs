//! What every state must do: the ports `State`, `Lease` and `Inbox`, asked for alone. Examples, and generated steps that
//! a model in memory takes as well, so that every state agrees with every other.
#![allow(missing_docs, reason = "a case is named by what it asks for")]

pub mod commits;
pub mod generated;
pub mod inbox;
pub mod leases;
mod model;
pub mod revisions;
mod steps;

use std::time::Duration;

use raccord_model::fact::{TransferFact, write};
use raccord_model::port::inbox::Inbox;
use raccord_model::port::lease::Lease;
use raccord_model::port::state::{Commit, State, Table, Write};

use crate::fixture::transfer;

/// A state under test.
pub trait StateSubject: Sized {
    /// What implements the ports.
    type Ports: State + Inbox;

    /// How many sequences of generated steps are taken, unless `PROPTEST_CASES` says otherwise.
    const CASES: u32 = 60;

    /// One to which nothing was applied.
    fn new() -> impl Future<Output = Self>;

    /// Its ports.
    fn ports(&self) -> &Self::Ports;

    /// Its leases.
    fn leases(&self) -> &dyn Lease;

    /// Time passes for the leases.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;

    /// The same state after the program was started again.
    fn reopen(self) -> impl Future<Output = Self>;

    /// Fails when what is kept contradicts itself: indexes, counters.
    fn assert_sound(&self) -> impl Future<Output = ()>;
}

/// A state to which the transfers `A` to `F` were applied.
pub async fn empty<S: StateSubject>() -> S {
    let subject = S::new().await;
    let fact = write(&TransferFact::default()).unwrap();
    let put = |letter| Write::Put(Table::Transfers, transfer(letter).to_string(), fact.clone());
    let writes = ('A'..='F').map(put).collect();
    subject.ports().commit(Commit { writes, ..Commit::default() }).await.unwrap();
    subject
}

/// Makes a test of every case, for a type that is a [`StateSubject`].
#[macro_export]
macro_rules! state_conformance {
    ($subject:ty) => {
        $crate::state_conformance! { @ $subject;
            commits {
                an_apply_is_one_commit
                a_stale_serial_leaves_no_trace
                of_many_applies_at_once_one_is_made
                facts_are_found_by_prefix
                facts_are_read_together_as_one_by_one
                the_runs_of_a_transfer_are_found
                a_snapshot_is_of_one_moment
                what_was_committed_is_there_after_a_start
            }
            inbox {
                what_was_accepted_survives_and_is_known_again
                many_at_once_are_all_kept
                large_deliveries_are_read_a_few_at_a_time
                what_one_delivery_says_is_kept_whole
                deliveries_come_in_the_order_of_their_sequences
                what_is_settled_goes_and_what_is_postponed_stays
                a_deleted_transfer_has_no_inbox
                a_delivery_is_known_for_a_week
            }
            leases {
                a_lease_has_one_holder_until_it_ends
                tokens_outlive_the_process
                of_many_who_ask_at_once_one_gets_it
            }
            revisions {
                a_fact_is_changed_by_those_who_have_read_it_as_it_is
                a_serial_and_revisions_hold_together
                revisions_grow_from_commit_to_commit
                of_many_who_change_a_fact_none_is_lost
                of_many_who_put_a_fact_that_is_not_there_one_does
            }
        }

        #[test]
        fn it_agrees_with_the_model() {
            $crate::state::generated::agrees_with_the_model::<$subject>();
        }
    };
    (@ $subject:ty; $($module:ident { $($case:ident)+ })+) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                $crate::block_on($crate::state::$module::$case::<$subject>());
            })+
        })+
    };
}

#[cfg(test)]
mod tests {
    /// A case that is not listed would never be asked.
    #[test]
    fn every_case_is_listed() {
        let (list, _) = include_str!("mod.rs").split_once("fn it_agrees_with_the_model").unwrap();
        let listed: Vec<&str> = list.split_whitespace().collect();
        for text in [
            include_str!("commits.rs"),
            include_str!("inbox.rs"),
            include_str!("leases.rs"),
            include_str!("revisions.rs"),
        ] {
            let cases: Vec<&str> =
                text.split("\npub async fn ").skip(1).filter_map(|case| case.split('<').next()).collect();
            assert!(!cases.is_empty());
            for case in cases {
                assert!(listed.contains(&case), "{case} is in no list");
            }
        }
    }
}
