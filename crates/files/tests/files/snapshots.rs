//! Files that are replaced: each complete reading takes the place of the one before, and readers of that are not disturbed.

use raccord_conformance::fixture::{checkpoint, effects, kept, reject, sweep, swept, transfer};
use raccord_files::destination::FilesDestination;
use raccord_model::fact::Reject;
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{
    Batch, Destination as _, DestinationError, Ledger as _, Reading, Sweep, Swept,
};

use crate::fixture::{
    Folder, INC, Place, contact, delete, ids, in_each_place, jsonl, key, page, under, upsert,
};

const SNAPSHOT: FileMode = FileMode::Snapshot;

async fn prepared(folder: &Folder<impl Place>) -> FilesDestination {
    let destination = folder.destination(jsonl(SNAPSHOT));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    destination
}

async fn end(destination: &FilesDestination, share: Option<u8>) -> Swept {
    destination.sweep(Sweep { fence: under(1), ..sweep('A', share) }).await.unwrap()
}

in_each_place! {
    a_complete_reading_takes_the_place_of_the_one_before
    a_reading_that_is_much_smaller_is_held
    a_reading_that_is_begun_again_leaves_nothing
    what_proves_nothing_replaces_nothing
    what_is_deleted_after_it_was_shown_goes
    a_record_that_is_rejected_does_not_lose_its_row_in_silence
}

/// The files of a snapshot are not read back: what was rejected would be without its row.
async fn a_record_that_is_rejected_does_not_lose_its_row_in_silence<P: Place>(folder: Folder<P>) {
    let destination = prepared(&folder).await;
    destination.commit(page(0..30, 0, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    let with_reject = |run| {
        let key = key(0).iter().map(|byte| format!("{byte:02x}")).collect();
        let reject = Reject { key: Some(key), ..reject('A', None, "bad", 0) };
        Batch { rejects: vec![reject], ..page(1..30, run, 1) }
    };
    for run in [1, 2] {
        destination.commit(with_reject(run)).await.unwrap();
        assert_eq!(end(&destination, Some(10)).await, kept(1, 30));
        assert_eq!(folder.rows("contact").await.len(), 30);
    }
    // Also by another process, and where it is shown after all it is not rejected.
    let destination = folder.destination(jsonl(SNAPSHOT));
    assert_eq!(end(&destination, Some(100)).await, kept(1, 30));
    destination.commit(with_reject(3)).await.unwrap();
    destination.commit(page(0..1, 3, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    // A person lets it go; from then on it is without a row.
    destination.commit(with_reject(4)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, kept(1, 30));
    assert_eq!(end(&destination, None).await, swept(1));
    destination.commit(with_reject(5)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    assert_eq!(folder.rows("contact").await.len(), 29);
}

async fn what_is_deleted_after_it_was_shown_goes<P: Place>(folder: Folder<P>) {
    let destination = prepared(&folder).await;
    let mut first = page(0..3, 0, 1);
    delete(&mut first, 1);
    delete(&mut first, 2);
    upsert(&mut first, 2, (Some("CH"), None, None));
    let first = Batch { defer_deletes: true, ..first };
    assert_eq!(effects(&destination.commit(first).await.unwrap()), "created 2, skipped 4");
    // On a later page it is told, for its row is written.
    let mut second = page(3..4, 0, 1);
    delete(&mut second, 0);
    let second = Batch { defer_deletes: true, ..second };
    assert_eq!(effects(&destination.commit(second).await.unwrap()), "created 1, rejected 1");
    end(&destination, Some(10)).await;
    let rows = folder.rows("contact").await;
    let of_two = rows.iter().find(|row| row["id"] == 2).unwrap();
    assert_eq!((ids(&rows), of_two["country"].as_str()), (vec![0, 2, 3], Some("CH")));
    assert_eq!(destination.count_rejects(transfer('A')).await.unwrap(), 1);
}

async fn a_complete_reading_takes_the_place_of_the_one_before<P: Place>(folder: Folder<P>) {
    let destination = prepared(&folder).await;
    let mut first = page(0..3, 0, 1);
    delete(&mut first, 9);
    assert_eq!(effects(&destination.commit(first).await.unwrap()), "created 3, skipped 1");
    destination.flush(transfer('A')).await.unwrap();
    // Nothing counts before all was read.
    assert_eq!((folder.rows("contact").await.len(), destination.count(INC).await.unwrap()), (0, 0));
    destination.commit(page(3..5, 0, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    assert_eq!(
        (ids(&folder.rows("contact").await), destination.count(INC).await.unwrap()),
        ((0..5).collect(), 5)
    );
    assert!(!folder.rows("contact").await[0].contains_key("_op"));

    let before = folder.named("contact").await;
    destination.commit(page(1..6, 1, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    assert_eq!(ids(&folder.rows("contact").await), [1, 2, 3, 4, 5]);
    // A reader in the middle of the old files finds them whole, until the next time.
    let before: Vec<String> = before.iter().map(|name| format!("contact/{name}")).collect();
    let there = folder.there().await;
    assert!(before.iter().all(|path| there.contains(path)));
    destination.commit(page(0..5, 2, 1)).await.unwrap();
    end(&destination, Some(10)).await;
    let there = folder.there().await;
    assert!(before.iter().all(|path| !there.contains(path)));
}

async fn a_reading_that_is_much_smaller_is_held<P: Place>(folder: Folder<P>) {
    let destination = prepared(&folder).await;
    destination.commit(page(0..100, 0, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    destination.commit(page(0..50, 1, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, kept(50, 100));
    assert_eq!(folder.rows("contact").await.len(), 100);
    // A person approves.
    assert_eq!(end(&destination, None).await, swept(50));
    assert_eq!(folder.rows("contact").await.len(), 50);
    // One that shows nothing is always held.
    destination.commit(page(0..0, 2, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(100)).await, kept(50, 50));
    assert_eq!(folder.rows("contact").await.len(), 50);
}

async fn a_reading_that_is_begun_again_leaves_nothing<P: Place>(folder: Folder<P>) {
    let destination = prepared(&folder).await;
    destination.commit(page(0..3, 0, 1)).await.unwrap();
    destination.flush(transfer('A')).await.unwrap();
    // Another process goes on with it.
    let destination = folder.destination(jsonl(SNAPSHOT));
    destination.commit(page(3..4, 0, 1)).await.unwrap();
    destination.flush(transfer('A')).await.unwrap();
    // And begins anew.
    let destination = folder.destination(jsonl(SNAPSHOT));
    destination.commit(page(5..8, 1, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    assert_eq!(ids(&folder.rows("contact").await), [5, 6, 7]);
    destination.raise_fence(transfer('A'), under(2)).await.unwrap();
    assert_eq!(folder.there().await.len(), 1);
}

async fn what_proves_nothing_replaces_nothing<P: Place>(folder: Folder<P>) {
    let destination = prepared(&folder).await;
    let first = page(0..3, 0, 1);
    let reading: Reading = first.reading.unwrap();
    destination.commit(first).await.unwrap();
    let done = Batch { completes: Some(reading), checkpoint: Some(checkpoint(3)), ..page(0..0, 0, 1) };
    let refused = destination.commit(done).await.unwrap_err();
    assert!(refused.in_words().contains("does not prove what is gone"), "{}", refused.in_words());
    // What was under way was given up with it; a new run begins.
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    // A delivery, or a reject that is replayed, stands in no reading.
    let alone = destination.commit(Batch { reading: None, ..page(7..8, 0, 1) }).await.unwrap_err();
    assert!(matches!(alone, DestinationError::Write(_)));
    assert!(alone.in_words().contains("comes with the next reading"), "{}", alone.in_words());
}
