//! Before each run a table is looked at again. What has changed since the look before is seen then as if it were the first.

use raccord_conformance::block_on;
use raccord_conformance::fixture::INC;
use raccord_conformance::tables::{field, shape};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Destination, EntityShape, FieldShape, Inspection};

use crate::fixture::{Database, destination};

fn contacts(of: FieldType) -> EntityShape {
    let named = |id, column: &str, of| FieldShape { column: column.to_owned(), ..field(id, of) };
    shape(INC, "contacts", vec![named(1, "id", FieldType::Text), named(2, "v", of)])
}

#[test]
fn what_has_changed_since_the_look_before_is_seen() {
    // (what is done to the table, whether that matters)
    let cases = [
        ("INSERT INTO crm.contacts VALUES ('a', 'b')", false),
        ("ANALYZE crm.contacts", false),
        ("VACUUM FULL crm.contacts", false),
        ("ALTER TABLE crm.contacts ADD more integer", false),
        ("COMMENT ON TABLE crm.contacts IS 'people'", false),
        ("ALTER TABLE crm.contacts ALTER v TYPE varchar(3)", true),
        ("ALTER TABLE crm.contacts ALTER v TYPE integer USING 1", true),
        ("ALTER TABLE crm.contacts DROP v", true),
        ("ALTER TABLE crm.contacts RENAME v TO w", true),
        ("ALTER TABLE crm.contacts DROP v, ADD v text", true),
        ("ALTER TABLE crm.contacts ADD must integer NOT NULL", true),
        ("ALTER TABLE crm.contacts DROP CONSTRAINT contacts_pkey", true),
        ("DROP TABLE crm.contacts", true),
        ("ALTER TABLE crm.contacts RENAME TO people", true),
        ("ALTER TABLE crm.contacts SET SCHEMA public", true),
        ("DROP SCHEMA crm CASCADE", true),
        ("DROP SCHEMA raccord CASCADE", true),
        ("DELETE FROM raccord.entities", true),
        ("ALTER TABLE crm.contacts SET UNLOGGED", true),
        ("CREATE DOMAIN crm.d AS text; ALTER TABLE crm.contacts ALTER v TYPE crm.d", true),
        ("CREATE TABLE crm.child () INHERITS (crm.contacts)", true),
        ("CREATE RULE r AS ON INSERT TO crm.contacts DO ALSO NOTHING", true),
    ];
    for (change, matters) in cases {
        let database = Database::empty();
        let destination = destination(&database.url());
        block_on(async {
            let shape = contacts(FieldType::Text);
            destination.prepare(shape.clone()).await.unwrap();
            for _ in 0..2 {
                let again = destination.inspect_cached(shape.clone()).await.unwrap();
                assert_eq!(again, Inspection::default(), "before {change}");
            }
            database.sql(change);
            let (again, anew) = (
                destination.inspect_cached(shape.clone()).await.unwrap(),
                destination.inspect(shape.clone()).await.unwrap(),
            );
            assert_eq!(again, anew, "{change}");
            assert_eq!(again != Inspection::default(), matters, "{change}: {again:?}");
        });
    }
}

#[test]
fn another_shape_is_looked_at_as_a_whole() {
    let database = Database::empty();
    let destination = destination(&database.url());
    block_on(async {
        let before = contacts(FieldType::Text);
        destination.prepare(before.clone()).await.unwrap();
        assert_eq!(destination.inspect_cached(before).await.unwrap(), Inspection::default());
        let after = contacts(FieldType::Integer);
        let seen = destination.inspect_cached(after.clone()).await.unwrap();
        assert_eq!(seen, destination.inspect(after).await.unwrap());
        assert!(!seen.refusals.is_empty(), "{seen:?}");
    });
}
