//! Commits: serials, facts, bodies; and what a refusal leaves behind, which is nothing.

use bytes::Bytes;
use futures_util::future::join_all;
use raccord_model::canonical::Digest;
use raccord_model::fact::{Entry, Observed, Run, RunId, TransferFact, read, write};
use raccord_model::key::Key;
use raccord_model::port::state::{Commit, Scan, Serial, SnapshotQuery, State, StateError, Table, Write};
use uuid::Uuid;

use super::{StateSubject, empty};
use crate::fixture::{run_of, transfer};

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// A resource and its body.
fn resource(text: &str, letter: char) -> [Write; 2] {
    let body = Bytes::from(text.to_owned());
    let digest = Digest::of(&body);
    [Write::Body(digest, body), Write::Index(key(text), Entry { uid: transfer(letter), digest })]
}

fn apply(expected: Option<Serial>, writes: Vec<Write>) -> Commit {
    Commit { expected, writes, ..Commit::default() }
}

pub async fn an_apply_is_one_commit<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    let new = state.head().await.unwrap();
    assert_eq!((new.serial, new.generation, new.stack, new.root), (0, 0, None, None));
    let mut writes: Vec<_> = ["Source/a", "Transfer/b"].iter().flat_map(|text| resource(text, 'A')).collect();
    writes.push(Write::Head { stack: "shop".parse().unwrap(), root: "/data".to_owned(), generation: 1 });
    assert_eq!(state.commit(apply(Some(0), writes)).await.unwrap(), 1);
    let index = state.index().await.unwrap();
    assert_eq!(index.keys().map(ToString::to_string).collect::<Vec<_>>(), ["Source/a", "Transfer/b"]);
    let digests =
        vec![index[&key("Transfer/b")].digest, Digest::of(b"nothing"), index[&key("Source/a")].digest];
    let bodies = state.bodies(digests).await.unwrap();
    assert_eq!(bodies, [Some(Bytes::from("Transfer/b")), None, Some(Bytes::from("Source/a"))]);
    let head = state.head().await.unwrap();
    assert_eq!((head.lineage, head.serial, head.generation), (new.lineage, 1, 1));
    assert_eq!((head.stack.unwrap().as_str(), head.root.as_deref()), ("shop", Some("/data")));
    let gone = vec![Write::Unindex(key("Source/a")), Write::DropBody(index[&key("Source/a")].digest)];
    assert_eq!(state.commit(apply(Some(1), gone)).await.unwrap(), 2);
    assert_eq!(state.index().await.unwrap().len(), 1);
    assert_eq!(state.bodies(vec![index[&key("Source/a")].digest]).await.unwrap(), [None]);
    subject.assert_sound().await;
}

pub async fn a_stale_serial_leaves_no_trace<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    let commit = |expected, text: &str| state.commit(apply(expected, resource(text, 'A').to_vec()));
    assert_eq!(commit(Some(0), "Source/a").await.unwrap(), 1);
    // Some are under way before, and some after.
    let all = vec![commit(None, "Source/b"), commit(Some(0), "Source/stale"), commit(None, "Source/c")];
    let answers = join_all(all).await;
    let [before, late, after] = answers.as_slice() else { unreachable!() };
    assert_eq!(
        (before.as_ref().unwrap(), after.as_ref().unwrap()),
        (&1, &1),
        "facts leave the serial as it is"
    );
    assert!(matches!(late, Err(StateError::Conflict { expected: 0, found: 1 })), "{late:?}");
    let names: Vec<_> = state.index().await.unwrap().into_keys().map(|key| key.to_string()).collect();
    assert_eq!(names, ["Source/a", "Source/b", "Source/c"]);
    assert_eq!(state.bodies(vec![Digest::of(b"Source/stale")]).await.unwrap(), [None]);
}

pub async fn of_many_applies_at_once_one_is_made<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    for serial in 0..4 {
        let one = |number: u32| {
            state.commit(apply(Some(serial), resource(&format!("Source/s{serial}n{number}"), 'A').to_vec()))
        };
        let answers = join_all((0..6).map(one)).await;
        let made = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(made, 1, "{answers:?}");
        for answer in answers {
            match answer {
                Ok(now) => assert_eq!(now, serial + 1),
                Err(StateError::Conflict { expected, found }) => {
                    assert_eq!((expected, found), (serial, serial + 1));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((state.head().await.unwrap().serial, state.index().await.unwrap().len()), (4, 4));
}

pub async fn facts_are_read_together_as_one_by_one<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    let put = |table, key: &str| Write::Put(table, key.to_owned(), key.as_bytes().to_vec());
    let writes = vec![put(Table::Steps, "a"), put(Table::Told, "a"), put(Table::Steps, "b")];
    state.commit(Commit { writes, ..Commit::default() }).await.unwrap();
    let at = |table, key: &str| (table, key.to_owned());
    for keys in [
        vec![],
        vec![at(Table::Steps, "a")],
        vec![at(Table::Steps, "b"), at(Table::Steps, "x"), at(Table::Steps, "a"), at(Table::Told, "a")],
        vec![at(Table::Told, "b"), at(Table::Steps, "b"), at(Table::Steps, "b")],
    ] {
        let together = state.get_all(keys.clone()).await.unwrap();
        let mut one_by_one = Vec::new();
        for (table, key) in keys {
            one_by_one.push(state.get(table, key).await.unwrap());
        }
        assert_eq!(together, one_by_one);
    }
}

pub async fn facts_are_found_by_prefix<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    let put = |text: &str| Write::Put(Table::Steps, text.to_owned(), text.as_bytes().to_vec());
    let mut writes: Vec<_> =
        ["a/1", "a/2", "a/3", "b/1", "a%", "A/1", "é", "\u{10FFFF}"].into_iter().map(put).collect();
    writes.push(Write::Put(Table::Audit, "a/9".to_owned(), Vec::new()));
    writes.push(Write::Put(Table::Steps, "a/gone".to_owned(), Vec::new()));
    writes.push(Write::Remove(Table::Steps, "a/gone".to_owned()));
    state.commit(apply(None, writes)).await.unwrap();
    for (prefix, newest_first, limit, expected) in [
        ("", false, None, "A/1 a% a/1 a/2 a/3 b/1 é \u{10FFFF}"),
        ("a/", false, None, "a/1 a/2 a/3"),
        ("a", false, None, "a% a/1 a/2 a/3"),
        ("a/", true, Some(2), "a/3 a/2"),
        ("a/", false, Some(0), ""),
        ("b", true, None, "b/1"),
        ("c", true, None, ""),
        ("\u{10FFFF}", false, None, "\u{10FFFF}"),
    ] {
        let scan = Scan { prefix: prefix.to_owned(), newest_first, limit, ..Scan::default() };
        let facts = state.scan(Table::Steps, scan).await.unwrap();
        let keys: Vec<_> = facts.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys.join(" "), expected, "{prefix} {newest_first} {limit:?}");
    }
    let bytes =
        async |key: &str| state.get(Table::Steps, key.to_owned()).await.unwrap().map(|fact| fact.bytes);
    assert_eq!(bytes("a/2").await, Some(b"a/2".to_vec()));
    assert_eq!(bytes("a/9").await, None);
    assert_eq!(bytes("a/gone").await, None);
}

fn put_run(run: &Run) -> Write {
    Write::Put(Table::Runs, run.id.to_string(), write(run).unwrap())
}

pub async fn the_runs_of_a_transfer_are_found<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    let run = |letter, number| Run { id: RunId(Uuid::from_u128(number)), ..run_of(letter, 0) };
    let all: Vec<Run> = (1..=6).map(|number| run(if number % 3 == 0 { 'B' } else { 'A' }, number)).collect();
    state.commit(apply(None, all.iter().map(put_run).collect())).await.unwrap();
    // Once more: a run is put at its beginning and at its end.
    state.commit(apply(None, all.iter().take(2).map(put_run).collect())).await.unwrap();
    let gone = Write::Remove(Table::Runs, all.get(3).unwrap().id.to_string());
    state.commit(apply(None, vec![gone])).await.unwrap();
    for (letter, limit, expected) in
        [('A', None, vec![5, 2, 1]), ('A', Some(1), vec![5]), ('B', None, vec![6, 3]), ('C', None, vec![])]
    {
        let scan = Scan { of: Some(transfer(letter)), newest_first: true, limit, ..Scan::default() };
        let found = state.scan(Table::Runs, scan).await.unwrap();
        let ids = found.iter().map(|(_, fact)| read::<Run>(&fact.bytes).unwrap().id.0.as_u128());
        assert_eq!(ids.collect::<Vec<_>>(), expected, "{letter}");
    }
    subject.assert_sound().await;
}

pub async fn a_snapshot_is_of_one_moment<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    let run = Run { id: RunId(Uuid::from_u128(9)), ..run_of('A', 0) };
    let other = Run { id: RunId(Uuid::from_u128(8)), ..run_of('A', 0) };
    let observed = Observed { last_run: Some(run.id), ..Observed::default() };
    let fact = TransferFact { observed, ..TransferFact::default() };
    let put = Write::Put(Table::Transfers, transfer('A').to_string(), write(&fact).unwrap());
    let mut writes = resource("Source/a", 'A').to_vec();
    writes.extend([put, put_run(&run), put_run(&other)]);
    state.commit(apply(Some(0), writes)).await.unwrap();
    let tables = vec![Table::Transfers, Table::Outbox];
    let whole = SnapshotQuery { bodies: true, named_runs: true, tables, ..SnapshotQuery::default() };
    let found = state.snapshot(whole).await.unwrap();
    assert_eq!((found.head.serial, found.index.len(), found.bodies.len()), (1, 1, 1));
    let named: Vec<&str> = found.named_runs.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(named, [run.id.to_string()]);
    let counts: Vec<usize> = found.facts.values().map(Vec::len).collect();
    assert_eq!(counts, [6, 0]);
    let bare = state.snapshot(SnapshotQuery::default()).await.unwrap();
    assert_eq!((bare.index.len(), bare.bodies.len(), bare.named_runs.len(), bare.facts.len()), (1, 0, 0, 0));
    let without = SnapshotQuery { bodies: true, without_index: true, ..SnapshotQuery::default() };
    let without = state.snapshot(without).await.unwrap();
    assert_eq!((without.head, without.index.len(), without.bodies.len()), (bare.head, 0, 0));
    // Commits go on while it is looked at: what belongs together is always seen together.
    let pair = |number: u32| {
        let value = number.to_string().into_bytes();
        let put = |table| Write::Put(table, "pair".to_owned(), value.clone());
        state.commit(apply(None, vec![put(Table::Steps), put(Table::Told)]))
    };
    pair(0).await.unwrap();
    let both = || {
        state.snapshot(SnapshotQuery { tables: vec![Table::Steps, Table::Told], ..SnapshotQuery::default() })
    };
    let changing = async {
        for number in 1..20 {
            pair(number).await.unwrap();
        }
    };
    let looking = async {
        for _ in 0..20 {
            let facts = both().await.unwrap().facts;
            let values: Vec<_> = facts.values().flatten().map(|(_, fact)| &fact.bytes).collect();
            assert_eq!(values.first(), values.last());
        }
    };
    futures_util::future::join(changing, looking).await;
}

pub async fn what_was_committed_is_there_after_a_start<S: StateSubject>() {
    let subject = empty::<S>().await;
    let lineage = subject.ports().head().await.unwrap().lineage;
    let mut writes = resource("Source/a", 'A').to_vec();
    writes.push(Write::Put(Table::Audit, "1".to_owned(), b"{}".to_vec()));
    subject.ports().commit(apply(Some(0), writes)).await.unwrap();
    let subject = subject.reopen().await;
    let head = subject.ports().head().await.unwrap();
    assert_eq!((head.lineage, head.serial), (lineage, 1));
    assert_eq!(subject.ports().index().await.unwrap().len(), 1);
    assert!(subject.ports().get(Table::Audit, "1".to_owned()).await.unwrap().is_some());
}
