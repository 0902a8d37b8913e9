//! Files that are replaced: each complete reading takes the place of the one before, and readers of that are not disturbed.

use raccord_conformance::fixture::{checkpoint, effects, kept, sweep, swept, transfer};
use raccord_files::destination::FilesDestination;
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{
    Batch, Destination as _, DestinationError, Ledger as _, Reading, Sweep, Swept,
};

use crate::fixture::{Folder, INC, contact, delete, ids, jsonl, page, under};

const SNAPSHOT: FileMode = FileMode::Snapshot;

async fn prepared(folder: &Folder) -> FilesDestination {
    let destination = folder.destination(jsonl(SNAPSHOT));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    destination
}

async fn end(destination: &FilesDestination, share: Option<u8>) -> Swept {
    destination.sweep(Sweep { fence: under(1), ..sweep('A', share) }).await.unwrap()
}

#[tokio::test]
async fn a_complete_reading_takes_the_place_of_the_one_before() {
    let folder = Folder::new();
    let destination = prepared(&folder).await;
    let mut first = page(0..3, 0, 1);
    delete(&mut first, 9);
    assert_eq!(effects(&destination.commit(first).await.unwrap()), "created 3, skipped 1");
    destination.flush(transfer('A')).await.unwrap();
    // Nothing counts before all was read.
    assert_eq!((folder.rows("contact").len(), destination.count(INC).await.unwrap()), (0, 0));
    destination.commit(page(3..5, 0, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    assert_eq!((ids(&folder.rows("contact")), destination.count(INC).await.unwrap()), ((0..5).collect(), 5));
    assert!(!folder.rows("contact")[0].contains_key("_op"));

    let before = folder.named("contact");
    destination.commit(page(1..6, 1, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    assert_eq!(ids(&folder.rows("contact")), [1, 2, 3, 4, 5]);
    // A reader in the middle of the old files finds them whole, until the next time.
    let path = |name: &String| folder.root().join("contact").join(name);
    assert!(before.iter().all(|name| path(name).exists()));
    destination.commit(page(0..5, 2, 1)).await.unwrap();
    end(&destination, Some(10)).await;
    assert!(before.iter().all(|name| !path(name).exists()));
}

#[tokio::test]
async fn a_reading_that_is_much_smaller_is_held() {
    let folder = Folder::new();
    let destination = prepared(&folder).await;
    destination.commit(page(0..100, 0, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, swept(0));
    destination.commit(page(0..50, 1, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(10)).await, kept(50, 100));
    assert_eq!(folder.rows("contact").len(), 100);
    // A person approves.
    assert_eq!(end(&destination, None).await, swept(50));
    assert_eq!(folder.rows("contact").len(), 50);
    // One that shows nothing is always held.
    destination.commit(page(0..0, 2, 1)).await.unwrap();
    assert_eq!(end(&destination, Some(100)).await, kept(50, 50));
    assert_eq!(folder.rows("contact").len(), 50);
}

#[tokio::test]
async fn a_reading_that_is_begun_again_leaves_nothing() {
    let folder = Folder::new();
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
    assert_eq!(ids(&folder.rows("contact")), [5, 6, 7]);
    destination.raise_fence(transfer('A'), under(2)).await.unwrap();
    assert_eq!(folder.there().len(), 1);
}

#[tokio::test]
async fn what_proves_nothing_replaces_nothing() {
    let folder = Folder::new();
    let destination = prepared(&folder).await;
    let first = page(0..3, 0, 1);
    let reading: Reading = first.reading.unwrap();
    destination.commit(first).await.unwrap();
    let done = Batch { completes: Some(reading), checkpoint: Some(checkpoint(3)), ..page(0..0, 0, 1) };
    let refused = destination.commit(done).await.unwrap_err();
    assert!(refused.in_words().contains("does not prove what is gone"), "{}", refused.in_words());
    // A delivery, or a reject that is replayed, stands in no reading.
    let alone = destination.commit(Batch { reading: None, ..page(7..8, 0, 1) }).await.unwrap_err();
    assert!(matches!(alone, DestinationError::Write(_)));
    assert!(alone.in_words().contains("comes with the next reading"), "{}", alone.in_words());
}
