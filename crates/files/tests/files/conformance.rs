//! What the suite of every destination asks and files can answer. The rest is left out for these reasons:
//!
//! - no row that was written before is looked at: `keeping`, `suspects`, `unique`, `generated`, `classification`, and of `rejects`
//!   what follows from updates, owners and versions;
//! - no row is removed by itself: `deletions`, `snapshots`, and of `fences` the case that sweeps;
//! - nothing is enriched: of `rejects` what waits for its row;
//! - no data type with parents goes into files: of `marks` what speaks of partitions. Shifts are tried in `appending.rs`, for the
//!   keys of the suite are no keys of rows, which files have to read where a record is deleted.

use raccord_conformance::Subject;
use raccord_conformance::fixture::{INC, transfer};
use raccord_files::destination::FilesDestination;
use raccord_model::fact::{Decided, Run, Uid};
use raccord_model::language::project::FieldType;
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{Destination, DestinationError, Fence};

#[cfg(feature = "object-stores")]
use crate::fixture::Bucket;
use crate::fixture::{Directory, Folder, Place, field, jsonl, shape};

/// Files in a folder.
pub(crate) struct InFiles<P> {
    folder: Folder<P>,
    destination: FilesDestination,
}

impl<P: Place> Subject for InFiles<P> {
    type Ports = FilesDestination;

    async fn empty() -> Self {
        let folder = Folder::new();
        let destination = folder.destination(jsonl(FileMode::Append));
        for (incarnation, table) in [(INC, "contact"), (INC + 1, "other")] {
            let texts = [1, 2, 3, 5, 6, 7, 9].map(|id| field(id, &format!("f{id}"), FieldType::Text));
            destination.prepare(shape(incarnation, table, texts.into())).await.unwrap();
        }
        let subject = Self { folder, destination };
        for letter in 'A'..='F' {
            subject.apply(transfer(letter), Some(Decided::default())).await;
        }
        subject
    }

    fn destination(&self) -> &FilesDestination {
        &self.destination
    }

    async fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        let Some(Decided { epoch, reset }) = decided else {
            return self.destination.end(transfer).await.unwrap();
        };
        // The lease that was last seen is not lowered.
        let mut lease = 0;
        loop {
            let fence = Fence { generation: 1, epoch, reset, lease };
            match self.destination.raise_fence(transfer, fence).await {
                Err(DestinationError::LeaseLost { found, .. }) => lease = found,
                done => {
                    return assert!(matches!(done, Ok(_) | Err(DestinationError::Fenced { .. })), "{done:?}");
                }
            }
        }
    }

    async fn recorded(&self, transfer: Uid) -> Vec<Run> {
        let run = self.destination.recorded(raccord_conformance::fixture::run()).await.unwrap();
        run.into_iter().filter(|run| run.transfer_uid == transfer).collect()
    }

    async fn reopen(mut self) -> Self {
        for letter in 'A'..='F' {
            self.destination.flush(transfer(letter)).await.unwrap();
        }
        self.destination = self.folder.destination(jsonl(FileMode::Append));
        self
    }

    fn assert_sound(&self) {}
}

macro_rules! asked {
    ($($module:ident { $($case:ident)+ })+) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                raccord_conformance::block_on(
                    raccord_conformance::suite::$module::$case::<crate::conformance::InFiles<super::Directory>>(),
                );
            })+
        })+

        #[cfg(feature = "object-stores")]
        #[test]
        fn the_same_in_a_bucket() {
            raccord_conformance::block_on(async {
                $($(raccord_conformance::suite::$module::$case::<InFiles<Bucket>>().await;)+)+
            });
        }
    };
}

asked! {
    fences {
        a_fence_is_raised_and_never_lowered
        a_transfer_that_is_no_more_is_refused
    }
    rejects {
        the_same_record_is_the_same_reject
        a_record_that_was_not_kept_is_known_by_its_key
        those_that_were_too_many_are_not_new_again
        number_and_age_are_bounded
        the_newest_of_all_transfers
    }
    snapshots {
        nothing_to_sweep_is_done
    }
}
