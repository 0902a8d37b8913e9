//! Files for tests, destinations in them, and short ways to say what goes there.

use std::path::PathBuf;
use std::time::Duration;

use raccord_conformance::fixture::batch;
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Batch, Change, Destination as _, EntityShape, FieldShape, Intent, Ledger as _, RejectQuery,
};
use raccord_model::row::{self, FieldId};
use raccord_model::value::Value;
use raccord_sqlite::SqliteDestination;
use rusqlite::Connection;
use tempfile::TempDir;

/// A file that is not there yet, in a directory for as long as this lives.
pub(crate) struct Database(pub(crate) TempDir);

impl Database {
    pub(crate) fn none() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("crm.db")
    }

    /// A connection of another program.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// Runs statements as another program.
    pub(crate) fn sql(&self, statements: &str) {
        self.connect().execute_batch(statements).unwrap();
    }

    /// The first column of the first row.
    pub(crate) fn one<T: rusqlite::types::FromSql>(&self, query: &str) -> T {
        self.connect().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// A destination that does not wait long for a lock.
    pub(crate) fn destination(&self) -> SqliteDestination {
        SqliteDestination::patient(self.path(), Duration::from_millis(20))
    }
}

/// A field of a type, named `f` and its id.
pub(crate) fn field(id: FieldId, field_type: FieldType) -> FieldShape {
    FieldShape { id, column: format!("f{id}"), field_type, required: false, unique: false, max_length: None }
}

/// An entity with these fields; the first is the key.
pub(crate) fn shape(incarnation: u64, table: &str, fields: Vec<FieldShape>) -> EntityShape {
    EntityShape {
        project: raccord_conformance::fixture::transfer('P'),
        entity: "crm.contact".parse().unwrap(),
        incarnation,
        table: table.to_owned(),
        manage: Manage::Additive,
        key: fields.first().map(|field| field.id).into_iter().collect(),
        fields,
    }
}

/// A key of one text.
pub(crate) fn key(text: &str) -> Vec<u8> {
    let mut key = Vec::new();
    row::push_key(&mut key, &Value::Text(text.into())).unwrap();
    key
}

/// The fields of a row, or of a patch, in the order of their ids.
pub(crate) fn row_of(fields: &[(FieldId, Option<Value<'_>>)]) -> Vec<u8> {
    let mut out = Vec::new();
    row::begin(&mut out);
    for (id, value) in fields {
        row::push(&mut out, *id, value.as_ref());
    }
    out
}

/// Adds an upsert of a row whose field 1 is its key.
pub(crate) fn upsert(batch: &mut Batch, of: &str, fields: &[(FieldId, Option<Value<'_>>)]) {
    let mut all = vec![(1, Some(Value::Text(of.into())))];
    all.extend(fields.iter().cloned());
    let (key, patch) = (key(of), row_of(&all));
    batch.changes.push(Change {
        intent: Intent::Upsert,
        key: &key,
        patch: &patch,
        version: b"",
        digest: None,
    });
}

/// A text as a field.
pub(crate) fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

/// A batch of the transfer A, which may write.
pub(crate) async fn allowed(destination: &SqliteDestination) -> Batch {
    let batch = batch('A');
    destination.raise_fence(batch.transfer, batch.fence).await.unwrap();
    batch
}

/// The reasons of the rejects that are kept, in order.
pub(crate) async fn reasons(destination: &SqliteDestination) -> Vec<String> {
    let query = RejectQuery { limit: 1_000, ..RejectQuery::default() };
    let rejects = destination.rejects(query).await.unwrap();
    let mut reasons: Vec<String> = rejects.into_iter().map(|(_, reject)| reject.reason).collect();
    reasons.sort();
    reasons
}
