//! The fields of a row in a map, each as its bytes; and a row of such a map. Nothing here knows what a value means.

use std::collections::BTreeMap;

use raccord_model::port::destination::DestinationError;
use raccord_model::row::{self, FieldId, NotARow};

/// Fields by their ids, each as it stands in a row.
pub(super) type Fields = BTreeMap<FieldId, Vec<u8>>;

/// A field of a patch: a value, or that there is none.
type Said = (FieldId, Option<Vec<u8>>);

fn said(patch: &[u8]) -> Result<Vec<Said>, DestinationError> {
    if patch.is_empty() {
        return Ok(Vec::new());
    }
    let said = row::fields(patch).map_err(not_a_row)?.map(|field| {
        let field = field.map_err(not_a_row)?;
        let mut whole = Vec::new();
        field.write(&mut whole);
        Ok((field.id, (!field.is_empty()).then_some(whole)))
    });
    said.collect()
}

const fn not_a_row(_: NotARow) -> DestinationError {
    DestinationError::Damaged
}

/// The fields of a row.
pub(super) fn of(row: &[u8]) -> Result<Fields, DestinationError> {
    patched(&Fields::new(), row)
}

/// What fields become under a patch.
pub(super) fn patched(fields: &Fields, patch: &[u8]) -> Result<Fields, DestinationError> {
    let mut fields = fields.clone();
    for (id, value) in said(patch)? {
        match value {
            Some(value) => fields.insert(id, value),
            None => fields.remove(&id),
        };
    }
    Ok(fields)
}

/// The row of fields.
pub(super) fn row_of(fields: &Fields) -> Vec<u8> {
    let mut row = row::empty_row().to_vec();
    for field in fields.values() {
        row.extend_from_slice(field);
    }
    row
}
