//! Values that stay because no record had their path: a member that vanished, or was misspelt in the mapping, must
//! not empty a field in every row before that is seen.

use std::collections::BTreeMap;

use raccord_model::row::{self, FieldId, RawField};

use crate::error::StoreError;

/// Gives the suspect fields of a new row, which begins somewhere in a buffer, the values back that the old row has of
/// them, and counts them.
pub(super) fn keep(
    old: &[u8],
    suspects: &[FieldId],
    (value, row_at): (&mut Vec<u8>, usize),
    (spare, kept): (&mut Vec<u8>, &mut BTreeMap<FieldId, u64>),
) -> Result<(), StoreError> {
    let new = value.get(row_at..).unwrap_or_default();
    let mut restored = Vec::new();
    for field in row::fields(old)? {
        let field = field?;
        if suspects.binary_search(&field.id).is_ok() && !field.is_empty() && !has(new, &field)? {
            *kept.entry(field.id).or_default() += 1;
            restored.push(field);
        }
    }
    if restored.is_empty() {
        return Ok(());
    }
    spare.clear();
    row::begin(spare);
    for field in restored {
        field.write(spare);
    }
    let patch = std::mem::take(spare);
    let new = new.to_vec();
    value.truncate(row_at);
    row::apply_patch(&new, &patch, value)?;
    *spare = patch;
    Ok(())
}

/// Whether a row has exactly this field.
fn has(row: &[u8], wanted: &RawField<'_>) -> Result<bool, StoreError> {
    for field in row::fields(row)? {
        let field = field?;
        if field.id == wanted.id {
            return Ok(field.bytes() == wanted.bytes());
        }
    }
    Ok(false)
}
