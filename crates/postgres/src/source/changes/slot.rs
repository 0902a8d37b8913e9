//! The slot and the publication that changes come from: whether they are as they must be, with the statement that makes them so,
//! and how far the slot has come.

use raccord_compiler::connector::table::{Dialect, Relation};
use raccord_model::language::connector::table::Changes;
use raccord_model::port::source::SourceError;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::super::failure::Place;
use super::identity::Identity;
use super::position;

/// A slot that is ready.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) changes: Changes,
    /// Up to where the server has forgotten what the slot kept.
    pub(super) confirmed: u64,
    /// Of which table the publication tells.
    pub(super) identity: Identity,
}

/// As JSON a row has its filter from PostgreSQL 15 on, and before that nothing of the name.
const PUBLICATION: &str = "
    SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate, p.pubviaroot, t.tablename IS NOT NULL,
        to_jsonb(t) ->> 'rowfilter'
    FROM pg_publication p LEFT JOIN pg_publication_tables t
        ON t.pubname = p.pubname AND t.schemaname = $2 AND t.tablename = $3
    WHERE p.pubname = $1";

const SLOT: &str = "
    SELECT plugin::text, slot_type, database = current_database(), confirmed_flush_lsn::text, coalesce(wal_status, '')
    FROM pg_replication_slots WHERE slot_name = $1";

const TABLE: &str = "
    SELECT relkind::text, relreplident::text,
        EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid AND c.relkind <> 'p')
    FROM pg_class c WHERE oid = to_regclass($1)";

impl Slot {
    /// Looks at what there is.
    pub(super) async fn look(
        client: &Client,
        place: &Place,
        relation: &Relation,
        changes: &Changes,
    ) -> Result<Self, SourceError> {
        let Relation::Table { schema, name } = relation else {
            return Err(place.settings("a query has no changes".to_owned()));
        };
        let table = (schema.as_deref().unwrap_or("public").to_owned(), name.clone());
        let level = ask(client, place, "SELECT current_setting('wal_level')", &[]).await?;
        let level: String = level.map(|row| row.get(0)).unwrap_or_default();
        if level != "logical" {
            let message = format!(
                "wal_level is {level}, and changes need logical: ALTER SYSTEM SET wal_level = logical, then restart the server"
            );
            return Err(place.settings(message));
        }
        check_publication(client, place, (&changes.publication, &table)).await?;
        let identity = Identity::look(client, place, (&changes.publication, &quoted(&table))).await?;
        let confirmed = check_slot(client, place, &changes.slot).await?;
        Ok(Self { changes: changes.clone(), confirmed, identity })
    }

    /// The statement with which the changes are looked at, and stay where they are.
    pub(super) fn peek(&self) -> (String, Vec<Option<String>>) {
        let statement = "SELECT data FROM pg_logical_slot_peek_binary_changes($1::text::name, NULL, NULL, VARIADIC ARRAY['proto_version', \
                         '1', 'publication_names', $2::text])";
        let publication = Dialect::Postgres.quote(&self.changes.publication);
        (statement.to_owned(), vec![Some(self.changes.slot.clone()), Some(publication)])
    }

    /// What a server says that does not show what the slot keeps. Changes are read with the publications that there were when
    /// they were written.
    pub(super) fn unread(&self, place: &Place, error: &tokio_postgres::Error) -> SourceError {
        if error.code() != Some(&tokio_postgres::error::SqlState::UNDEFINED_OBJECT) {
            return told(place, error);
        }
        let (slot, publication) = (&self.changes.slot, &self.changes.publication);
        place.settings(format!(
            "the slot {slot} keeps changes of a time at which there was no publication {publication}, and cannot be read: SELECT \
             pg_drop_replication_slot('{slot}'); SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput'); then `raccord resync`"
        ))
    }

    /// Has the server forget what was read and committed.
    pub(super) async fn advance(&self, client: &Client, place: &Place, to: u64) -> Result<(), SourceError> {
        let statement = "SELECT pg_replication_slot_advance($1::text::name, $2::text::pg_lsn)";
        ask(client, place, statement, &[&self.changes.slot, &position::text(to)]).await.map(drop)
    }
}

/// The table, as statements name it.
fn quoted((schema, name): &(String, String)) -> String {
    let quote = |name: &str| Dialect::Postgres.quote(name);
    format!("{}.{}", quote(schema), quote(name))
}

async fn check_publication(
    client: &Client,
    place: &Place,
    (name, table): (&String, &(String, String)),
) -> Result<(), SourceError> {
    let found = ask(client, place, PUBLICATION, &[name, &table.0, &table.1]).await?;
    let (table, quoted) = (quoted(table), Dialect::Postgres.quote(name));
    let Some(found) = found else {
        let message = format!(
            "there is no publication {name}: CREATE PUBLICATION {quoted} FOR TABLE {table}; before the slot is made"
        );
        return Err(place.settings(message));
    };
    let (publishes_all, by_root, has_table): (bool, bool, bool) = (found.get(0), found.get(1), found.get(2));
    if !has_table {
        let message = format!(
            "the publication {name} does not have the table: ALTER PUBLICATION {quoted} ADD TABLE {table}; then `raccord resync`, \
             for what changed before did not come"
        );
        return Err(place.settings(message));
    }
    if !publishes_all {
        let message = format!(
            "the publication {name} leaves changes out: ALTER PUBLICATION {quoted} SET (publish = 'insert, update, delete, truncate')"
        );
        return Err(place.settings(message));
    }
    if let Some(filter) = found.get::<_, Option<String>>(3) {
        let message = format!(
            "the publication {name} has the table with a filter, WHERE {filter}: rows that leave the filter would stay as they were, and \
             changes outside of it never come: ALTER PUBLICATION {quoted} DROP TABLE {table}; ALTER PUBLICATION {quoted} ADD TABLE \
             {table}; then `raccord resync`"
        );
        return Err(place.settings(message));
    }
    let found = ask(client, place, TABLE, &[&table]).await?;
    let has_children = found.as_ref().is_some_and(|row| row.get(2));
    let (kind, identity): (String, String) = found.map(|row| (row.get(0), row.get(1))).unwrap_or_default();
    if has_children {
        let message = "tables inherit from it, and their changes are not told under its name: read it without `changes`, or each of \
                       them as a data type of its own";
        return Err(place.settings(message.to_owned()));
    }
    if kind == "p" && !by_root {
        let message = format!(
            "the table is partitioned: ALTER PUBLICATION {quoted} SET (publish_via_partition_root = true)"
        );
        return Err(place.settings(message));
    }
    if identity == "n" {
        let message =
            format!("the table has no replica identity: ALTER TABLE {table} REPLICA IDENTITY DEFAULT");
        return Err(place.settings(message));
    }
    Ok(())
}

async fn check_slot(client: &Client, place: &Place, name: &String) -> Result<u64, SourceError> {
    let make = format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')");
    let Some(found) = ask(client, place, SLOT, &[name]).await? else {
        return Err(place.settings(format!("there is no replication slot {name}: {make}")));
    };
    let (plugin, is_here): (Option<String>, Option<bool>) = (found.get(0), found.get(2));
    if plugin.as_deref() != Some("pgoutput") || is_here != Some(true) {
        let message = format!(
            "the slot {name} is not one of this database with the plugin pgoutput: {make}, by another name"
        );
        return Err(place.settings(message));
    }
    let (confirmed, status): (Option<String>, String) = (found.get(3), found.get(4));
    let confirmed = confirmed.as_deref().and_then(position::read);
    match confirmed.filter(|_| status != "lost") {
        Some(confirmed) => Ok(confirmed),
        None => Err(place.settings(format!(
            "the server has thrown away what the slot {name} kept (max_slot_wal_keep_size): SELECT \
             pg_drop_replication_slot('{name}'); {make}; then `raccord resync`"
        ))),
    }
}

/// The one row of a query whose values are texts.
pub(super) async fn ask(
    client: &Client,
    place: &Place,
    query: &str,
    values: &[&String],
) -> Result<Option<Row>, SourceError> {
    let values: Vec<(&(dyn tokio_postgres::types::ToSql + Sync), Type)> = values
        .iter()
        .map(|value| -> (&(dyn tokio_postgres::types::ToSql + Sync), Type) { (*value, Type::TEXT) })
        .collect();
    let rows = client.query_typed(query, &values).await.map_err(|error| told(place, &error))?;
    Ok(rows.into_iter().next())
}

/// What a server says of replication; that the role may not is told with what allows it.
pub(super) fn told(place: &Place, error: &tokio_postgres::Error) -> SourceError {
    let code = error.code();
    if code == Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE) {
        let message =
            "the role may not read a replication slot; ALTER ROLE … REPLICATION allows it".to_owned();
        return SourceError::Denied { place: place.database.clone(), message };
    }
    place.told(error)
}
