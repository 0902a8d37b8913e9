//! The inbox seen from outside: what was accepted is there once, in its order, until a batch takes it out.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::SignedDuration;
use proptest::prelude::*;
use raccord_model::fact::Uid;
use raccord_model::field_path::FieldPath;
use raccord_model::port::destination::{Batch, Destination, DestinationError, Postponed};
use raccord_model::port::inbox::{Accept, Accepted, Delivery, DeliveryKind, Inbox, Retry};
use raccord_model::port::state::{Commit, State, Table, Write};
use raccord_store::Store;

use crate::fixture::{Place, assert_sound, at, batch, keys, raise_epoch, transfer, upsert};

/// A delivery to a source, under a name or none, for the transfers of these letters.
pub(crate) fn accept(id: Option<&str>, letters: &str, record: &str) -> Accept {
    let delivery = Delivery {
        kind: DeliveryKind::Upsert,
        record: Bytes::from(record.to_owned()),
        received: at(0),
        event: "customer.updated".to_owned(),
    };
    let transfers = letters.chars().map(transfer).collect();
    Accept { source: transfer('S'), id: id.map(str::to_owned), transfers, delivery }
}

/// What waits for a transfer: sequences and records.
pub(crate) async fn waiting(store: &Store, transfer: Uid) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|(sequence, _)| *sequence);
        let page = store.pending(transfer, after, 3).await.unwrap();
        if page.is_empty() {
            return found;
        }
        let text = |delivery: Delivery| String::from_utf8(delivery.record.to_vec()).unwrap();
        found.extend(page.into_iter().map(|(sequence, delivery)| (sequence, text(delivery))));
    }
}

async fn records(store: &Store, letter: char) -> String {
    let waiting = waiting(store, transfer(letter)).await;
    waiting.into_iter().map(|(_, record)| record).collect::<Vec<_>>().join(" ")
}

async fn delete_transfer(store: &Store, letter: char) {
    let writes = vec![Write::Remove(Table::Transfers, transfer(letter).to_string())];
    State::commit(store, Commit { expected: None, writes, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn a_delivery_leaves_with_its_rows_or_not_at_all() {
    let place = Place::new();
    let store = place.open();
    for record in ["one", "two", "three"] {
        store.accept(accept(None, "AB", record)).await.unwrap();
    }
    let sequences: Vec<u64> = waiting(&store, transfer('A')).await.into_iter().map(|(at, _)| at).collect();
    raise_epoch(&store, 'A', 1).await;
    let mut next = batch('A');
    upsert(&mut next, "k", &[(1, Some("x"))]);
    // Those of another transfer, and those that are gone already, are left alone.
    next.consumed = vec![sequences[0], sequences[1], sequences[0] + 1, 999];
    let refused = Destination::commit(&store, next.clone()).await;
    assert!(matches!(refused, Err(DestinationError::Fenced { expected: 0, found: Some(1) })), "{refused:?}");
    assert_eq!((records(&store, 'A').await, keys(&store).await), ("one two three".into(), String::new()));
    next.fence.epoch = 1;
    Destination::commit(&store, next).await.unwrap();
    assert_eq!((records(&store, 'A').await, keys(&store).await), ("three".into(), "k".into()));
    assert_eq!(records(&store, 'B').await, "one two three");
    assert_sound(&store);
}

#[tokio::test]
async fn a_deleted_transfer_has_no_inbox_and_stores_nothing() {
    let place = Place::new();
    let store = place.open();
    store.accept(accept(Some("1"), "AB", "one")).await.unwrap();
    delete_transfer(&store, 'A').await;
    assert_eq!(store.accept(accept(Some("2"), "AB", "two")).await.unwrap(), Accepted::New);
    assert_eq!((records(&store, 'A').await, records(&store, 'B').await), (String::new(), "one two".into()));
    let mut late = batch('A');
    upsert(&mut late, "k", &[(1, Some("x"))]);
    let refused = Destination::commit(&store, late).await;
    assert!(matches!(&refused, Err(DestinationError::Fenced { found: None, .. })), "{refused:?}");
    assert_eq!(refused.unwrap_err().to_string(), "the transfer was deleted while it ran");
    let refused = store.sweep(crate::fixture::sweep('A', None)).await;
    assert!(matches!(refused, Err(DestinationError::Fenced { found: None, .. })), "{refused:?}");
    assert_eq!(keys(&store).await, "");
    assert_sound(&store);
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Op {
    Accept {
        source: u8,
        id: Option<u8>,
        letters: BTreeSet<char>,
        kind: u8,
    },
    /// The first so many of a transfer are stored.
    Consume {
        letter: char,
        count: usize,
    },
    Discard {
        letter: char,
        count: usize,
    },
    Delete {
        letter: char,
    },
    Reopen,
    Wait {
        days: i64,
    },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let letter = prop_oneof![Just('A'), Just('B'), Just('C')];
    let letters = proptest::collection::btree_set(letter.clone(), 0..=3);
    let accept = (0..2u8, proptest::option::weighted(0.8, 0..8u8), letters, 0..3u8)
        .prop_map(|(source, id, letters, kind)| Op::Accept { source, id, letters, kind });
    let op = prop_oneof![
        12 => accept,
        4 => (letter.clone(), 0..4usize).prop_map(|(letter, count)| Op::Consume { letter, count }),
        1 => (letter.clone(), 1..3usize).prop_map(|(letter, count)| Op::Discard { letter, count }),
        1 => letter.prop_map(|letter| Op::Delete { letter }),
        2 => Just(Op::Reopen),
        2 => (1..5i64).prop_map(|days| Op::Wait { days }),
    ];
    proptest::collection::vec(op, 1..40)
}

/// What there should be.
#[derive(Default)]
struct Model {
    inboxes: BTreeMap<char, Vec<Delivery>>,
    seen: BTreeMap<(u8, u8), i64>,
    deleted: BTreeSet<char>,
    day: i64,
    accepted: u32,
}

impl Model {
    fn accept(&mut self, op: (u8, Option<u8>), letters: &BTreeSet<char>, delivery: &Delivery) -> Accepted {
        if let (source, Some(id)) = op {
            if self.seen.get(&(source, id)).is_some_and(|day| self.day - day <= 7) {
                return Accepted::Replayed;
            }
            self.seen.insert((source, id), self.day);
        }
        for letter in letters - &self.deleted {
            self.inboxes.entry(letter).or_default().push(delivery.clone());
        }
        Accepted::New
    }

    fn delivery(&mut self, kind: u8) -> Delivery {
        self.accepted += 1;
        let kind = match kind {
            0 => DeliveryKind::Upsert,
            1 => DeliveryKind::Delete,
            _ => DeliveryKind::Fetch { path: "/x".to_owned(), record: "a.b".parse().unwrap(), retry: None },
        };
        let received = at(0) + SignedDuration::from_hours(24 * self.day);
        Delivery { kind, record: self.accepted.to_string().into(), received, event: "e".to_owned() }
    }
}

async fn compare(ops: Vec<Op>) {
    let place = Place::new();
    let mut store = place.open();
    let mut model = Model::default();
    for op in &ops {
        match op {
            Op::Accept { source, id, letters, kind } => {
                let delivery = model.delivery(*kind);
                let accept = Accept {
                    source: Uid(uuid::Uuid::from_u128(u128::from(*source))),
                    id: id.map(|id| id.to_string()),
                    transfers: letters.iter().copied().map(transfer).collect(),
                    delivery: delivery.clone(),
                };
                let accepted = store.accept(accept).await.unwrap();
                assert_eq!(accepted, model.accept((*source, *id), letters, &delivery), "{op:?} of {ops:?}");
            }
            Op::Consume { letter, count } => {
                let pending = store.pending(transfer(*letter), None, *count).await.unwrap();
                let mut next = batch(*letter);
                next.consumed = pending.iter().map(|(sequence, _)| *sequence).collect();
                let outcome = Destination::commit(&store, next).await;
                assert_eq!(outcome.is_err(), model.deleted.contains(letter), "{outcome:?}");
                let inbox = model.inboxes.entry(*letter).or_default();
                inbox.drain(..pending.len());
            }
            Op::Discard { letter, count } => {
                let pending = store.pending(transfer(*letter), None, *count).await.unwrap();
                if let Some((last, _)) = pending.last() {
                    let gone = store.discard(transfer(*letter), *last).await.unwrap();
                    assert_eq!(usize::try_from(gone).unwrap(), pending.len());
                    model.inboxes.entry(*letter).or_default().drain(..pending.len());
                }
            }
            Op::Delete { letter } => {
                delete_transfer(&store, *letter).await;
                model.inboxes.remove(letter);
                model.deleted.insert(*letter);
            }
            Op::Reopen => {
                drop(store);
                store = place.open_as_it_is();
            }
            Op::Wait { days } => model.day += days,
        }
        agree(&store, &model, &ops).await;
    }
    assert_sound(&store);
}

async fn agree(store: &Store, model: &Model, ops: &[Op]) {
    let mut waiting_transfers = Vec::new();
    let mut sequences = BTreeSet::new();
    let mut count = 0;
    for letter in ['A', 'B', 'C'] {
        let pending = store.pending(transfer(letter), None, usize::MAX).await.unwrap();
        count += pending.len();
        sequences.extend(pending.iter().map(|(sequence, _)| *sequence));
        assert!(pending.is_sorted_by_key(|(sequence, _)| *sequence));
        let pending: Vec<Delivery> = pending.into_iter().map(|(_, delivery)| delivery).collect();
        let expected = model.inboxes.get(&letter).cloned().unwrap_or_default();
        assert_eq!(store.waiting(transfer(letter)).await.unwrap(), u64::try_from(pending.len()).unwrap());
        if !expected.is_empty() {
            waiting_transfers.push(transfer(letter));
        }
        assert_eq!(pending, expected, "{letter} of {ops:?}");
    }
    assert_eq!(sequences.len(), count, "a sequence was given twice");
    assert_eq!(store.waiting_transfers().await.unwrap(), waiting_transfers);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_inbox_agrees_with_the_model(ops in ops()) {
        tokio::runtime::Runtime::new().unwrap().block_on(compare(ops));
    }
}

#[tokio::test]
async fn a_delivery_that_is_postponed_stays_with_its_time() {
    let place = Place::new();
    let store = place.open();
    let fetch = |retry| DeliveryKind::Fetch { path: "/x".to_owned(), record: FieldPath::default(), retry };
    for record in ["one", "two"] {
        let mut accept = accept(None, "A", record);
        accept.delivery.kind = fetch(None);
        store.accept(accept).await.unwrap();
    }
    let pending = store.pending(transfer('A'), None, 10).await.unwrap();
    let [(first, _), (second, _)] = &pending[..] else { panic!("{pending:?}") };
    let retry = Retry { attempts: 1, until: "2025-01-02T03:04:05Z".parse().unwrap() };
    let postponed = vec![Postponed { sequence: *first, retry }, Postponed { sequence: 99, retry }];
    Destination::commit(&store, Batch { postponed, consumed: vec![*second], ..batch('A') }).await.unwrap();
    drop(store);
    let store = place.open_as_it_is();
    let left = store.pending(transfer('A'), None, 10).await.unwrap();
    let kinds: Vec<_> = left.iter().map(|(_, delivery)| delivery.kind.clone()).collect();
    assert_eq!(kinds, [fetch(Some(retry))]);
    assert_sound(&store);
}
