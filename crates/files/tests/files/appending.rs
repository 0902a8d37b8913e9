//! Files that are appended to: each record that comes is a line, and lines and progress count together.

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use raccord_conformance::fixture::{batch, effects, reject, run, sweep, transfer};
use raccord_files::destination::FilesDestination;
use raccord_files::format::Format;
use raccord_model::checkpoint::{Counted, Shift, Spot};
use raccord_model::fact::{Reject, Tally};
use raccord_model::language::store::{FileMode, PartitionBy, PartitionUnit};
use raccord_model::port::destination::{
    Batch, Destination as _, DestinationError, EntityShape, Ledger as _, RejectQuery, RowQuery, Staying,
    Sweep, Swept,
};

use crate::fixture::{
    Folder, INC, Place, come_to, contact, delete, ids, in_each_place, jsonl, key, page, settings, under,
    upsert,
};

const APPEND: FileMode = FileMode::Append;

in_each_place! {
    lines_and_progress_count_together
    a_commit_that_must_be_durable_counts_at_once_and_another_after_a_while
    deletions_are_lines_once_their_window_is_complete
    a_deletion_that_is_taken_back_is_no_line
    a_deletion_takes_the_rejects_of_its_key_away
    who_was_fenced_writes_nothing_that_counts
    many_entries_come_to_the_same_as_their_sum
    what_became_of_a_page_is_counted_in_its_checkpoint
    rows_lie_where_their_values_say
    more_partitions_than_files_may_be_open
    what_parquet_cannot_keep_is_a_reject
    pages_that_shift_are_seen_as_long_as_the_process_lives
    a_folder_keeps_its_files_under_another_number
    rows_by_other_keys_count_no_more
}

/// A folder with three rows.
async fn written<P: Place>(folder: &Folder<P>) -> FilesDestination {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    destination.commit(page(0..3, 0, 1)).await.unwrap();
    destination.flush(transfer('A')).await.unwrap();
    destination
}

async fn a_folder_keeps_its_files_under_another_number<P: Place>(folder: Folder<P>) {
    let destination = written(&folder).await;
    destination.collect(INC).await.unwrap();
    let renewed = EntityShape { incarnation: INC + 1, ..contact() };
    destination.prepare(renewed.clone()).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), [0, 1, 2]);
    assert_eq!(destination.count(INC + 1).await.unwrap(), 3);
    // In another format it goes on beside them.
    let csv = folder.destination(settings(Format::Csv, APPEND, None));
    csv.prepare(renewed).await.unwrap();
    csv.raise_fence(transfer('A'), under(2)).await.unwrap();
    let mut more = page(3..4, 0, 2);
    more.target.incarnation = INC + 1;
    csv.commit(Batch { durable: true, ..more }).await.unwrap();
    let manifest = folder.manifest("contact").await;
    let files = manifest["files"].as_array().unwrap().iter();
    let formats: Vec<_> =
        files.map(|file| (file["format"].as_str().unwrap(), file["rows"].as_u64())).collect();
    assert_eq!(formats, [("jsonl", Some(3)), ("csv", Some(1))]);
}

async fn rows_by_other_keys_count_no_more<P: Place>(folder: Folder<P>) {
    let destination = written(&folder).await;
    let rekeyed = EntityShape { incarnation: INC + 1, replaces: vec![INC], ..contact() };
    destination.prepare(rekeyed).await.unwrap();
    assert_eq!(folder.named("contact").await, [""; 0]);
    // They lie there as before, and whatever comes later does not count them again.
    assert_eq!(folder.there().await.len(), 1);
    destination.prepare(EntityShape { incarnation: INC + 2, ..contact() }).await.unwrap();
    assert_eq!(folder.named("contact").await, [""; 0]);
}

async fn lines_and_progress_count_together<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    assert!(matches!(destination.commit(page(0..2, 0, 1)).await, Err(DestinationError::Fenced { .. })));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    assert!(matches!(destination.commit(page(0..2, 0, 1)).await, Err(DestinationError::Unprepared)));
    destination.prepare(contact()).await.unwrap();
    assert_eq!(folder.named("contact").await, [""; 0]);

    assert_eq!(effects(&destination.commit(page(0..2, 0, 1)).await.unwrap()), "created 2");
    assert_eq!(effects(&destination.commit(page(2..5, 0, 1)).await.unwrap()), "created 3");
    // Neither counts yet; this process knows of both.
    assert_eq!(
        (come_to(&destination).await.as_deref(), destination.count(INC).await.unwrap()),
        (Some("5"), 5)
    );
    let other = folder.destination(jsonl(APPEND));
    assert_eq!((come_to(&other).await, other.count(INC).await.unwrap()), (None, 0));

    destination.flush(transfer('A')).await.unwrap();
    let other = folder.destination(jsonl(APPEND));
    assert_eq!((come_to(&other).await.as_deref(), other.count(INC).await.unwrap()), (Some("5"), 5));
    assert_eq!(other.count_owned(INC, transfer('B')).await.unwrap(), 0);
    let rows = folder.rows("contact").await;
    assert_eq!(ids(&rows), [0, 1, 2, 3, 4]);
    let line = serde_json::to_string(&rows[1]).unwrap();
    assert_eq!(
        line,
        r#"{"_at":"2023-11-14T22:13:20Z","_op":"upsert","country":"FR","created_at":"1970-01-01T00:00:01Z","id":1,"price":"1.5"}"#
    );
    // One file for both pages, and nothing beside it.
    assert_eq!((folder.named("contact").await.len(), folder.there().await.len()), (1, 1));
    assert!(matches!(destination.rows(RowQuery::default()).await, Err(DestinationError::Read(_))));
}

async fn a_commit_that_must_be_durable_counts_at_once_and_another_after_a_while<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    let count = async || folder.destination(jsonl(APPEND)).count(INC).await.unwrap();
    destination.commit(Batch { durable: true, ..page(0..2, 0, 1) }).await.unwrap();
    assert_eq!(count().await, 2);
    destination.commit(page(2..4, 0, 1)).await.unwrap();
    assert_eq!(count().await, 2);
    let later = page(4..6, 0, 1);
    destination.commit(Batch { at: later.at + jiff::SignedDuration::from_secs(11), ..later }).await.unwrap();
    assert_eq!(count().await, 6);
    // Deliveries leave their inbox only when they count.
    destination.commit(Batch { consumed: vec![8, 9], checkpoint: None, ..page(6..7, 0, 1) }).await.unwrap();
    let other = folder.destination(jsonl(APPEND));
    assert_eq!((count().await, other.settled(transfer('A')).await.unwrap()), (7, vec![8, 9]));
}

async fn deletions_are_lines_once_their_window_is_complete<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    let deleting = |attempt| {
        let mut page = page(0..1, attempt, 1);
        delete(&mut page, 9);
        Batch { defer_deletes: true, ..page }
    };
    assert_eq!(effects(&destination.commit(deleting(0)).await.unwrap()), "created 1, deleted 1");
    destination.flush(transfer('A')).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), [0]);
    // The window is read again: what it said before says nothing any more.
    destination.commit(deleting(1)).await.unwrap();
    let end = Sweep { fence: under(1), snapshot: false, ..sweep('A', None) };
    assert_eq!(
        destination.sweep(end).await.unwrap(),
        Swept::Done { unseen: 0, marked: 1, staying: Staying::default() }
    );
    let rows = folder.rows("contact").await;
    assert_eq!(ids(&rows), [0, 0, 9]);
    let deleted = rows.iter().find(|row| row["id"] == 9).unwrap();
    assert_eq!((deleted["_op"].as_str(), deleted["country"].is_null()), (Some("delete"), true));
    // What a delivery says is one at once.
    let mut delivery = Batch { fence: under(1), durable: true, ..batch('A') };
    delete(&mut delivery, 10);
    assert_eq!(effects(&destination.commit(delivery).await.unwrap()), "deleted 1");
    assert_eq!(ids(&folder.rows("contact").await), [0, 0, 9, 10]);
}

async fn a_deletion_takes_the_rejects_of_its_key_away<P: Place>(folder: Folder<P>) {
    let destination = written(&folder).await;
    let of = |id| {
        let key = key(id).iter().map(|byte| format!("{byte:02x}")).collect();
        Reject { key: Some(key), ..reject('A', None, &id.to_string(), 0) }
    };
    destination.commit(Batch { rejects: vec![of(1), of(2)], ..page(0..1, 1, 1) }).await.unwrap();
    let mut deletion = page(0..1, 1, 1);
    delete(&mut deletion, 1);
    destination.commit(Batch { defer_deletes: true, ..deletion }).await.unwrap();
    assert_eq!(destination.count_rejects(transfer('A')).await.unwrap(), 2);
    let end = Sweep { fence: under(1), snapshot: false, ..sweep('A', None) };
    destination.sweep(end).await.unwrap();
    let query = RejectQuery { transfer: Some(transfer('A')), limit: 9, ..RejectQuery::default() };
    let left = folder.destination(jsonl(APPEND)).rejects(query).await.unwrap();
    let left: Vec<_> = left.iter().filter_map(|(_, reject)| reject.payload.as_deref()).collect();
    assert_eq!(left, ["2"]);
}

async fn a_deletion_that_is_taken_back_is_no_line<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    let mut first = page(0..1, 0, 1);
    // Within a page, and over the next one, which another process reads.
    delete(&mut first, 7);
    upsert(&mut first, 7, (Some("FR"), None, None));
    delete(&mut first, 8);
    delete(&mut first, 9);
    delete(&mut first, 9);
    let first = Batch { defer_deletes: true, ..first };
    assert_eq!(effects(&destination.commit(first).await.unwrap()), "created 2, deleted 3, skipped 1");
    destination.flush(transfer('A')).await.unwrap();
    let destination = folder.destination(jsonl(APPEND));
    let second = Batch { defer_deletes: true, ..page(8..9, 0, 1) };
    assert_eq!(effects(&destination.commit(second).await.unwrap()), "created 1");
    let end = Sweep { fence: under(1), snapshot: false, ..sweep('A', None) };
    let done = Swept::Done { unseen: 0, marked: 1, staying: Staying::default() };
    assert_eq!(destination.sweep(end).await.unwrap(), done);
    let rows = folder.rows("contact").await;
    let deleted: Vec<_> = rows.iter().filter(|row| row["_op"] == "delete").map(|row| &row["id"]).collect();
    assert_eq!((ids(&rows), deleted), (vec![0, 7, 8, 9], vec![&9.into()]));
}

async fn who_was_fenced_writes_nothing_that_counts<P: Place>(folder: Folder<P>) {
    let old = folder.destination(jsonl(APPEND));
    old.raise_fence(transfer('A'), under(1)).await.unwrap();
    old.prepare(contact()).await.unwrap();
    old.commit(page(0..2, 0, 1)).await.unwrap();
    let new = folder.destination(jsonl(APPEND));
    new.raise_fence(transfer('A'), under(2)).await.unwrap();
    let lost = old.flush(transfer('A')).await.unwrap_err();
    assert!(matches!(lost, DestinationError::LeaseLost { held: 1, found: 2 }), "{lost}");
    // Its file is there, and counts for nothing.
    assert_eq!((folder.there().await.len(), folder.rows("contact").await.len()), (1, 0));
    new.commit(Batch { durable: true, ..page(0..3, 0, 2) }).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), [0, 1, 2]);
    // Transfers are fenced each for itself, and their entries follow each other.
    old.raise_fence(transfer('B'), under(1)).await.unwrap();
    let other = Batch { transfer: transfer('B'), durable: true, ..page(5..6, 0, 1) };
    old.commit(other).await.unwrap();
    new.commit(Batch { durable: true, ..page(3..4, 0, 2) }).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), [0, 1, 2, 3, 5]);
    // The next run of a transfer removes what is named by no entry.
    new.raise_fence(transfer('A'), under(3)).await.unwrap();
    assert_eq!(folder.there().await.len(), folder.named("contact").await.len());
    new.end(transfer('A')).await.unwrap();
    let gone = new.commit(page(9..10, 0, 3)).await.unwrap_err();
    assert!(matches!(gone, DestinationError::Fenced { found: None, .. }), "{gone}");
}

async fn many_entries_come_to_the_same_as_their_sum<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    for number in 0..150 {
        destination.commit(Batch { durable: true, ..page(number..number + 1, 0, 1) }).await.unwrap();
    }
    assert_eq!(folder.below("_raccord/sums/").await.len(), 2);
    let other = folder.destination(jsonl(APPEND));
    assert_eq!((come_to(&other).await.as_deref(), other.count(INC).await.unwrap()), (Some("150"), 150));
    other.commit(Batch { durable: true, ..page(150..151, 0, 1) }).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), (0..151).collect::<Vec<_>>());
}

async fn what_became_of_a_page_is_counted_in_its_checkpoint<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    let counted =
        Counted { run: run(), pages: 1, tally: Tally { fetched: 4, created: 4, ..Tally::default() } };
    let mut page = page(0..2, 0, 1);
    page.checkpoint.as_mut().unwrap().counted = Some(counted);
    page.rejects.push(reject('A', Some("bad"), "payload", 0));
    destination.commit(page).await.unwrap();
    destination.flush(transfer('A')).await.unwrap();
    let kept = folder.destination(jsonl(APPEND)).resume(transfer('A')).await.unwrap().unwrap();
    let window = kept.window.unwrap().tally;
    assert_eq!((window.fetched, window.created, window.rejected), (3, 2, 1));
    let tally = kept.counted.unwrap().tally;
    assert_eq!((tally.fetched, tally.created, tally.newly_rejected), (7, 6, 1));
}

async fn rows_lie_where_their_values_say<P: Place>(_: Folder<P>) {
    let by = |date: Option<PartitionUnit>| match date {
        Some(unit) => PartitionBy { date: Some("createdAt".parse().unwrap()), by: Some(unit), field: None },
        None => PartitionBy { date: None, by: None, field: Some("country".parse().unwrap()) },
    };
    let long = "é".repeat(60);
    for (partition, values, expected) in [
        (by(None), (Some("FR"), None, None), "country=FR"),
        (by(None), (Some("a/../b c"), None, None), "country=a%2F..%2Fb%20c"),
        (by(None), (Some(""), None, None), "country="),
        (by(None), (None, None, None), "country=__HIVE_DEFAULT_PARTITION__"),
        (by(Some(PartitionUnit::Day)), (None, Some(86_400 * 59), None), "created_at=1970-03-01"),
        (by(Some(PartitionUnit::Month)), (None, Some(86_400 * 59), None), "created_at=1970-03"),
        (by(Some(PartitionUnit::Year)), (None, Some(0), None), "created_at=1970"),
    ] {
        let folder = Folder::<P>::new();
        let destination = folder.destination(settings(Format::Jsonl, APPEND, Some(partition)));
        destination.raise_fence(transfer('A'), under(1)).await.unwrap();
        destination.prepare(contact()).await.unwrap();
        let mut one = Batch { fence: under(1), durable: true, ..batch('A') };
        upsert(&mut one, 1, values);
        upsert(&mut one, 2, (Some(&long), Some(1 << 40), None));
        destination.commit(one).await.unwrap();
        let named = folder.named("contact").await;
        let found =
            named.iter().any(|path| path.split_once('/').is_some_and(|(folder, _)| folder == expected));
        assert!(found, "{expected}: {named:?}");
        assert!(named.iter().all(|path| path.len() < 250), "{named:?}");
        assert_eq!(folder.rows("contact").await.len(), 2);
    }
}

async fn more_partitions_than_files_may_be_open<P: Place>(folder: Folder<P>) {
    let by = PartitionBy { date: None, by: None, field: Some("country".parse().unwrap()) };
    let destination = folder.destination(settings(Format::Jsonl, APPEND, Some(by)));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    for round in 0..3 {
        let mut one = Batch { fence: under(1), ..batch('A') };
        for id in 0..100 {
            upsert(&mut one, round * 100 + id, (Some(&format!("c{id}")), None, None));
        }
        destination.commit(one).await.unwrap();
    }
    destination.flush(transfer('A')).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), (0..300).collect::<Vec<_>>());
}

async fn what_parquet_cannot_keep_is_a_reject<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(settings(Format::Parquet, APPEND, None));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    let mut one = Batch { fence: under(1), durable: true, ..batch('A') };
    upsert(&mut one, 1, (None, None, Some("0.0000000000000000001")));
    upsert(&mut one, 2, (None, None, Some("0.1")));
    assert_eq!(effects(&destination.commit(one).await.unwrap()), "created 1, rejected 1");
    let rejects = destination.rejects(RejectQuery { limit: 10, ..RejectQuery::default() });
    let reasons: Vec<String> = rejects.await.unwrap().into_iter().map(|(_, reject)| reject.reason).collect();
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].starts_with("the value has more digits than a decimal of Parquet"), "{reasons:?}");
    let file = folder.read(&folder.there().await[0]).await;
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 1);
}

async fn pages_that_shift_are_seen_as_long_as_the_process_lives<P: Place>(folder: Folder<P>) {
    let destination = folder.destination(jsonl(APPEND));
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.prepare(contact()).await.unwrap();
    destination.begin_window(transfer('A'), under(1)).await.unwrap();
    let at = |number| Some(Spot { partition: None, page: number });
    let show = |ids, number| Batch { mark_seen: true, spot: at(number), ..page(ids, 0, 1) };
    let window =
        async |of: &FilesDestination| of.resume(transfer('A')).await.unwrap().unwrap().window.unwrap();
    destination.commit(show(0..3, 1)).await.unwrap();
    destination.commit(show(0..3, 1)).await.unwrap();
    assert_eq!((window(&destination).await.shift, window(&destination).await.placed), (None, true));
    destination.commit(show(2..4, 2)).await.unwrap();
    assert_eq!(window(&destination).await.shift, Some(Shift::Record { first: 1, again: 2 }));
    destination.flush(transfer('A')).await.unwrap();
    // A process that does not know where they stood says so, and the window is begun again.
    assert!(!window(&folder.destination(jsonl(APPEND))).await.placed);
}
