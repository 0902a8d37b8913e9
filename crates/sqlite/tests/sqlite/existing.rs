//! The tables of a file as they are proposed.

use raccord_sqlite::tables;

use crate::fixture::Database;

#[test]
fn tables_are_told_with_their_keys_types_and_indexes() {
    let database = Database::none();
    database.sql(
        "CREATE TABLE orders (tenant INTEGER, id TEXT NOT NULL, total REAL, note VARCHAR(20) NOT NULL, paid BOOLEAN, \
         code TEXT UNIQUE, updated_at DATETIME, raw BLOB, twice INTEGER AS (id * 2), PRIMARY KEY (tenant, id)) WITHOUT ROWID; \
         CREATE INDEX orders_updated ON orders (updated_at); CREATE TABLE keyless (a TEXT); CREATE VIEW v AS SELECT 1; \
         CREATE TABLE _raccord_x (a TEXT)",
    );
    let found = tables(&database.path()).unwrap();
    assert_eq!(found.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["keyless", "orders"]);
    let orders = &found[1];
    assert_eq!(
        (orders.key.as_slice(), orders.cursor()),
        (&["tenant".to_owned(), "id".to_owned()][..], Some("updated_at"))
    );
    let told = |column: &raccord_model::existing::ExistingColumn| {
        let field = &column.field;
        format!("{} {} {} {}", column.name, field.field_type.as_str(), field.required, field.unique)
    };
    assert_eq!(
        orders.columns.iter().map(told).collect::<Vec<_>>(),
        [
            "tenant integer false false",
            "id text false false",
            "note text true false",
            "paid boolean false false",
            "code text false true",
            "updated_at datetime false false",
        ]
    );
    let left_out: Vec<&str> = orders.left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_out, ["total", "raw", "twice"]);
    let missing = tables(&database.0.path().join("none.db")).unwrap_err();
    assert!(missing.in_words().contains("there is no file"), "{}", missing.in_words());
}
