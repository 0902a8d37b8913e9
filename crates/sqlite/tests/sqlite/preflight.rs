//! Tables that are there already: what can be used, what would be done to it, and what cannot be used and why. Whatever
//! cannot be used stays as it is.

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, effects};
use raccord_conformance::lasting::what_is_made_anew_is_read_again;
use raccord_conformance::tables::{allowed, field, shape, upsert};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Destination as _, DestinationError, EntityShape, FieldShape, Inspection, TableRemark,
};

use crate::fixture::Database;

/// `contacts` with the key `id`, and one more field in the column `v`.
fn contacts(of: FieldType) -> EntityShape {
    let named = |id, column: &str, of| FieldShape { column: column.to_owned(), ..field(id, of) };
    shape(INC, "contacts", vec![named(1, "id", FieldType::Text), named(2, "v", of)])
}

/// A table that has all that is needed, with something else at its column `v`.
fn with(column: &str) -> String {
    format!("CREATE TABLE contacts (id TEXT NOT NULL PRIMARY KEY, v {column})")
}

/// Everything that the schema says, so that a change shows.
fn schema(database: &Database) -> String {
    database.one("SELECT coalesce(group_concat(sql, ';'), '') FROM sqlite_schema WHERE name NOT LIKE '\\_raccord%' ESCAPE '\\'")
}

async fn inspect(database: &Database, shape: &EntityShape) -> Inspection {
    let destination = database.destination();
    let inspection = destination.inspect(shape.clone()).await.unwrap();
    if !inspection.refusals.is_empty() {
        assert!(inspection.statements.is_empty(), "{inspection:?}");
        let done = destination.prepare(shape.clone()).await;
        assert!(matches!(done, Err(DestinationError::Unfit(_))), "{done:?}");
    }
    inspection
}

fn told(remarks: &[TableRemark]) -> Vec<String> {
    remarks.iter().map(ToString::to_string).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_cannot_be_used_is_refused_and_stays_as_it_is() {
    use FieldType::{Boolean, Choices, Date, Datetime, Decimal, Integer, Json, Text};
    let of = |sql: &str| sql.to_owned();
    // (what is there, the type of `v`, a refusal, as far as it matters)
    let cases: Vec<(String, FieldType, &str)> = vec![
        // The table.
        (of("CREATE VIEW contacts AS SELECT '' AS id, '' AS v"), Text, "is a view"),
        (of("CREATE TABLE t (id TEXT); CREATE INDEX contacts ON t (id)"), Text, "is not a table"),
        (
            of(
                "CREATE TABLE p (n INTEGER PRIMARY KEY); CREATE TABLE contacts (id TEXT PRIMARY KEY, v TEXT, \
                p REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
            ),
            Text,
            "is checked when all rows are written",
        ),
        // The key.
        (
            of("CREATE TABLE contacts (id TEXT, v TEXT)"),
            Text,
            "no primary key or unique index of \"contacts\"",
        ),
        (
            of("CREATE TABLE contacts (id TEXT, v TEXT, PRIMARY KEY (id, v))"),
            Text,
            "is on exactly (\"id\") (CREATE UNIQUE INDEX \"contacts_key\" ON \"contacts\" (\"id\"))",
        ),
        (
            of(
                "CREATE TABLE contacts (id TEXT, v TEXT); CREATE UNIQUE INDEX i ON contacts (id) WHERE v > ''",
            ),
            Text,
            "no primary key or unique index",
        ),
        (
            of("CREATE TABLE contacts (id TEXT, v TEXT); CREATE UNIQUE INDEX i ON contacts (lower(id))"),
            Text,
            "no primary key or unique index",
        ),
        (
            of("CREATE TABLE contacts (id TEXT COLLATE NOCASE PRIMARY KEY, v TEXT)"),
            Text,
            "takes different texts for equal",
        ),
        (of("CREATE TABLE contacts (id INTEGER PRIMARY KEY, v TEXT)"), Text, "column \"id\" of type INTEGER"),
        // Columns that are there.
        (with("INTEGER"), Text, "turns texts that look like numbers into numbers"),
        (with("NUMERIC"), Text, "turns texts that look like numbers into numbers"),
        (with("STRING"), Text, "turns texts that look like numbers into numbers"),
        (with("TEXT"), Integer, "turns numbers into texts"),
        (with("TEXT"), Boolean, "turns numbers into texts"),
        (with("REAL"), Integer, "53 bits"),
        (with("DECIMAL(10,2)"), Decimal, "(a field of type decimal is kept in a column of type TEXT)"),
        (with("REAL"), Decimal, "loses zeros and digits"),
        (with("INTEGER"), Date, "keeps values of another type"),
        (with("REAL"), Datetime, "keeps values of another type"),
        (with("INTEGER"), Choices, "turns texts that look like numbers into numbers"),
        (with("INTEGER"), Json, "turns texts that look like numbers into numbers"),
        (with("TEXT NOT NULL"), Text, "may not be null, and the field may be empty"),
        (with("TEXT GENERATED ALWAYS AS (id || 'x')"), Text, "is generated: nothing can be written into it"),
        (with("TEXT AS (id || 'x') STORED"), Text, "is generated: nothing can be written into it"),
        (
            of("CREATE TABLE contacts (id TEXT NOT NULL PRIMARY KEY, v BLOB) STRICT"),
            Text,
            "of type BLOB keeps values of another type",
        ),
        (
            of("CREATE TABLE contacts (id TEXT NOT NULL PRIMARY KEY, v REAL) STRICT"),
            Integer,
            "of type REAL keeps values of another type",
        ),
        // Columns of others, and of ours.
        (with("TEXT, w TEXT NOT NULL"), Text, "the column \"w\" may not be null, has no default"),
        (with("TEXT, _raccord_owner TEXT"), Text, "the column _raccord_owner is there with the type TEXT"),
    ];
    assert!(cases.len() >= 25);
    for (made, of, refusal) in cases {
        block_on(async {
            let database = Database::none();
            database.sql(&made);
            let before = schema(&database);
            let refusals = told(&inspect(&database, &contacts(of)).await.refusals);
            assert!(refusals.iter().any(|it| it.contains(refusal)), "{made}: {refusals:?}");
            assert_eq!(schema(&database), before, "{made}");
        });
    }
}

#[test]
fn what_can_be_used_gets_what_is_missing_and_takes_rows() {
    use FieldType::{Boolean, Date, Datetime, Decimal, Integer, Json, Text};
    // (what is there, the type of `v`, how many statements are run, a remark)
    let cases: Vec<(String, FieldType, usize, &str)> = vec![
        (with("TEXT"), Text, 4, ""),
        (with("VARCHAR(20)"), Text, 4, ""),
        (with("TEXT"), Decimal, 4, ""),
        (with("BOOLEAN"), Boolean, 4, ""),
        (with("BIGINT"), Integer, 4, ""),
        (with("DATE"), Date, 4, ""),
        (with("TIMESTAMP"), Datetime, 4, ""),
        (with(""), Json, 4, ""),
        (with("TEXT, w TEXT NOT NULL DEFAULT 'x'"), Text, 4, ""),
        ("CREATE TABLE contacts (id TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID".to_owned(), Text, 4, ""),
        ("CREATE TABLE contacts (id TEXT PRIMARY KEY, v ANY) STRICT".to_owned(), Text, 4, ""),
        // Names are the same whatever their capitals.
        ("CREATE TABLE Contacts (ID TEXT PRIMARY KEY, V TEXT)".to_owned(), Text, 4, ""),
        (
            "CREATE TABLE contacts (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, v TEXT)".to_owned(),
            Text,
            4,
            "",
        ),
        ("CREATE TABLE contacts (id TEXT PRIMARY KEY)".to_owned(), Text, 5, ""),
        (
            with("TEXT")
                + "; CREATE TABLE log (x); CREATE TRIGGER t AFTER INSERT ON contacts BEGIN INSERT INTO log VALUES (1); END",
            Text,
            4,
            "the trigger \"t\" of the table runs for each row",
        ),
    ];
    for (made, of, statements, remark) in cases {
        block_on(async {
            let database = Database::none();
            database.sql(&made);
            let shape = contacts(of);
            let found = inspect(&database, &shape).await;
            assert_eq!(told(&found.refusals), Vec::<String>::new(), "{made}");
            assert_eq!(found.statements.len(), statements, "{made}: {:?}", found.statements);
            let drift = told(&found.drift);
            assert_eq!(drift.iter().any(|it| it.contains(remark)), !remark.is_empty(), "{made}: {drift:?}");
            let destination = database.destination();
            destination.prepare(shape.clone()).await.unwrap();
            let again = destination.inspect(shape).await.unwrap();
            assert_eq!(again.statements, Vec::<String>::new(), "{made}");
            let mut batch = allowed(&destination).await;
            upsert(&mut batch, "007", &[]);
            assert_eq!(effects(&destination.commit(batch).await.unwrap()), "created 1", "{made}");
            assert_eq!(database.one::<String>("SELECT id FROM contacts"), "007", "{made}");
        });
    }
}

#[test]
fn nothing_is_changed_where_nothing_may_be() {
    block_on(async {
        let database = Database::none();
        database.sql(&with("TEXT"));
        let before = schema(&database);
        let shape = EntityShape { manage: Manage::None, ..contacts(FieldType::Text) };
        let found = inspect(&database, &shape).await;
        assert!(found.refusals.is_empty(), "{found:?}");
        assert!(found.statements[0].starts_with("CREATE TABLE _raccord_rows_7"), "{found:?}");
        for refusal in
            ["there is no table", "has no column \"w\"", "the field is unique, and no unique index"]
        {
            let mut shape = shape.clone();
            match refusal {
                "there is no table" => shape.table = "nowhere".to_owned(),
                "has no column \"w\"" => shape.fields[1].column = "w".to_owned(),
                _ => shape.fields[1].unique = true,
            }
            let refusals = told(&inspect(&database, &shape).await.refusals);
            assert!(refusals.iter().any(|it| it.contains(refusal)), "{refusal}: {refusals:?}");
        }
        assert_eq!(schema(&database), before);
        assert_eq!(database.one::<String>("PRAGMA journal_mode"), "delete", "a look changes nothing");
    });
}

#[test]
fn names_that_are_taken_are_refused() {
    block_on(async {
        let database = Database::none();
        for (table, refusal) in [
            ("sqlite_contacts", "is SQLite's own"),
            ("SQLITE_x", "is SQLite's own"),
            ("_raccord_runs", "is Raccord's own"),
        ] {
            let shape = EntityShape { table: table.to_owned(), ..contacts(FieldType::Text) };
            let refusals = told(&inspect(&database, &shape).await.refusals);
            assert!(refusals.iter().any(|it| it.contains(refusal)), "{table}: {refusals:?}");
        }
        database.destination().prepare(contacts(FieldType::Text)).await.unwrap();
        let mut other = EntityShape { incarnation: INC + 1, ..contacts(FieldType::Text) };
        other.entity = "crm.person".parse().unwrap();
        let refusals = told(&inspect(&database, &other).await.refusals);
        assert!(refusals[0].contains("is that of the entity crm.contact"), "{refusals:?}");
    });
}

#[test]
fn a_new_table_is_shown_made_and_mended() {
    block_on(async {
        let database = Database::none();
        let destination = database.destination();
        let mut shape = contacts(FieldType::Decimal);
        shape.fields[1].unique = true;
        let found = destination.inspect(shape.clone()).await.unwrap();
        assert!(!database.path().exists(), "a look makes no file");
        assert!(found.statements[0].starts_with("-- Raccord makes the file"), "{found:?}");
        let expected = "CREATE TABLE \"contacts\" (\n    \"id\" TEXT NOT NULL,\n    \"v\" TEXT,\n    _raccord_owner BLOB,\n    \
            _raccord_run BLOB,\n    _raccord_digest BLOB,\n    _raccord_versions BLOB,\n    PRIMARY KEY (\"id\"),\n    \
            UNIQUE (\"v\")\n) STRICT";
        assert_eq!(found.statements[1], expected);
        destination.prepare(shape.clone()).await.unwrap();
        assert_eq!(destination.inspect(shape.clone()).await.unwrap(), Inspection::default());
        // A column that others dropped, and a table.
        database.sql("CREATE TABLE c2 AS SELECT id, _raccord_owner, _raccord_run, _raccord_digest, _raccord_versions FROM contacts; \
            DROP TABLE contacts; CREATE TABLE contacts (id TEXT NOT NULL PRIMARY KEY, _raccord_owner BLOB, _raccord_run BLOB, \
            _raccord_digest BLOB, _raccord_versions BLOB)");
        let found = destination.inspect(shape.clone()).await.unwrap();
        assert!(told(&found.drift)[0].contains("the column \"v\" is gone, which was there"), "{found:?}");
        assert_eq!(found.statements.len(), 3, "{found:?}");
        destination.prepare(shape.clone()).await.unwrap();
        assert_eq!(destination.inspect(shape.clone()).await.unwrap(), Inspection::default());
        database.sql("DROP TABLE contacts");
        let found = destination.inspect(shape.clone()).await.unwrap();
        assert!(told(&found.drift)[0].contains("the table \"contacts\" is gone"), "{found:?}");
        destination.prepare(shape).await.unwrap();
    });
}

#[test]
fn what_is_made_anew_is_read_again_by_what_feeds_it() {
    for taken in ["DROP TABLE contacts", "ALTER TABLE contacts DROP COLUMN v"] {
        block_on(async {
            let database = Database::none();
            let destination = database.destination();
            let contacts = contacts(FieldType::Text);
            destination.prepare(contacts.clone()).await.unwrap();
            let lose = || {
                database.sql(taken);
            };
            what_is_made_anew_is_read_again(&destination, contacts, lose).await;
        });
    }
}
