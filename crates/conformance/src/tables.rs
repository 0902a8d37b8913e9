//! Short ways to say what goes into a table and what came of it: shapes whose fields are named by their ids, rows of values of
//! every type, and the reasons of rejects. It is for the tests of destinations that keep rows in tables of a database.

use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Batch, Change, Destination, EntityShape, FieldShape, Intent, Ledger, RejectQuery,
};
use raccord_model::row::{self, FieldId};
use raccord_model::value::Value;

use crate::fixture::{batch, transfer};

/// A field of a type, named `f` and its id.
pub fn field(id: FieldId, field_type: FieldType) -> FieldShape {
    FieldShape { id, column: format!("f{id}"), field_type, required: false, unique: false, max_length: None }
}

/// An entity with these fields; the first is the key.
pub fn shape(incarnation: u64, table: &str, fields: Vec<FieldShape>) -> EntityShape {
    EntityShape {
        project: transfer('P'),
        entity: "crm.contact".parse().unwrap(),
        incarnation,
        table: table.to_owned(),
        manage: Manage::Additive,
        key: fields.first().map(|field| field.id).into_iter().collect(),
        fields,
        fed_by: Vec::new(),
        replaces: Vec::new(),
    }
}

/// A key of one text.
pub fn key(text: &str) -> Vec<u8> {
    let mut key = Vec::new();
    row::push_key(&mut key, &Value::Text(text.into())).unwrap();
    key
}

/// The fields of a row, or of a patch, in the order of their ids.
pub fn row_of(fields: &[(FieldId, Option<Value<'_>>)]) -> Vec<u8> {
    let mut out = Vec::new();
    row::begin(&mut out);
    for (id, value) in fields {
        row::push(&mut out, *id, value.as_ref());
    }
    out
}

/// Adds an upsert of a row whose field 1 is its key.
pub fn upsert(batch: &mut Batch, of: &str, fields: &[(FieldId, Option<Value<'_>>)]) {
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

/// A batch of the transfer A, which may write.
pub async fn allowed(destination: &impl Destination) -> Batch {
    let batch = batch('A');
    destination.raise_fence(batch.transfer, batch.fence).await.unwrap();
    batch
}

/// The reasons of the rejects that are kept, in order.
pub async fn reasons(destination: &impl Ledger) -> Vec<String> {
    let query = RejectQuery { limit: 1_000, ..RejectQuery::default() };
    let rejects = destination.rejects(query).await.unwrap();
    let mut reasons: Vec<String> = rejects.into_iter().map(|(_, reject)| reject.reason).collect();
    reasons.sort();
    reasons
}
