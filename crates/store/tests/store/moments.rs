//! What is read together is of one moment, however much is written meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use raccord_model::canonical::Digest;
use raccord_model::fact::{Entry, HeldDeliveries, Observed, RunId, TransferFact, write};
use raccord_model::port::destination::{Destination, Kept, KeptQuery, Ledger};
use raccord_model::port::state::{Commit, SnapshotQuery, State, Table, Write};
use raccord_store::Store;
use uuid::Uuid;

use crate::fixture::{INC, Place, batch, checkpoint, put_runs, reject, run_of, transfer, upsert};

/// One apply: everything in it says the same number.
async fn apply(store: &Store, number: u64) {
    let body = Bytes::from(number.to_string());
    let digest = Digest::of(&body);
    let fact = |table| Write::Put(table, "a".to_owned(), number.to_string().into_bytes());
    let writes = vec![
        fact(Table::Steps),
        Write::Body(digest, body),
        Write::Index("Source/a".parse().unwrap(), Entry { uid: transfer('A'), digest }),
        // The one before goes at once: nothing refers to it any more.
        Write::DropBody(Digest::of(&Bytes::from((number - 1).to_string()))),
        fact(Table::Told),
        Write::Head { stack: "shop".parse().unwrap(), root: String::new(), generation: number },
    ];
    State::commit(store, Commit { expected: Some(number - 1), writes, ..Commit::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_of_one_moment() {
    const APPLIES: u64 = 60;
    let place = Place::new();
    let store = Arc::new(place.open());
    apply(&store, 1).await;
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for number in 2..=APPLIES {
            apply(&writer, number).await;
        }
    });
    let mut last = 0;
    while last < APPLIES {
        let tables = vec![Table::Told, Table::Steps];
        let query = SnapshotQuery { bodies: true, named_runs: true, tables, ..SnapshotQuery::default() };
        let found = store.snapshot(query).await.unwrap();
        let number = found.head.generation;
        assert!(number >= last && found.head.serial == number, "{:?}", found.head);
        let text = number.to_string();
        let bodies: Vec<&Bytes> = found.bodies.values().collect();
        assert_eq!(bodies, [&Bytes::from(text.clone())], "the bodies are those of the index");
        for (table, facts) in &found.facts {
            let values: Vec<_> = facts.iter().map(|(_, fact)| fact.bytes.as_slice()).collect();
            assert_eq!(values, [text.as_bytes()], "{table:?}");
        }
        assert_eq!(found.facts.len(), 2);
        last = number;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn the_runs_that_transfers_name_come_with_them() {
    let place = Place::new();
    let store = place.open();
    let run = |number| RunId(Uuid::from_u128(number));
    let runs: Vec<_> =
        (1..=4).map(|number| raccord_model::fact::Run { id: run(number), ..run_of('A', 0) }).collect();
    put_runs(&store, &runs).await;
    let observed = |last, held: Option<u128>| Observed {
        last_run: Some(run(last)),
        deliveries_held: held.map(|held| HeldDeliveries { run: run(held), deleted: 0 }),
        ..Observed::default()
    };
    let put = |letter, observed| {
        let fact = TransferFact { observed, ..TransferFact::default() };
        Write::Put(Table::Transfers, transfer(letter).to_string(), write(&fact).unwrap())
    };
    // One names a run that is no longer kept.
    let writes =
        vec![put('A', observed(1, Some(3))), put('B', observed(9, None)), put('C', observed(3, None))];
    State::commit(&store, Commit { writes, ..Commit::default() }).await.unwrap();
    for (named_runs, expected) in [(true, vec![run(1), run(3)]), (false, Vec::new())] {
        let query = SnapshotQuery { named_runs, ..SnapshotQuery::default() };
        let found = store.snapshot(query).await.unwrap();
        let keys: Vec<String> = found.named_runs.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, expected.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!((found.bodies, found.facts), (BTreeMap::new(), BTreeMap::new()), "it was not asked for");
    }
}

#[tokio::test]
async fn what_is_kept_of_several_transfers_comes_in_their_order() {
    let place = Place::new();
    let store = place.open();
    let mut rows = batch('A');
    for key in ["1", "2"] {
        upsert(&mut rows, key, &[(1, Some("x"))]);
    }
    rows.checkpoint = Some(checkpoint(7));
    Destination::commit(&store, rows).await.unwrap();
    let mut refused = batch('B');
    refused.rejects = vec![reject('B', None, "p", 0)];
    Destination::commit(&store, refused).await.unwrap();
    let asked = [('B', INC), ('C', INC), ('A', INC), ('A', INC + 1)];
    let asked = asked.map(|(letter, incarnation)| KeptQuery { transfer: transfer(letter), incarnation });
    let kept = store.kept(asked.to_vec()).await.unwrap();
    let told = |kept: &Kept| {
        let state = kept.checkpoint.as_ref().and_then(|checkpoint| checkpoint.state.clone());
        (state, kept.rows, kept.rejects)
    };
    let at = checkpoint(7).state;
    let expected = [(None, 0, 1), (None, 0, 0), (at.clone(), 2, 0), (at, 0, 0)];
    assert_eq!(kept.iter().map(told).collect::<Vec<_>>(), expected);
}
