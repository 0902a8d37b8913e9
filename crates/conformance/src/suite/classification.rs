//! What becomes of a record: every sentence of the destination's rules is a case.

use std::collections::BTreeSet;
use std::sync::Arc;

use raccord_model::fact::Decided;
use raccord_model::language::Mode;
use raccord_model::port::destination::{
    Batch, Change, Changes, Destination, Intent, Ledger, REQUIRED, RejectQuery,
};
use raccord_model::row::FieldId;

use crate::Subject;
use crate::fixture::{INC, at, batch, effects, row_of, rows, transfer, updates, upsert};

/// A step as text: who, what is wanted, the change, its version and the day. `A cud +k=x@5` is an upsert of `k` by
/// A, `E u -k` a delete by E, `A cud +k=x@5 day 40` the same forty days later, `A gone` the end of the transfer, `A left` that it owns no rows of the entity any more. A and B own rows and feed fields 1
/// and 2, E and F enrich and feed 5 and 6; `x` is the value, and without `=` the field is emptied.
fn step(text: &str) -> Batch {
    let mut words = text.split(' ');
    let letter = words.next().unwrap().chars().next().unwrap();
    let mut batch = batch(letter);
    batch.updates = updates(words.next().unwrap().trim_matches('.'));
    batch.mode = if letter >= 'E' { Mode::Enrich } else { Mode::Own };
    batch.target.defaults = row_of(&[(9, Some("default"))]).into();
    let (change, version) = words.next().unwrap().split_once('@').unwrap_or_else(|| {
        let change = text.split(' ').nth(2).unwrap();
        (change, "")
    });
    let (key, value) = match change[1..].split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (&change[1..], None),
    };
    let field = FieldId::from(u8::try_from(letter).unwrap() - b'A' + 1);
    let patch = row_of(&[(field, value)]);
    let intent = if change.starts_with('+') { Intent::Upsert } else { Intent::Delete };
    let patch: &[u8] = if intent == Intent::Upsert { &patch } else { &[] };
    batch.changes.push(Change {
        intent,
        key: key.as_bytes(),
        patch,
        version: version.as_bytes(),
        digest: None,
    });
    if let Some(day) = words.nth(1) {
        batch.at = at(day.parse::<i64>().unwrap() * 86_400);
    }
    batch
}

async fn check<S: Subject>(steps: &[(&str, &str)], expected: &str) {
    let subject = S::empty().await;
    let store = subject.destination();
    let mut left = BTreeSet::new();
    for (text, effect) in steps {
        if let Some((letter, "left")) = text.split_once(' ') {
            left.insert(transfer(letter.parse().unwrap()));
            continue;
        }
        if let Some((letter, "gone")) = text.split_once(' ') {
            subject.apply(transfer(letter.parse().unwrap()), None).await;
            continue;
        }
        let mut batch = step(text);
        batch.target.non_owners = Arc::new(left.clone());
        let tally = Destination::commit(store, batch).await.unwrap();
        assert_eq!(effects(&tally), format!("{effect} 1"), "{text} of {steps:?}");
    }
    let rows: Vec<_> = rows(store).await.into_iter().map(|(key, row)| format!("{key}={row}")).collect();
    assert_eq!(rows.join(" | "), expected, "{steps:?}");
    subject.assert_sound();
}

pub async fn upserts<S: Subject>() {
    let first = ("A cud +k=x", "created");
    for (steps, expected) in [
        (&[first][..], "k=1:x 9:default"),
        (&[("A ud +k=x", "skipped")], ""),
        (&[first, ("A cud +k=x", "unchanged")], "k=1:x 9:default"),
        (&[first, ("A cd +k=x", "unchanged")], "k=1:x 9:default"),
        (&[first, ("A cud +k=y", "updated")], "k=1:y 9:default"),
        (&[first, ("A cd +k=y", "skipped")], "k=1:x 9:default"),
        (&[first, ("A cud +k", "updated")], "k=9:default"),
        (&[first, ("A cud +l=y", "created")], "k=1:x 9:default | l=1:y 9:default"),
        // Two owners feed disjoint fields of one row, no matter which created it.
        (&[first, ("B cud +k=z", "updated")], "k=1:x 2:z 9:default"),
    ] {
        check::<S>(steps, expected).await;
    }
}

pub async fn old_never_beats_new<S: Subject>() {
    let first = ("A cud +k=x@5", "created");
    for (steps, expected) in [
        (&[first, ("A cud +k=y@6", "updated")][..], "k=1:y 9:default"),
        (&[first, ("A cud +k=y@5", "updated")], "k=1:y 9:default"),
        (&[first, ("A cud +k=y@4", "skipped")], "k=1:x 9:default"),
        (&[first, ("A cud +k=x@4", "skipped")], "k=1:x 9:default"),
        (&[first, ("A cud +k=y", "updated")], "k=1:y 9:default"),
        // A record without a version does not make the row forget its own.
        (&[first, ("A cud +k=y", "updated"), ("A cud +k=z@4", "skipped")], "k=1:y 9:default"),
        // What is the same at a later version still makes what lies between too late.
        (&[first, ("A cud +k=x@8", "unchanged"), ("A cud +k=y@7", "skipped")], "k=1:x 9:default"),
        // So does what isn't wanted: it leaves the row as it is, and is the latest that is known of it.
        (&[first, ("A cd +k=y@8", "skipped"), ("A cd -k@7", "skipped")], "k=1:x 9:default"),
        (&[first, ("A cd +k=y@8", "skipped"), ("A cud +k=y@8", "updated")], "k=1:y 9:default"),
        (&[first, ("A cu -k@8", "skipped"), ("A cud +k=y@7", "skipped")], "k=1:x 9:default"),
        // Versions of two services cannot be compared.
        (&[first, ("B cud +k=z@1", "updated"), ("B cud +k=q@0", "skipped")], "k=1:x 2:z 9:default"),
        (&[first, ("B cud +k=z@9", "updated"), ("A cud +k=y@6", "updated")], "k=1:y 2:z 9:default"),
    ] {
        check::<S>(steps, expected).await;
    }
}

pub async fn deletes<S: Subject>() {
    let first = ("A cud +k=x@5", "created");
    for (steps, expected) in [
        (&[first, ("A cud -k", "deleted")][..], ""),
        (&[first, ("A cu -k", "skipped")], "k=1:x 9:default"),
        (&[first, ("B cud -k", "skipped")], "k=1:x 9:default"),
        (&[first, ("E cud -k", "skipped")], "k=1:x 9:default"),
        (&[first, ("A cud -k@4", "skipped")], "k=1:x 9:default"),
        (&[first, ("A cud -k@5", "deleted")], ""),
        (&[("A cud -k", "skipped")], ""),
        // A tombstone holds against what is not newer, for thirty days.
        (&[first, ("A cud -k@6", "deleted"), ("A cud +k=y@6", "skipped")], ""),
        (&[first, ("A cud -k@6", "deleted"), ("A cud +k=y@7", "created")], "k=1:y 9:default"),
        (&[first, ("A cud -k@6", "deleted"), ("A cud +k=y", "created")], "k=1:y 9:default"),
        // A deletion without a version is one of the version that is known.
        (&[first, ("A cud -k", "deleted"), ("A cud +k=y@1", "skipped")], ""),
        (&[first, ("A cud -k", "deleted"), ("A cud +k=y@5", "skipped")], ""),
        (&[first, ("A cud -k", "deleted"), ("A cud +k=y@6", "created")], "k=1:y 9:default"),
        (&[first, ("A cud -k", "deleted"), ("A cud +k=y", "created")], "k=1:y 9:default"),
        (&[first, ("A cud -k@6", "deleted"), ("A cud +k=y@5 day 29", "skipped")], ""),
        (&[first, ("A cud -k@6", "deleted"), ("A cud +k=y@5 day 31", "created")], "k=1:y 9:default"),
        (&[first, ("A cud -k@6", "deleted"), ("B cud +k=y@5", "created")], "k=2:y 9:default"),
        // The delete may come before what it deletes.
        (&[("A cud -k@6", "skipped"), ("A cud +k=y@5", "skipped")], ""),
        (&[("A cu -k@6", "skipped"), ("A cud +k=y@5", "created")], "k=1:y 9:default"),
        (&[("A cud -k@6", "skipped"), ("A cud -k@3", "skipped"), ("A cud +k=y@5", "skipped")], ""),
        // A row that is there again has no tombstone any more.
        (
            &[
                first,
                ("A cud -k@6", "deleted"),
                ("A cud +k=y@7", "created"),
                ("B cud +k=z", "updated"),
                ("A cud -k", "deleted"),
                ("A cud +k=z@6", "skipped"),
                ("A cud +k=z@8", "created"),
            ],
            "k=1:z 9:default",
        ),
    ] {
        check::<S>(steps, expected).await;
    }
}

pub async fn enrichments<S: Subject>() {
    let first = ("A cud +k=x", "created");
    for (steps, expected) in [
        (&[first, ("E u +k=e", "updated")][..], "k=1:x 5:e 9:default"),
        (&[first, ("E u +k=e", "updated"), ("E u +k=e", "unchanged")], "k=1:x 5:e 9:default"),
        (&[first, ("E cd +k=e", "skipped")], "k=1:x 9:default"),
        // One that comes first waits for its row.
        (&[("E u +k=e", "skipped"), first], "k=1:x 5:e 9:default"),
        (&[("E u +k=e", "skipped"), ("E u +k=f", "skipped"), first], "k=1:x 5:f 9:default"),
        (&[("E u +k=e@2", "skipped"), ("E u +k=f@1", "skipped"), first], "k=1:x 5:e 9:default"),
        (&[("E u +k=e", "skipped"), ("F u +k=g", "skipped"), first], "k=1:x 5:e 6:g 9:default"),
        (&[("E u +k=e", "skipped"), ("A cud +l=x", "created")], "l=1:x 9:default"),
        (&[("E c +k=e", "skipped"), first], "k=1:x 9:default"),
        (&[("E ud +k=e", "skipped"), ("E ud -k", "skipped"), first], "k=1:x 9:default"),
        // It keeps its version while it waits.
        (&[("E u +k=e@5", "skipped"), first, ("E u +k=f@4", "skipped")], "k=1:x 5:e 9:default"),
        // It is applied once.
        (
            &[("E u +k=e", "skipped"), first, ("A cud -k", "deleted"), ("A cud +k=x", "created")],
            "k=1:x 9:default",
        ),
    ] {
        check::<S>(steps, expected).await;
    }
}

pub async fn a_row_without_an_owner_is_taken_over<S: Subject>() {
    let (first, gone, left) = (("A cud +k=x@5", "created"), ("A gone", ""), ("A left", ""));
    for (steps, expected) in [
        // By the owner of rows that shows it, changed or not, wanted or not.
        (&[first, gone, ("B cud +k=z", "updated"), ("B cud -k", "deleted")][..], ""),
        (&[first, gone, ("B cud +k", "unchanged"), ("B cud -k", "deleted")], ""),
        (&[first, gone, ("B cd +k=z", "skipped"), ("B cud -k", "deleted")], ""),
        (&[first, ("B cud +k=z@3", "updated"), gone, ("B cud +k=y@4", "updated")], "k=1:x 2:y 9:default"),
        // Also from one that is there still: it enriches the rows now, or writes elsewhere.
        (&[first, left, ("B cud +k=z", "updated"), ("B cud -k", "deleted")], ""),
        (&[first, left, ("B cud -k", "deleted")], ""),
        (&[first, left, ("B cd +k=z", "skipped"), ("B cud -k", "deleted")], ""),
        (&[first, left, ("E cud -k", "skipped")], "k=1:x 9:default"),
        // Its deletion is wanted as well.
        (&[first, gone, ("B cud -k", "deleted")], ""),
        (&[first, gone, ("B cu -k", "skipped")], "k=1:x 9:default"),
        // Not by what is too late.
        (
            &[
                first,
                ("B cud +k=z@3", "updated"),
                gone,
                ("B cud +k=y@2", "skipped"),
                ("B cud -k@2", "skipped"),
                ("C cud +k", "unchanged"),
                ("B cud -k", "skipped"),
            ],
            "k=1:x 2:z 9:default",
        ),
        // Its owner's version says nothing to others, and theirs stay what they are.
        (
            &[
                first,
                ("C cud +k@7", "unchanged"),
                gone,
                ("B cud +k=z@1", "updated"),
                ("C cud +k=c@6", "skipped"),
            ],
            "k=1:x 2:z 9:default",
        ),
        (&[first, gone, ("B cud +k=z@2", "updated"), ("B cud -k@1", "skipped")], "k=1:x 2:z 9:default"),
        (
            &[first, gone, ("B cud +k", "unchanged"), ("B cud +k=y@3", "updated"), ("B cud -k@2", "skipped")],
            "k=1:x 2:y 9:default",
        ),
        // An owner that lives is not robbed, and who enriches owns nothing.
        (&[first, ("B cud +k=z", "updated"), ("B cud -k", "skipped")], "k=1:x 2:z 9:default"),
        (&[first, gone, ("E cud +k=e", "updated"), ("E cud -k", "skipped")], "k=1:x 5:e 9:default"),
        (
            &[first, gone, ("B cud +k", "unchanged"), ("C cud +k=c", "updated"), ("C cud -k", "skipped")],
            "k=1:x 3:c 9:default",
        ),
    ] {
        check::<S>(steps, expected).await;
    }
}

pub async fn what_waits_goes_with_its_transfer<S: Subject>() {
    let first = ("A cud +k=x", "created");
    for (steps, expected) in [
        (&[("E u +k=e", "skipped"), ("E gone", ""), first][..], "k=1:x 9:default"),
        (&[("E u +k=e", "skipped"), ("F gone", ""), first], "k=1:x 5:e 9:default"),
        (&[("E u +k=e", "skipped"), ("A gone", ""), ("B cud +k=x", "created")], "k=2:x 5:e 9:default"),
    ] {
        check::<S>(steps, expected).await;
    }
}

pub async fn what_waits_goes_when_its_transfer_begins_anew<S: Subject>() {
    // (what an apply decides, whether the enrichment still waits)
    for (epoch, reset, waits) in [(1, 1, false), (1, 0, true), (0, 0, true)] {
        let subject = S::empty().await;
        let store = subject.destination();
        Destination::commit(store, step("E u +k=e")).await.unwrap();
        Destination::commit(store, step("F u +k=f")).await.unwrap();
        subject.apply(transfer('E'), Some(Decided { epoch, reset })).await;
        Destination::commit(store, step("A cud +k=x")).await.unwrap();
        let row = rows(store).await.remove("k").unwrap();
        assert_eq!(row.contains("5:e"), waits, "{epoch} {reset}");
        assert!(row.contains("6:f"));
        subject.assert_sound();
    }
}

pub async fn no_row_is_created_without_its_required_fields<S: Subject>() {
    // (fields that are required, fields of the record, whether the row is there, what becomes of it, the row)
    for (required, fields, is_there, expected, row) in [
        (&[][..], &[(2, Some("x"))][..], false, "created 1", "k=2:x 9:default"),
        (&[2], &[(2, Some("x"))], false, "created 1", "k=2:x 9:default"),
        (&[2], &[(3, Some("x"))], false, "rejected 1", ""),
        (&[2], &[(2, None)], false, "rejected 1", ""),
        (&[2, 3], &[(2, Some("x"))], false, "rejected 1", ""),
        (&[2, 9], &[(2, Some("x"))], false, "created 1", "k=2:x 9:default"),
        // A row that is there keeps what it has, and lacks what it lacks.
        (&[2], &[(3, Some("x"))], true, "updated 1", "k=1:old 3:x 9:default"),
    ] {
        let subject = S::empty().await;
        let store = subject.destination();
        if is_there {
            Destination::commit(store, step("A cud +k=old")).await.unwrap();
        }
        let mut batch = step("A cud -other");
        batch.changes = Changes::default();
        batch.target.required = required.to_vec();
        upsert(&mut batch, "k", fields);
        let tally = Destination::commit(store, batch).await.unwrap();
        assert_eq!(effects(&tally), expected, "{required:?} {fields:?}");
        let kept: Vec<_> = rows(store).await.into_iter().map(|(key, row)| format!("{key}={row}")).collect();
        assert_eq!(kept.concat(), row, "{required:?} {fields:?}");
        let query = RejectQuery { transfer: Some(transfer('A')), limit: 2, ..RejectQuery::default() };
        for (_, reject) in store.rejects(query).await.unwrap() {
            assert_eq!((reject.reason.as_str(), reject.key.as_deref()), (REQUIRED, Some("6b")));
        }
        subject.assert_sound();
    }
}

pub async fn the_owner_is_who_created<S: Subject>() {
    let subject = S::empty().await;
    let store = subject.destination();
    for (text, a, b) in [
        ("A cud +k=x", 1, 0),
        ("B cud +k=z", 1, 0),
        ("B cud +l=z", 1, 1),
        ("A cud -k", 0, 1),
        ("A cud -l", 0, 1),
    ] {
        Destination::commit(store, step(text)).await.unwrap();
        let owned = |letter| store.count_owned(INC, transfer(letter));
        assert_eq!((owned('A').await.unwrap(), owned('B').await.unwrap()), (a, b), "{text}");
        let owners: Vec<_> = [('A', a), ('B', b)].map(|(letter, count)| (transfer(letter), count)).into();
        let owners: Vec<_> = owners.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(store.count_owners(INC).await.unwrap(), owners, "{text}");
    }
}
