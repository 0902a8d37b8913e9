//! Several at once: two processes of one transfer, two transfers of one entity, another program that changes the same rows.

use std::time::Duration;

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, effects, transfer};
use raccord_conformance::tables::{allowed, field, shape, upsert};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Destination as _, DestinationError, Fence};
use raccord_model::value::Value;
use raccord_sqlite::SqliteDestination;

use crate::fixture::Database;

/// A destination as another process has it: with connections of its own.
fn patient(database: &Database) -> SqliteDestination {
    SqliteDestination::patient(database.path(), Duration::from_secs(5))
}

async fn prepared(database: &Database) -> SqliteDestination {
    let destination = patient(database);
    let fields = vec![field(1, FieldType::Text), field(2, FieldType::Integer), field(3, FieldType::Integer)];
    destination.prepare(shape(INC, "contacts", fields)).await.unwrap();
    destination
}

#[test]
fn of_two_processes_only_the_one_with_the_newer_lease_writes() {
    block_on(async {
        let database = Database::none();
        let (first, second) = (prepared(&database).await, patient(&database));
        let under = |lease| Fence { lease, ..batch('A').fence };
        first.raise_fence(transfer('A'), under(1)).await.unwrap();
        let of = |lease, number| {
            let mut batch = Batch { fence: under(lease), ..batch('A') };
            upsert(&mut batch, "k", &[(2, Some(Value::Integer(number)))]);
            batch
        };
        first.commit(of(1, 1)).await.unwrap();
        // Both at once: whichever comes first, the older one has no last word.
        let (raised, older) =
            tokio::join!(second.raise_fence(transfer('A'), under(2)), first.commit(of(1, 2)));
        raised.unwrap();
        assert!(matches!(older, Ok(_) | Err(DestinationError::LeaseLost { held: 1, found: 2 })), "{older:?}");
        second.commit(of(2, 3)).await.unwrap();
        let refused = first.commit(of(1, 4)).await;
        assert!(matches!(refused, Err(DestinationError::LeaseLost { held: 1, found: 2 })), "{refused:?}");
        assert_eq!(database.one::<i64>("SELECT f2 FROM contacts"), 3);
    });
}

#[test]
fn two_transfers_of_one_entity_lose_nothing_of_each_other() {
    block_on(async {
        let database = Database::none();
        let (a, b) = (prepared(&database).await, patient(&database));
        let of = |letter, field, number: i64| {
            let mut batch = batch(letter);
            for key in ["k", "l", "m"] {
                upsert(&mut batch, key, &[(field, Some(Value::Integer(number)))]);
            }
            batch
        };
        a.raise_fence(transfer('A'), batch('A').fence).await.unwrap();
        b.raise_fence(transfer('B'), batch('B').fence).await.unwrap();
        for number in 1..=25 {
            let (of_a, of_b) = tokio::join!(a.commit(of('A', 2, number)), b.commit(of('B', 3, number)));
            of_a.unwrap();
            of_b.unwrap();
            let found: String = database.one("SELECT group_concat(DISTINCT f2 || '|' || f3) FROM contacts");
            assert_eq!(found, format!("{number}|{number}"));
        }
    });
}

#[test]
fn what_another_program_changes_meanwhile_stays() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        let mut first = allowed(&destination).await;
        upsert(&mut first, "k", &[(2, Some(Value::Integer(1))), (3, Some(Value::Integer(1)))]);
        destination.commit(first).await.unwrap();
        let mut second = allowed(&destination).await;
        upsert(&mut second, "k", &[(2, Some(Value::Integer(2)))]);
        let other = database.connect();
        other.execute_batch("BEGIN IMMEDIATE; UPDATE contacts SET f3 = 7").unwrap();
        let later = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(300));
            other.execute_batch("COMMIT").unwrap();
        });
        assert_eq!(effects(&destination.commit(second).await.unwrap()), "updated 1");
        later.await.unwrap();
        assert_eq!(database.one::<String>("SELECT f2 || '|' || f3 FROM contacts"), "2|7");
    });
}
