//! The examples: each case makes an empty destination, does something to it and says what must have become of it. They
//! ask through the ports alone. `conformance!` makes tests of all of them.
#![allow(missing_docs, reason = "a case is named by what it asks for")]

pub mod classification;
pub mod counts;
pub mod deletions;
pub mod fences;
pub mod keeping;
pub mod marks;
pub mod rejects;
pub mod snapshots;
pub mod suspects;
pub mod unique;

/// Makes a test of every case, for a type that is a [`Subject`](crate::Subject).
///
/// ```
/// mod conformance {
///     raccord_conformance::conformance!(raccord_conformance::reference::Reference);
/// }
/// ```
#[macro_export]
macro_rules! conformance {
    ($subject:ty) => {
        $crate::conformance! { @ $subject;
            classification {
                upserts
                old_never_beats_new
                deletes
                enrichments
                a_row_without_an_owner_is_taken_over
                what_waits_goes_with_its_transfer
                what_waits_goes_when_its_transfer_begins_anew
                no_row_is_created_without_its_required_fields
                the_owner_is_who_created
            }
            counts {
                what_became_of_a_page_counts_for_its_run_and_its_window
                rows_that_a_snapshot_did_not_show_count_as_swept
            }
            deletions {
                what_records_say_is_deleted_goes_at_the_end
                what_a_reading_says_is_deleted_comes_back_unless_it_is_older
                in_a_snapshot_both_ways_count_for_themselves
                the_marks_of_a_window_go_with_it
                the_share_is_of_the_rows_that_were_there_before
                a_batch_that_would_delete_too_much_leaves_no_trace
            }
            fences {
                what_is_older_is_refused_and_leaves_no_trace
                a_fence_is_raised_and_never_lowered
                a_transfer_that_is_no_more_is_refused
            }
            keeping {
                a_record_is_as_it_was_until_anything_writes_its_row
                an_unchanged_row_gets_a_digest_where_that_pays
                a_row_that_keeps_a_value_for_want_of_a_path_has_no_digest
                what_a_transfer_does_not_want_leaves_the_digest_of_what_is_there
                what_was_shown_later_makes_the_record_of_the_row_too_late
            }
            marks {
                a_key_on_two_pages_is_a_shift
                a_record_of_two_parents_is_no_shift
                what_a_snapshot_shows_as_deleted_is_not_there
                partitions_are_known_until_a_complete_reading_did_not_meet_them
                a_partition_of_a_window_that_may_be_held_moves_on_with_the_window
                a_parent_on_two_pages_is_a_shift
                a_partition_that_shifted_keeps_its_cursor
                what_is_accepted_proves_nothing_of_an_earlier_reading
            }
            rejects {
                the_same_record_is_the_same_reject
                a_later_success_supersedes
                an_enrichment_that_waits_supersedes_too
                a_deletion_supersedes_rejects_of_any_owners_row
                of_one_key_the_last_word_counts
                a_record_that_was_not_kept_is_known_by_its_key
                those_that_were_too_many_are_not_new_again
                number_and_age_are_bounded
                the_newest_of_all_transfers
            }
            snapshots {
                what_was_not_shown_goes
                a_share_is_of_the_rows_that_were_there_before
                which_rows_would_go_is_told
                a_record_that_was_rejected_or_skipped_was_shown
                a_reject_of_a_record_that_is_gone_goes_with_the_snapshot
                rows_of_a_transfer_that_is_no_more_belong_to_who_shows_them
                what_was_swept_comes_back_unless_it_is_older
                a_sweep_takes_the_rejects_of_its_keys
                a_new_snapshot_forgets_the_marks_of_the_last
                a_new_window_forgets_the_one_before
                nothing_to_sweep_is_done
                a_stale_sweep_is_refused
                the_end_of_an_incarnation
            }
            suspects { values_of_suspect_fields_stay_and_are_counted }
            unique {
                a_value_belongs_to_one_row
                the_reject_names_key_and_reason
                the_index_follows_the_entity
                rows_that_shared_a_value_before_hold_it_in_turn
                an_enrichment_that_breaks_it_is_rejected
            }
        }

        mod generated {
            #[test]
            fn it_agrees_with_the_reference() {
                $crate::generated::agrees_with_the_reference::<$subject>();
            }

            #[test]
            fn a_shift_is_seen_whenever_there_is_one() {
                $crate::generated::shifts::are_seen_whenever_there_is_one::<$subject>();
            }
        }
    };
    (@ $subject:ty; $($module:ident { $($case:ident)+ })+) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                $crate::block_on($crate::suite::$module::$case::<$subject>());
            })+
        })+
    };
}

#[cfg(test)]
mod tests {
    /// A case that is not listed would never be asked.
    #[test]
    fn every_case_is_listed() {
        let (list, _) = include_str!("mod.rs").split_once("mod generated").unwrap();
        let listed: Vec<&str> = list.split_whitespace().collect();
        for text in [
            include_str!("classification.rs"),
            include_str!("deletions.rs"),
            include_str!("fences.rs"),
            include_str!("keeping.rs"),
            include_str!("marks.rs"),
            include_str!("rejects.rs"),
            include_str!("snapshots.rs"),
            include_str!("suspects.rs"),
            include_str!("unique.rs"),
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
