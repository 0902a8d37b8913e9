//! Tables that are there already: what can be used, what would be done to it, and what cannot be used and why. Whatever
//! cannot be used stays as it is.

use raccord_conformance::block_on;
use raccord_conformance::fixture::INC;
use raccord_conformance::lasting::what_is_made_anew_is_read_again;
use raccord_conformance::tables::{allowed, field, shape, upsert};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Destination, DestinationError, EntityShape, FieldShape, Inspection};

use crate::fixture::{Database, destination};

/// `contacts` with the key `id`, and one more field in the column `v`.
fn contacts(of: FieldType) -> EntityShape {
    let named = |id, column: &str, of| FieldShape { column: column.to_owned(), ..field(id, of) };
    shape(INC, "contacts", vec![named(1, "id", FieldType::Text), named(2, "v", of)])
}

/// A table that has all that is needed, with something else at its column `v`.
fn with(column: &str) -> String {
    format!("CREATE TABLE crm.contacts (id text NOT NULL PRIMARY KEY, v {column})")
}

/// Everything that the catalog says of the user's schema, so that a change shows.
fn catalog(database: &Database) -> String {
    database.sql(
        "SELECT coalesce(string_agg(c.relname || c.relkind::text || a.attname || format_type(a.atttypid, a.atttypmod) || \
         a.attnotnull::text || a.attidentity::text, ',' ORDER BY c.relname, a.attnum), '') || \
         (SELECT count(*) FROM pg_constraint WHERE connamespace = to_regnamespace('crm')) || (SELECT count(*) FROM pg_namespace WHERE nspname = 'crm') \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ('crm', 'other')",
    )
}

async fn inspect(url: &str, shape: &EntityShape) -> Inspection {
    let destination = destination(url);
    let inspection = destination.inspect(shape.clone()).await.unwrap();
    if !inspection.refusals.is_empty() {
        assert!(inspection.statements.is_empty(), "{inspection:?}");
        let done = destination.prepare(shape.clone()).await;
        // One who may not make the schema `raccord` is refused for that already.
        assert!(matches!(done, Err(DestinationError::Unfit(_) | DestinationError::Denied(_))), "{done:?}");
    }
    inspection
}

/// Something in words, with what to do about it.
fn told(remarks: &[raccord_model::port::destination::TableRemark]) -> Vec<String> {
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
        (of("CREATE VIEW crm.contacts AS SELECT ''::text AS id, ''::text AS v"), Text, "is a view"),
        (
            of("CREATE MATERIALIZED VIEW crm.contacts AS SELECT ''::text AS id, ''::text AS v"),
            Text,
            "is a materialized view",
        ),
        (
            of("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; \
                CREATE FOREIGN TABLE crm.contacts (id text, v text) SERVER s"),
            Text,
            "is a foreign table",
        ),
        (of("CREATE SEQUENCE crm.contacts"), Text, "is not a table"),
        (
            of("CREATE UNLOGGED TABLE crm.contacts (id text PRIMARY KEY, v text)"),
            Text,
            "is unlogged or temporary: a crash of the server empties it",
        ),
        (
            with("text") + "; CREATE TABLE crm.child () INHERITS (crm.contacts)",
            Text,
            "other tables inherit from",
        ),
        (
            with("text") + "; CREATE RULE r AS ON INSERT TO crm.contacts DO ALSO NOTHING",
            Text,
            "has rules, which `COPY` does not follow",
        ),
        // The key.
        (
            of("CREATE TABLE crm.contacts (id text NOT NULL, v text)"),
            Text,
            "no primary key or unique index of \"crm\".\"contacts\" is on exactly (\"id\")",
        ),
        (
            of("CREATE TABLE crm.contacts (id text NOT NULL, v text, PRIMARY KEY (id, v))"),
            Text,
            "is on exactly (\"id\")",
        ),
        (
            of(
                "CREATE TABLE crm.contacts (id text NOT NULL, v text); CREATE UNIQUE INDEX ON crm.contacts (lower(id))",
            ),
            Text,
            "is on exactly (\"id\")",
        ),
        (
            of(
                "CREATE TABLE crm.contacts (id text NOT NULL, v text); CREATE UNIQUE INDEX ON crm.contacts (id) WHERE v <> ''",
            ),
            Text,
            "is on exactly (\"id\")",
        ),
        (
            of("CREATE TABLE crm.contacts (id text UNIQUE, v text)"),
            Text,
            "the column \"id\" of the key may be null",
        ),
        (
            of(
                "CREATE TABLE crm.contacts (id text NOT NULL, v date NOT NULL, PRIMARY KEY (id, v)) PARTITION BY RANGE (v)",
            ),
            Date,
            "a unique index of a partitioned table needs the columns it is partitioned by",
        ),
        (
            of("CREATE TABLE crm.contacts (id bigint PRIMARY KEY, v text)"),
            Text,
            "the column \"id\" of type bigint keeps values of another type",
        ),
        (
            of(
                "CREATE COLLATION IF NOT EXISTS crm.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
                CREATE TABLE crm.contacts (id text COLLATE crm.loose PRIMARY KEY, v text)",
            ),
            Text,
            "takes different values for equal",
        ),
        // Types.
        (
            with("bigint"),
            Text,
            "the column \"v\" of type bigint keeps values of another type (a field of type text is kept in a column of type text)",
        ),
        (with("uuid"), Text, "of type uuid keeps values of another type"),
        (with("char(10)"), Text, "of type character(10) fills texts up with blanks"),
        (of("CREATE DOMAIN crm.word AS text CHECK (value <> ''); ") + &with("crm.word"), Text, "is a domain"),
        (
            of("CREATE TYPE crm.size AS ENUM ('s', 'l'); ") + &with("crm.size"),
            Text,
            "make the field a `choice`",
        ),
        (with("text"), Integer, "of type text keeps values of another type"),
        (with("numeric"), Integer, "of type numeric keeps values of another type"),
        (with("double precision"), Decimal, "does not keep decimal numbers as they are"),
        (with("integer"), Boolean, "of type integer keeps values of another type"),
        (with("timestamp"), Datetime, "has no time zone"),
        (with("timestamptz(3)"), Datetime, "rounds instants"),
        (with("timestamptz"), Date, "keeps values of another type"),
        (with("varchar[]"), Choices, "keeps values of another type"),
        (with("text"), Json, "keeps values of another type"),
        (with("text"), Choices, "keeps values of another type"),
        // Columns.
        (with("text GENERATED ALWAYS AS (id || '!') STORED"), Text, "the column \"v\" is generated"),
        (
            with("bigint GENERATED ALWAYS AS IDENTITY"),
            Integer,
            "is an identity whose values the database alone makes",
        ),
        (with("text NOT NULL"), Text, "the column \"v\" may not be null, and the field may be empty"),
        (
            with("text, w text NOT NULL"),
            Text,
            "the column \"w\" may not be null, has no default, and no field feeds it",
        ),
        (
            with("text, _raccord_run text"),
            Text,
            "the column _raccord_run has the type text, and Raccord needs uuid",
        ),
    ];
    assert!(cases.len() >= 25, "{}", cases.len());
    for (sql, of, expected) in cases {
        let database = Database::empty();
        database.sql(&format!("CREATE SCHEMA crm; {sql}"));
        let before = catalog(&database);
        let inspection = block_on(inspect(&database.url(), &contacts(of)));
        assert_eq!(catalog(&database), before, "{sql}");
        let refusals = told(&inspection.refusals);
        assert!(
            refusals.iter().any(|refusal| refusal.contains(expected)),
            "{sql} with {of:?}: {refusals:#?}"
        );
        database.sql("DROP FOREIGN DATA WRAPPER IF EXISTS w CASCADE");
    }
}

#[test]
fn what_can_be_used_is_used_and_made_wider_where_it_must_be() {
    use FieldType::{Choice, Choices, Datetime, Decimal, Integer, Json, Text};
    let beside = 4;
    // (the column that is there, the type of `v`, what is done to it)
    for (column, of, statement) in [
        ("text", Text, None),
        ("varchar", Text, None),
        ("varchar(20)", Text, Some("ALTER COLUMN \"v\" TYPE text")),
        ("text DEFAULT 'x', w text NOT NULL DEFAULT ''", Text, None),
        ("bigint", Integer, None),
        ("int", Integer, Some("ALTER COLUMN \"v\" TYPE bigint")),
        ("smallint", Integer, Some("ALTER COLUMN \"v\" TYPE bigint")),
        ("bigint GENERATED BY DEFAULT AS IDENTITY", Integer, None),
        ("numeric(12,2)", Decimal, None),
        ("timestamptz", Datetime, None),
        ("text[]", Choices, None),
        ("jsonb", Json, None),
        ("json", Json, None),
        ("crm.size", Choice, None),
        ("other text", Text, Some("ADD COLUMN \"v\" text")),
    ] {
        block_on(async {
            let database = Database::empty();
            database.sql("CREATE SCHEMA crm; CREATE TYPE crm.size AS ENUM ('s', 'l')");
            let is_named = column.starts_with("other");
            let sql = with(column);
            database.sql(if is_named {
                "CREATE TABLE crm.contacts (id text PRIMARY KEY, other text)"
            } else {
                &sql
            });
            let mut contacts = contacts(of);
            // An identity may not be null.
            contacts.fields[1].required = true;
            let inspection = inspect(&database.url(), &contacts).await;
            assert_eq!(told(&inspection.refusals), Vec::<String>::new(), "{column}");
            // Four columns of Raccord's own beside it.
            let run: Vec<_> = inspection.statements.iter().filter(|it| !it.starts_with("--")).collect();
            let own = run.len() - beside;
            assert_eq!(own, usize::from(statement.is_some()), "{column}: {inspection:?}");
            assert!(statement.is_none_or(|it| run[0].contains(it)), "{column}: {inspection:?}");
            let destination = database.destination();
            destination.prepare(contacts.clone()).await.unwrap();
            let after = catalog(&database);
            let ready = destination.inspect(contacts.clone()).await.unwrap();
            assert_eq!(ready, Inspection::default(), "{column}");
            destination.prepare(contacts).await.unwrap();
            assert_eq!(catalog(&database), after, "{column}: doing it again changes nothing");
        });
    }
}

#[test]
fn rights_that_are_missing_are_named() {
    let database = Database::empty();
    let role = format!("limited_{}", database.0);
    database.sql(&format!(
        "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; CREATE SCHEMA crm"
    ));
    let url = database.url().replace("postgres@", &format!("{role}@"));
    // (what is granted, what is refused)
    for (sql, expected) in [
        (
            "SELECT 1",
            "the role may not make tables in the schema \"crm\" (GRANT CREATE ON SCHEMA \"crm\" TO …)",
        ),
        (&*with("text"), "the role may not use the schema \"crm\""),
        (
            &format!("GRANT USAGE ON SCHEMA crm TO {role}"),
            "lacks rights on \"crm\".\"contacts\": SELECT, INSERT, UPDATE, DELETE",
        ),
        (
            &format!("GRANT SELECT, INSERT ON crm.contacts TO {role}"),
            "lacks rights on \"crm\".\"contacts\": UPDATE, DELETE",
        ),
        (
            &format!("GRANT ALL ON crm.contacts TO {role}"),
            "the role does not own \"crm\".\"contacts\", and this would have to be run",
        ),
        (
            &format!(
                "ALTER TABLE crm.contacts OWNER TO {role}; ALTER TABLE crm.contacts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            ),
            "row security hides rows",
        ),
    ] {
        database.sql(sql);
        let before = catalog(&database);
        let refusals = told(&block_on(inspect(&url, &contacts(FieldType::Text))).refusals);
        assert!(refusals.iter().any(|refusal| refusal.contains(expected)), "{sql}: {refusals:#?}");
        assert_eq!(catalog(&database), before, "{sql}");
    }
    database.sql(&format!("DROP SCHEMA crm CASCADE; REVOKE CREATE ON DATABASE {} FROM {role}", database.0));
    let refusals = told(&block_on(inspect(&url, &contacts(FieldType::Text))).refusals);
    assert!(
        refusals[0].contains("there is no schema \"crm\", and the role may not make one"),
        "{refusals:?}"
    );
    let probed = block_on(destination(&url).probe());
    assert!(matches!(probed, Err(DestinationError::Denied(_))), "{probed:?}");
    block_on(database.destination().probe()).unwrap();
}

#[test]
fn names_and_shapes_that_cannot_be() {
    let change = |change: fn(&mut EntityShape)| {
        let mut shape = contacts(FieldType::Text);
        change(&mut shape);
        shape
    };
    for (shape, expected) in [
        (change(|it| it.table = "t".repeat(64)), "does not have 1 to 63 bytes"),
        (change(|it| it.fields[1].column = "xmin".to_owned()), "the column name `xmin` is taken"),
        (change(|it| it.fields[1].column = "_raccord_run".to_owned()), "is taken"),
        (change(|it| it.fields[1].column = "id".to_owned()), "the column `id` is that of field 1 too"),
        (
            change(|it| (it.fields[1].field_type, it.fields[1].unique) = (FieldType::Json, true)),
            "does not compare JSON",
        ),
        (change(|it| it.manage = Manage::None), "there is no table"),
    ] {
        let database = Database::empty();
        let before = catalog(&database);
        let refusals = told(&block_on(inspect(&database.url(), &shape)).refusals);
        assert!(refusals[0].contains(expected), "{refusals:?}");
        assert_eq!(catalog(&database), before, "{expected}");
    }
}

#[test]
fn a_table_and_an_incarnation_have_one_entity() {
    block_on(async {
        let database = Database::empty();
        let destination = database.destination();
        destination.prepare(contacts(FieldType::Text)).await.unwrap();
        let mut other = contacts(FieldType::Text);
        (other.incarnation, other.entity) = (INC + 1, "crm.company".parse().unwrap());
        let refusals = told(&destination.inspect(other).await.unwrap().refusals);
        assert!(refusals[0].contains("is that of the entity crm.contact"), "{refusals:?}");
        let mut stranger = contacts(FieldType::Text);
        stranger.project = raccord_conformance::fixture::transfer('S');
        let refusals = told(&destination.inspect(stranger).await.unwrap().refusals);
        assert!(refusals[0].contains("is that of another state of Raccord"), "{refusals:?}");
        // That state may well be in use.
        assert!(!refusals[0].contains("DROP"), "{refusals:?}");
        let mut stranger = contacts(FieldType::Text);
        (stranger.project, stranger.incarnation) = (raccord_conformance::fixture::transfer('S'), INC + 1);
        let refusals = told(&destination.inspect(stranger).await.unwrap().refusals);
        let help = "and deletes its checkpoints, rejects and tombstones";
        assert!(refusals[0].contains(help), "{refusals:?}");
        // The same entity, deleted and made anew.
        let mut again = contacts(FieldType::Text);
        again.incarnation = INC + 2;
        let found = destination.inspect(again).await.unwrap();
        assert_eq!(found.statements, ["-- Raccord registers crm.contact"]);
        assert!(found.refusals.is_empty(), "{found:?}");
    });
}

#[test]
fn what_somebody_has_changed_is_drift() {
    block_on(async {
        // (what another client does, what is said of it, how many statements mend it)
        for (sql, expected, statements) in [
            ("ALTER TABLE crm.contacts DROP COLUMN v", "the column \"v\" is gone, which was there", 2),
            (
                "ALTER TABLE crm.contacts ALTER v TYPE varchar(5)",
                "the column \"v\" has another type than it had",
                1,
            ),
            (
                "ALTER TABLE crm.contacts DROP COLUMN v; ALTER TABLE crm.contacts ADD COLUMN v text",
                "the column \"v\" was dropped and added again",
                1,
            ),
            ("DROP TABLE crm.contacts", "the table \"crm\".\"contacts\" is gone, which was there", 1),
            (
                "CREATE FUNCTION crm.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; \
                 CREATE TRIGGER t BEFORE INSERT ON crm.contacts FOR EACH ROW EXECUTE FUNCTION crm.t()",
                "the trigger \"t\" of the table runs for each row that Raccord writes",
                0,
            ),
        ] {
            let database = Database::empty();
            let destination = database.destination();
            let mut contacts = contacts(FieldType::Text);
            contacts.fields[1].max_length = Some(5);
            destination.prepare(contacts.clone()).await.unwrap();
            database.sql(sql);
            let found = destination.inspect(contacts.clone()).await.unwrap();
            assert!(found.refusals.is_empty() && found.statements.len() == statements, "{sql}: {found:?}");
            assert!(told(&found.drift)[0].contains(expected), "{sql}: {found:?}");
            destination.prepare(contacts).await.unwrap();
        }
    });
}

#[test]
fn a_column_that_was_dropped_is_filled_again() {
    block_on(async {
        let database = Database::empty();
        let destination = database.destination();
        let contacts = contacts(FieldType::Text);
        destination.prepare(contacts.clone()).await.unwrap();
        let mut batch = allowed(&destination).await;
        upsert(&mut batch, "k", &[]);
        destination.commit(batch).await.unwrap();
        database.sql(
            "UPDATE crm.contacts SET _raccord_digest = 'the record'; ALTER TABLE crm.contacts DROP COLUMN v",
        );
        destination.prepare(contacts.clone()).await.unwrap();
        assert_eq!(database.sql("SELECT count(*), count(_raccord_digest) FROM crm.contacts"), "1|0");
        // What was registered is gone too: it is made ready once more.
        database.sql("DROP SCHEMA raccord CASCADE");
        let found = destination.inspect(contacts).await.unwrap();
        assert_eq!(found.statements, ["-- Raccord registers crm.contact"]);
    });
}

#[test]
fn what_is_made_anew_is_read_again_by_what_feeds_it() {
    for taken in [
        "DROP TABLE crm.contacts",
        "ALTER TABLE crm.contacts DROP COLUMN v",
        "ALTER TABLE crm.contacts DROP COLUMN v; ALTER TABLE crm.contacts ADD COLUMN v text",
    ] {
        block_on(async {
            let database = Database::empty();
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
