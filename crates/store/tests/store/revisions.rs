//! Revisions of facts: a commit is made when what it was decided on is still there, and leaves no trace otherwise.

use raccord_model::fact::{RunId, write};
use raccord_model::port::destination::{Batch, Destination};
use raccord_model::port::state::{Commit, Condition, Revision, Scan, State, StateError, Table, Write};
use raccord_store::Store;
use uuid::Uuid;

use crate::fixture::{Place, batch, put_runs, run_of};

/// The fact that tests change.
const KEY: &str = "a";

fn put(text: &str) -> Write {
    Write::Put(Table::Steps, KEY.to_owned(), text.as_bytes().to_vec())
}

fn given(revision: Option<Revision>) -> Condition {
    Condition { table: Table::Steps, key: KEY.to_owned(), revision }
}

async fn commit(store: &Store, conditions: Vec<Condition>, writes: Vec<Write>) -> Result<u64, StateError> {
    State::commit(store, Commit { expected: None, conditions, writes }).await
}

async fn revision(store: &Store, table: Table, key: &str) -> Option<Revision> {
    store.get(table, key.to_owned()).await.unwrap().map(|fact| fact.revision)
}

#[tokio::test]
async fn a_fact_is_changed_by_those_who_have_read_it_as_it_is() {
    let place = Place::new();
    let store = place.open();
    let elsewhere = || Write::Put(Table::Told, "b".to_owned(), Vec::new());
    let (mut known, mut before) = (None, None);
    // (what is done with the fact meanwhile, whether a commit that was decided before is made)
    for (meanwhile, is_made) in [
        (vec![], true),
        (vec![put("1")], false),
        (vec![], true),
        (vec![put("1")], false),
        (vec![put("2"), put("1")], false),
        (vec![Write::Remove(Table::Steps, KEY.to_owned())], false),
        // Put again as it was, it is another fact.
        (vec![Write::Remove(Table::Steps, KEY.to_owned()), put("1")], false),
        (vec![elsewhere()], true),
    ] {
        let shown = format!("{meanwhile:?}");
        commit(&store, Vec::new(), meanwhile).await.unwrap();
        let found = revision(&store, Table::Steps, KEY).await;
        let writes = vec![elsewhere(), put("1")];
        match commit(&store, vec![given(known)], writes).await {
            Ok(_) => assert!(is_made && found == known, "{shown}"),
            Err(StateError::FactConflict { table: Table::Steps, key, expected, found: told }) => {
                assert!(!is_made, "{shown}");
                assert_eq!((key.as_str(), expected, told), (KEY, known, found), "{shown}");
                assert_eq!(revision(&store, Table::Steps, KEY).await, found, "{shown}");
                let other = revision(&store, Table::Told, "b").await;
                assert_eq!(other, before, "{shown}: something of the refused commit was kept");
            }
            Err(other) => panic!("{shown}: {other:?}"),
        }
        known = revision(&store, Table::Steps, KEY).await;
        before = revision(&store, Table::Told, "b").await;
    }
}

#[tokio::test]
async fn a_serial_and_revisions_hold_together() {
    let place = Place::new();
    let store = place.open();
    commit(&store, Vec::new(), vec![put("1")]).await.unwrap();
    let known = revision(&store, Table::Steps, KEY).await;
    // (the serial, the revision, whether it is made)
    for (serial, stale, is_made) in [(7, false, false), (0, true, false), (0, false, true)] {
        let conditions = vec![given(if stale { None } else { known })];
        let made =
            State::commit(&store, Commit { expected: Some(serial), conditions, writes: vec![put("2")] });
        assert_eq!(made.await.is_ok(), is_made, "{serial} {stale}");
        assert_eq!(store.head().await.unwrap().serial, u64::from(is_made));
    }
}

#[tokio::test]
async fn revisions_grow_from_commit_to_commit() {
    let place = Place::new();
    let mut last = 0;
    for number in 0..4 {
        // Also across a restart.
        let store = place.open();
        let other = Write::Put(Table::Steps, number.to_string(), Vec::new());
        commit(&store, Vec::new(), vec![put("1"), other]).await.unwrap();
        let now = revision(&store, Table::Steps, KEY).await.unwrap();
        assert!(now > last, "{now} after {last}");
        assert_eq!(
            revision(&store, Table::Steps, &number.to_string()).await,
            Some(now),
            "one commit, one revision"
        );
        last = now;
    }
    let store = place.open();
    let facts = store.scan(Table::Steps, Scan::default()).await.unwrap();
    for (key, fact) in facts {
        assert_eq!(revision(&store, Table::Steps, &key).await, Some(fact.revision), "{key}");
    }
}

/// A run that is recorded in the commit of its rows is another writing of it.
#[tokio::test]
async fn a_run_that_a_sink_records_gets_a_revision() {
    let place = Place::new();
    let store = place.open();
    let run = run_of('A', 0);
    put_runs(&store, std::slice::from_ref(&run)).await;
    let key = RunId(Uuid::from_u128(1)).to_string();
    let before = revision(&store, Table::Runs, &key).await;
    Destination::commit(&store, Batch { record: Some(Box::new(run.clone())), ..batch('A') }).await.unwrap();
    let conditions = vec![Condition { table: Table::Runs, key: key.clone(), revision: before }];
    let late = vec![Write::Put(Table::Runs, key, write(&run).unwrap())];
    let refused = commit(&store, conditions, late).await;
    assert!(matches!(refused, Err(StateError::FactConflict { .. })), "{refused:?}");
}
