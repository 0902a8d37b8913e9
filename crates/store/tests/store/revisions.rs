//! Revisions of facts that a destination writes; what the port asks for is in the suite of states.

use raccord_model::fact::{RunId, write};
use raccord_model::port::destination::{Batch, Destination};
use raccord_model::port::state::{Commit, Condition, Revision, State, StateError, Table, Write};
use raccord_store::Store;
use uuid::Uuid;

use crate::fixture::{Place, batch, put_runs, run_of};

async fn commit(store: &Store, conditions: Vec<Condition>, writes: Vec<Write>) -> Result<u64, StateError> {
    State::commit(store, Commit { conditions, writes, ..Commit::default() }).await
}

async fn revision(store: &Store, table: Table, key: &str) -> Option<Revision> {
    store.get(table, key.to_owned()).await.unwrap().map(|fact| fact.revision)
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
