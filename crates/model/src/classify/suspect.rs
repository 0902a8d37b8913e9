//! Values that stay because no record had their path: a member that vanished, or was misspelt in the mapping, must
//! not empty a field in every row before that is seen.

use crate::row::{self, FieldId, NotARow, RawField};

/// Gives the suspect fields of a new row the values back that the old row has of them; returns which.
pub(super) fn keep(old: &[u8], suspects: &[FieldId], next: &mut Vec<u8>) -> Result<Vec<FieldId>, NotARow> {
    let mut restored = Vec::new();
    let mut patch = Vec::new();
    row::begin(&mut patch);
    for field in row::fields(old)? {
        let field = field?;
        if suspects.binary_search(&field.id).is_ok() && !field.is_empty() && !has(next, &field)? {
            restored.push(field.id);
            field.write(&mut patch);
        }
    }
    if !restored.is_empty() {
        let new = std::mem::take(next);
        row::apply_patch(&new, &patch, next)?;
    }
    Ok(restored)
}

/// Whether a row has exactly this field.
fn has(row: &[u8], wanted: &RawField<'_>) -> Result<bool, NotARow> {
    for field in row::fields(row)? {
        let field = field?;
        if field.id == wanted.id {
            return Ok(field.bytes() == wanted.bytes());
        }
    }
    Ok(false)
}
