//! Revisions of facts: a commit is made when what it was decided on is still there, and leaves no trace otherwise.

use futures_util::future::join_all;
use raccord_model::port::state::{Commit, Condition, Revision, Scan, State, StateError, Table, Write};

use super::{StateSubject, empty};

/// The fact that tests change.
const KEY: &str = "a";

fn put(text: &str) -> Write {
    Write::Put(Table::Steps, KEY.to_owned(), text.as_bytes().to_vec())
}

fn given(revision: Option<Revision>) -> Condition {
    Condition { table: Table::Steps, key: KEY.to_owned(), revision }
}

async fn commit(
    state: &impl State,
    conditions: Vec<Condition>,
    writes: Vec<Write>,
) -> Result<u64, StateError> {
    state.commit(Commit { conditions, writes, ..Commit::default() }).await
}

async fn revision(state: &impl State, table: Table, key: &str) -> Option<Revision> {
    state.get(table, key.to_owned()).await.unwrap().map(|fact| fact.revision)
}

pub async fn a_fact_is_changed_by_those_who_have_read_it_as_it_is<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
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
        commit(state, Vec::new(), meanwhile).await.unwrap();
        let found = revision(state, Table::Steps, KEY).await;
        let beside = revision(state, Table::Told, "b").await;
        match commit(state, vec![given(known)], vec![elsewhere(), put("1")]).await {
            Ok(_) => assert!(is_made, "{shown}"),
            Err(StateError::FactConflict { table, key, expected, found: told }) => {
                assert!(!is_made, "{shown}");
                assert_eq!(
                    (table, key.as_str(), expected, told),
                    (Table::Steps, KEY, known, found),
                    "{shown}"
                );
                assert_eq!(revision(state, Table::Told, "b").await, beside, "{shown}: a trace");
            }
            Err(other) => panic!("{shown}: {other:?}"),
        }
        known = revision(state, Table::Steps, KEY).await;
        assert!(before.is_none() || known != before || !is_made, "{shown}");
        before = known;
    }
    // A fact that must not be there, and is not put either, leaves nothing in its place.
    let absent = Condition { table: Table::Outbox, key: "x".to_owned(), revision: None };
    commit(state, vec![absent.clone()], vec![elsewhere()]).await.unwrap();
    assert_eq!(revision(state, Table::Outbox, "x").await, None);
    assert_eq!(state.scan(Table::Outbox, Scan::default()).await.unwrap(), []);
    commit(state, vec![absent], vec![Write::Put(Table::Outbox, "x".to_owned(), Vec::new())]).await.unwrap();
    assert!(revision(state, Table::Outbox, "x").await.is_some());
}

pub async fn a_serial_and_revisions_hold_together<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    commit(state, Vec::new(), vec![put("1")]).await.unwrap();
    let known = revision(state, Table::Steps, KEY).await;
    // (the serial, whether the revision is stale, whether it is made)
    for (serial, stale, is_made) in [(7, false, false), (0, true, false), (0, false, true)] {
        let conditions = vec![given(if stale { None } else { known })];
        let made = state
            .commit(Commit { expected: Some(serial), conditions, writes: vec![put("2")], lease: None })
            .await;
        assert_eq!(made.is_ok(), is_made, "{serial} {stale}");
        assert_eq!(state.head().await.unwrap().serial, u64::from(is_made));
    }
}

pub async fn revisions_grow_from_commit_to_commit<S: StateSubject>() {
    let mut subject = empty::<S>().await;
    let mut last = 0;
    for number in 0..4 {
        // Also across a restart.
        subject = subject.reopen().await;
        let state = subject.ports();
        let other = Write::Put(Table::Steps, number.to_string(), Vec::new());
        commit(state, Vec::new(), vec![put("1"), other]).await.unwrap();
        let now = revision(state, Table::Steps, KEY).await.unwrap();
        assert!(now > last, "{now} after {last}");
        let other = revision(state, Table::Steps, &number.to_string()).await;
        assert_eq!(other, Some(now), "one commit, one revision");
        last = now;
    }
    for (key, fact) in subject.ports().scan(Table::Steps, Scan::default()).await.unwrap() {
        assert_eq!(revision(subject.ports(), Table::Steps, &key).await, Some(fact.revision), "{key}");
    }
}

/// Reads a number and puts a greater one, until that succeeds.
async fn count(state: &impl State, times: u32) {
    for _ in 0..times {
        loop {
            let found = state.get(Table::Steps, KEY.to_owned()).await.unwrap();
            let number = found
                .as_ref()
                .map_or(0, |fact| std::str::from_utf8(&fact.bytes).unwrap().parse::<u32>().unwrap());
            let conditions = vec![given(found.map(|fact| fact.revision))];
            match commit(state, conditions, vec![put(&(number + 1).to_string())]).await {
                Ok(_) => break,
                Err(StateError::FactConflict { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

pub async fn of_many_who_change_a_fact_none_is_lost<S: StateSubject>() {
    let subject = empty::<S>().await;
    join_all((0..4).map(|_| count(subject.ports(), 10))).await;
    let found = subject.ports().get(Table::Steps, KEY.to_owned()).await.unwrap().unwrap();
    assert_eq!(found.bytes, b"40");
}

pub async fn of_many_who_put_a_fact_that_is_not_there_one_does<S: StateSubject>() {
    let subject = empty::<S>().await;
    let state = subject.ports();
    for round in 0..5 {
        // Some put it, and some put another in its stead.
        let one = |number: u32| {
            let write = if number.is_multiple_of(2) {
                put("1")
            } else {
                Write::Put(Table::Told, format!("{round}/{number}"), Vec::new())
            };
            commit(state, vec![given(None)], vec![write])
        };
        let answers = join_all((0..8).map(one)).await;
        let puts = answers.iter().step_by(2).filter(|answer| answer.is_ok()).count();
        assert_eq!(puts, 1, "{answers:?}");
        commit(state, Vec::new(), vec![Write::Remove(Table::Steps, KEY.to_owned())]).await.unwrap();
    }
}
