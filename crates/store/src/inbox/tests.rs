//! The bounds of the inbox, with small ones: what is full refuses, what is too much to remember is forgotten.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use raccord_model::port::inbox::DeliveryKind;
use redb::Database;
use redb::backends::InMemoryBackend;
use uuid::Uuid;

use super::*;

const SMALL: Bounds = Bounds { deliveries: 3, bytes: 250, seen: 4 };

fn uid(number: u128) -> Uid {
    Uid(Uuid::from_u128(number))
}

fn accept(id: &str, transfers: &[u128], bytes: usize, hours: i64) -> Accept {
    let begin = Timestamp::from_second(1_700_000_000).unwrap();
    let delivery = Delivery {
        kind: DeliveryKind::Upsert,
        record: Bytes::from(vec![b'x'; bytes]),
        received: begin + SignedDuration::from_hours(hours),
        event: String::new(),
    };
    let transfers = transfers.iter().copied().map(uid).collect();
    Accept { source: uid(100), id: Some(id.to_owned()), transfers, delivery }
}

/// Does something in a file where the transfers 1 to 3 are.
fn with_tables(work: impl FnOnce(&mut Tables<'_>)) {
    let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut tables = Tables::open(&transaction).unwrap();
    for number in 1..=3 {
        tables.transfers.insert(uid(number).to_string().as_bytes(), b"{}".as_slice()).unwrap();
    }
    work(&mut tables);
}

/// What becomes of a delivery, in a word.
#[track_caller]
fn become_of(tables: &mut Tables<'_>, accept: &Accept) -> &'static str {
    become_of_all(tables, std::slice::from_ref(accept))
}

#[track_caller]
fn become_of_all(tables: &mut Tables<'_>, accepts: &[Accept]) -> &'static str {
    match keep(tables, accepts, SMALL).unwrap() {
        Ok(Accepted::New) => "new",
        Ok(Accepted::Replayed) => "replayed",
        Err(InboxError::Full { .. }) => "full",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_is_full_refuses_until_something_was_taken_out() {
    with_tables(|tables| {
        for (id, transfers, bytes, expected) in [
            ("a", &[1, 2][..], 10, "new"),
            ("b", &[1], 10, "new"),
            ("c", &[1], 10, "new"),
            ("d", &[1], 10, "full"),
            // For every transfer or for none: what was refused is not remembered either.
            ("e", &[2, 1], 10, "full"),
            ("e", &[2], 10, "new"),
            ("f", &[3, 9], 200, "full"),
            ("f", &[3, 9], 1, "new"),
        ] {
            assert_eq!(become_of(tables, &accept(id, transfers, bytes, 0)), expected, "{id}");
        }
        assert_eq!(counter::read(&tables.counters, Counter::Deliveries(uid(2))).unwrap(), 2);
        assert_eq!(counter::read(&tables.counters, Counter::Deliveries(uid(9))).unwrap(), 0);
        let kept: u64 = tables.inbox.iter().unwrap().map(|entry| length(entry.unwrap().1.value())).sum();
        assert_eq!(counter::read(&tables.counters, Counter::DeliveryBytes).unwrap(), kept);
        consume(tables, uid(1), &[1, 1, 77]).unwrap();
        assert_eq!(become_of(tables, &accept("d", &[1], 10, 0)), "new");
        for number in 1..=3 {
            empty(tables, uid(number)).unwrap();
        }
        assert_eq!(counter::read(&tables.counters, Counter::DeliveryBytes).unwrap(), 0);
        assert_eq!(last_sequence(&tables.meta).unwrap(), 7, "no sequence is given twice");
    });
}

#[test]
fn a_delivery_of_many_events_is_kept_whole_or_not_at_all() {
    with_tables(|tables| {
        let of = |ids: &[&str]| -> Vec<Accept> { ids.iter().map(|id| accept(id, &[1], 10, 0)).collect() };
        let waiting =
            |tables: &Tables<'_>| counter::read(&tables.counters, Counter::Deliveries(uid(1))).unwrap();
        // (ids of the events, what becomes of the delivery, how many wait then)
        for (ids, expected, deliveries) in [
            (&["a/0", "a/1"][..], "new", 2),
            (&["a/0", "a/1"], "replayed", 2),
            // Two would be too many: not even the first is kept, nor remembered.
            (&["b/0", "b/1"], "full", 2),
            (&["a/1", "b/0", "b/0"], "new", 3),
            (&["c"], "full", 3),
        ] {
            assert_eq!(become_of_all(tables, &of(ids)), expected, "{ids:?}");
            assert_eq!(waiting(tables), deliveries, "{ids:?}");
        }
        // Without a name nothing is known again, and without an event nothing is done.
        let unnamed = Accept { id: None, ..accept("", &[2], 10, 0) };
        assert_eq!(become_of_all(tables, &[unnamed.clone(), unnamed]), "new");
        assert_eq!(counter::read(&tables.counters, Counter::Deliveries(uid(2))).unwrap(), 2);
        assert_eq!(become_of_all(tables, &[]), "new");
    });
}

#[test]
fn what_is_too_old_or_too_much_is_forgotten() {
    with_tables(|tables| {
        let week = 7 * 24;
        let mut check = |id: &str, hours: i64, expected: &str, remembered: u64| {
            assert_eq!(become_of(tables, &accept(id, &[], 0, hours)), expected, "{id} after {hours} hours");
            let count = counter::read(&tables.counters, Counter::Seen).unwrap();
            let kept = [&tables.seen_deliveries, &tables.seen_times]
                .map(|table| u64::try_from(table.iter().unwrap().count()).unwrap());
            assert_eq!((count, kept), (remembered, [remembered; 2]), "{id} after {hours} hours");
        };
        check("a", 0, "new", 1);
        check("a", week, "replayed", 1);
        // Expired, and known anew from now on.
        check("a", week + 1, "new", 1);
        check("a", 2 * week + 1, "replayed", 1);
        check("b", week + 2, "new", 2);
        check("c", week + 3, "new", 3);
        check("d", week + 4, "new", 4);
        // There is room for four: the oldest goes.
        check("e", week + 5, "new", 4);
        check("b", week + 6, "replayed", 4);
        check("a", week + 6, "new", 4);
        check("b", week + 7, "new", 4);
        // All of them have expired, and go with the one that comes.
        check("f", 4 * week, "new", 1);
    });
}
