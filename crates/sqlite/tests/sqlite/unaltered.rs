//! Tables that Raccord must not alter: what it needs beside a row stands in a table of its own, and is written with the row.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, effects, transfer};
use raccord_conformance::tables::{allowed, field, reasons, shape, upsert};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Destination as _, EntityShape, Ledger as _};
use raccord_model::value::Value;
use raccord_sqlite::SqliteDestination;

use crate::fixture::Database;

// The whole suite, on tables that are as another program made them.
raccord_conformance::conformance!(crate::conformance::InSqlite<false>);

fn contacts(manage: Manage) -> EntityShape {
    let fields = vec![field(1, FieldType::Text), field(2, FieldType::Integer)];
    EntityShape { manage, ..shape(INC, "contacts", fields) }
}

/// The table of another program.
const TABLE: &str = "CREATE TABLE contacts (f1 VARCHAR(20) NOT NULL PRIMARY KEY, f2 INTEGER CHECK (f2 < 100), note TEXT DEFAULT 'none')";

async fn prepared(database: &Database) -> SqliteDestination {
    database.sql(TABLE);
    let destination = database.destination();
    destination.prepare(contacts(Manage::None)).await.unwrap();
    assert!(destination.inspect(contacts(Manage::None)).await.unwrap().statements.is_empty());
    destination
}

fn with(mut batch: Batch, rows: &[(&str, i64)]) -> Batch {
    for (key, value) in rows {
        upsert(&mut batch, key, &[(2, Some(Value::Integer(*value)))]);
    }
    batch
}

#[test]
fn rows_are_written_and_the_table_stays_as_it_is() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        database.sql("INSERT INTO contacts VALUES ('own', 1, 'of another program')");
        let first = with(allowed(&destination).await, &[("a", 1), ("own", 1), ("b", 500)]);
        let tally = destination.commit(first).await.unwrap();
        assert_eq!(effects(&tally), "created 1, unchanged 1, rejected 1");
        assert_eq!(reasons(&destination).await, ["the value does not fulfil the constraint: f2 < 100"]);
        let second = with(batch('A'), &[("a", 2), ("own", 3)]);
        assert_eq!(effects(&destination.commit(second).await.unwrap()), "updated 2");
        let rows = "SELECT group_concat(f1 || f2 || note, ' ') FROM (SELECT * FROM contacts ORDER BY f1)";
        assert_eq!(database.one::<String>(rows), "a2none own3of another program");
        assert_eq!(database.one::<String>("SELECT sql FROM sqlite_schema WHERE name = 'contacts'"), TABLE);
        assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 2);
        // What another program removes leaves nothing that would be in the way.
        database.sql("DELETE FROM contacts WHERE f1 = 'a'");
        assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 1);
        let again = with(batch('A'), &[("a", 2), ("own", 3)]);
        assert_eq!(effects(&destination.commit(again).await.unwrap()), "created 1, unchanged 1");
        assert_eq!(destination.collect(INC).await.unwrap(), 2);
        assert_eq!(
            database.one::<i64>("SELECT count(*) FROM sqlite_schema WHERE name = '_raccord_rows_7'"),
            0
        );
        assert_eq!(database.one::<i64>("SELECT count(*) FROM contacts"), 2);
    });
}

/// What was kept in one place is taken to the other: a transfer goes on with its rows.
#[test]
fn what_is_known_of_rows_moves_when_the_table_may_be_altered_or_no_longer() {
    block_on(async {
        let database = Database::none();
        let destination = prepared(&database).await;
        destination.commit(with(allowed(&destination).await, &[("a", 1)])).await.unwrap();
        for (manage, is_beside) in [(Manage::Additive, 0), (Manage::None, 1), (Manage::None, 1)] {
            destination.prepare(contacts(manage)).await.unwrap();
            let query = "SELECT count(*) FROM sqlite_schema WHERE name = '_raccord_rows_7'";
            assert_eq!(database.one::<i64>(query), is_beside);
            assert_eq!(destination.count_owned(INC, transfer('A')).await.unwrap(), 1, "{manage:?}");
        }
    });
}
