//! The inbox: what was accepted is there once, in its order, until it is taken out.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::SignedDuration;
use raccord_model::fact::Uid;
use raccord_model::field_path::FieldPath;
use raccord_model::port::destination::Postponed;
use raccord_model::port::inbox::{Accept, Accepted, Delivery, DeliveryKind, Inbox, Retry};
use raccord_model::port::state::{Commit, State, Table, Write};

use super::{StateSubject, empty};
use crate::fixture::{at, transfer};

/// A delivery to a source, under a name or none, for the transfers of these letters.
pub fn accept(id: Option<&str>, letters: &str, record: &str) -> Accept {
    let delivery = Delivery {
        kind: DeliveryKind::Upsert,
        record: Bytes::from(record.to_owned()),
        received: at(0),
        event: "customer.updated".to_owned(),
    };
    let transfers = letters.chars().map(transfer).collect();
    Accept { source: transfer('S'), id: id.map(str::to_owned), transfers, delivery }
}

/// What waits for a transfer, read a few at a time: sequences and records.
async fn waiting(inbox: &impl Inbox, transfer: Uid) -> Vec<(u64, String)> {
    let mut found: Vec<(u64, String)> = Vec::new();
    loop {
        let after = found.last().map(|(sequence, _)| *sequence);
        let page = inbox.pending(transfer, after, 3).await.unwrap();
        if page.is_empty() {
            return found;
        }
        let text = |delivery: Delivery| String::from_utf8(delivery.record.to_vec()).unwrap();
        found.extend(page.into_iter().map(|(sequence, delivery)| (sequence, text(delivery))));
    }
}

async fn records(inbox: &impl Inbox, letter: char) -> String {
    let waiting = waiting(inbox, transfer(letter)).await;
    waiting.into_iter().map(|(_, record)| record).collect::<Vec<_>>().join(" ")
}

pub async fn what_was_accepted_survives_and_is_known_again<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    for (id, letters, record, expected) in [
        (Some("1"), "AB", "one", Accepted::New),
        (Some("1"), "AB", "other", Accepted::Replayed),
        (Some("2"), "A", "two", Accepted::New),
        (None, "A", "three", Accepted::New),
        (None, "AA", "three", Accepted::New),
        (Some("3"), "", "for none", Accepted::New),
        (Some("3"), "B", "too late", Accepted::Replayed),
        (Some("4"), "Z", "for a transfer that is not there", Accepted::New),
    ] {
        assert_eq!(inbox.accept(accept(id, letters, record)).await.unwrap(), expected, "{id:?} {letters}");
    }
    let other_source = Accept { source: transfer('T'), ..accept(Some("1"), "B", "theirs") };
    assert_eq!(inbox.accept(other_source).await.unwrap(), Accepted::New);
    let subject = subject.reopen().await;
    let inbox = subject.ports();
    assert_eq!(records(inbox, 'A').await, "one two three three");
    assert_eq!(records(inbox, 'B').await, "one theirs");
    assert_eq!(records(inbox, 'Z').await, "");
    assert_eq!(inbox.waiting(transfer('A')).await.unwrap(), 4);
    assert_eq!(inbox.waiting_transfers().await.unwrap(), [transfer('A'), transfer('B')]);
    assert_eq!(inbox.accept(accept(Some("2"), "A", "two")).await.unwrap(), Accepted::Replayed);
    let all = waiting(inbox, transfer('A')).await;
    let (second, _) = all.get(1).unwrap();
    assert_eq!(inbox.discard(transfer('A'), *second).await.unwrap(), 2);
    assert_eq!(
        (records(inbox, 'A').await, records(inbox, 'B').await),
        ("three three".into(), "one theirs".into())
    );
    subject.assert_sound().await;
}

pub async fn many_at_once_are_all_kept<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    let one = |number: u32| {
        // Each comes twice, as from a service that did not wait for the answer.
        let (id, record) = (format!("{}", number / 2), format!("{:03}", number / 2));
        inbox.accept(accept(Some(&id), "AB", &record))
    };
    let answers = join_all((0..120).map(one)).await;
    let new = answers.into_iter().filter(|answer| *answer.as_ref().unwrap() == Accepted::New).count();
    for letter in ['A', 'B'] {
        let kept: BTreeSet<String> =
            waiting(inbox, transfer(letter)).await.into_iter().map(|(_, record)| record).collect();
        assert_eq!((new, kept.len()), (60, 60));
        assert_eq!(inbox.waiting(transfer(letter)).await.unwrap(), 60);
    }
    subject.assert_sound().await;
}

pub async fn large_deliveries_are_read_a_few_at_a_time<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    let large = "x".repeat(3 * 1024 * 1024);
    for _ in 0..3 {
        inbox.accept(accept(None, "A", &large)).await.unwrap();
    }
    inbox.accept(accept(None, "A", &large.repeat(3))).await.unwrap();
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = inbox.pending(transfer('A'), after, 100).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        pages.push(page.len());
    }
    assert_eq!(pages, [2, 1, 1]);
    assert_eq!(inbox.pending(transfer('A'), None, 0).await.unwrap(), []);
    assert_eq!(inbox.pending(transfer('A'), Some(u64::MAX), 9).await.unwrap(), []);
}

pub async fn what_one_delivery_says_is_kept_whole<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    // (what a delivery says, what becomes of it, what then waits for A and for B)
    for (says, expected, a, b) in [
        (vec![("1", "A"), ("2", "AB")], Accepted::New, "1 2", "2"),
        (vec![("1", "A"), ("2", "AB")], Accepted::Replayed, "1 2", "2"),
        // What is known of it is left out; of what it says twice the first counts.
        (vec![("2", "AB"), ("3", "B"), ("3", "A")], Accepted::New, "1 2", "2 3"),
    ] {
        let accepts = says.iter().map(|(id, letters)| accept(Some(id), letters, id)).collect();
        assert_eq!(inbox.accept_all(accepts).await.unwrap(), expected, "{says:?}");
        assert_eq!(
            (records(inbox, 'A').await.as_str(), records(inbox, 'B').await.as_str()),
            (a, b),
            "{says:?}"
        );
    }
}

/// Who reads while deliveries come never sees one before what came earlier.
pub async fn deliveries_come_in_the_order_of_their_sequences<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    let accepting = join_all((0..40).map(|number: u32| async move {
        inbox.accept(accept(None, "A", &number.to_string())).await.unwrap();
    }));
    let reading = async {
        let mut seen: Vec<u64> = Vec::new();
        loop {
            // Everything from the beginning: what was seen before is still the beginning of it.
            let now: Vec<u64> =
                inbox.pending(transfer('A'), None, 100).await.unwrap().iter().map(|(at, _)| *at).collect();
            assert!(now.is_sorted() && now.starts_with(&seen), "{seen:?} then {now:?}");
            if now.len() == 40 {
                return now;
            }
            seen = now;
        }
    };
    let (_, before) = futures_util::future::join(accepting, reading).await;
    // None is given twice, not even when the inbox is empty.
    inbox.discard(transfer('A'), u64::MAX).await.unwrap();
    let subject = subject.reopen().await;
    subject.ports().accept(accept(None, "A", "later")).await.unwrap();
    let later = waiting(subject.ports(), transfer('A')).await;
    assert!(later.first().unwrap().0 > *before.last().unwrap());
}

pub async fn what_is_settled_goes_and_what_is_postponed_stays<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    let fetch = |retry| DeliveryKind::Fetch { path: "/x".to_owned(), record: FieldPath::default(), retry };
    for record in ["one", "two", "three"] {
        let mut accept = accept(None, "AB", record);
        accept.delivery.kind = fetch(None);
        inbox.accept(accept).await.unwrap();
    }
    let sequences: Vec<u64> = waiting(inbox, transfer('A')).await.into_iter().map(|(at, _)| at).collect();
    let [first, second, third] = *sequences.as_slice() else { panic!("{sequences:?}") };
    let retry = Retry { attempts: 1, until: "2025-01-02T03:04:05Z".parse().unwrap() };
    let postponed = vec![Postponed { sequence: first, retry }, Postponed { sequence: 999, retry }];
    // Those that are gone already are nothing to be done about, and those of another transfer stay.
    inbox.settle(transfer('A'), vec![second, 999], postponed).await.unwrap();
    assert_eq!(inbox.take(transfer('A'), vec![second, third, 999]).await.unwrap(), 1);
    let subject = subject.reopen().await;
    let left = subject.ports().pending(transfer('A'), None, 10).await.unwrap();
    let kinds: Vec<_> = left.iter().map(|(sequence, delivery)| (*sequence, delivery.kind.clone())).collect();
    assert_eq!(kinds, [(first, fetch(Some(retry)))]);
    assert_eq!(records(subject.ports(), 'B').await, "one two three");
    assert_eq!(subject.ports().waiting(transfer('A')).await.unwrap(), 1);
    subject.assert_sound().await;
}

pub async fn a_deleted_transfer_has_no_inbox<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    inbox.accept(accept(Some("1"), "AB", "one")).await.unwrap();
    let writes = vec![Write::Remove(Table::Transfers, transfer('A').to_string())];
    inbox.commit(Commit { writes, ..Commit::default() }).await.unwrap();
    assert_eq!(inbox.accept(accept(Some("2"), "AB", "two")).await.unwrap(), Accepted::New);
    assert_eq!((records(inbox, 'A').await, records(inbox, 'B').await), (String::new(), "one two".into()));
    assert_eq!(inbox.waiting_transfers().await.unwrap(), [transfer('B')]);
    subject.assert_sound().await;
}

pub async fn a_delivery_is_known_for_a_week<S: StateSubject>() {
    let subject = empty::<S>().await;
    let inbox = subject.ports();
    let on = |hours: i64| {
        let mut accept = accept(Some("1"), "A", "one");
        accept.delivery.received = at(0) + SignedDuration::from_hours(hours);
        inbox.accept(accept)
    };
    for (hours, expected) in [
        (0, Accepted::New),
        (24 * 7, Accepted::Replayed),
        (24 * 7 + 1, Accepted::New),
        (24 * 8, Accepted::Replayed),
    ] {
        assert_eq!(on(hours).await.unwrap(), expected, "after {hours} hours");
    }
    subject.assert_sound().await;
}
