//! Unique fields: an index from value to key, kept in step with the rows.
//!
//! A conflict is found before anything is written. The index follows what the entity asks for: a field that has
//! become unique is indexed from the rows that are there, one that is no longer unique is forgotten.

use raccord_model::row::{FieldId, NotARow, RawField, fields};
use redb::ReadableTable;

use crate::broken::Broken;
use crate::record::Record;
use crate::table::{Raw, Table, Tables, Under, incarnation};

/// How many bytes of a row's full key are its incarnation.
const INC: usize = size_of::<u64>();

/// The first unique field whose value another row has. `key` is `inc key`.
pub(super) fn conflict(
    index: &impl ReadableTable<Raw, Raw>,
    unique: &[FieldId],
    key: &[u8],
    row: &[u8],
) -> Result<Option<FieldId>, Broken> {
    if unique.is_empty() {
        return Ok(None);
    }
    let (inc, own) = key.split_at_checked(INC).ok_or(Broken::Damaged)?;
    for field in values(row, unique)? {
        let field = field?;
        if index.get(place(inc, field).as_slice())?.is_some_and(|other| other.value() != own) {
            return Ok(Some(field.id));
        }
    }
    Ok(None)
}

/// Brings the index from an old row to a new one. `key` is `inc key`.
pub(super) fn replace(
    index: &mut Table<'_>,
    unique: &[FieldId],
    key: &[u8],
    old: &[u8],
    new: &[u8],
) -> Result<(), Broken> {
    if unique.is_empty() {
        return Ok(());
    }
    let (inc, own) = key.split_at_checked(INC).ok_or(Broken::Damaged)?;
    for field in values(old, unique)? {
        let at = place(inc, field?);
        let is_ours = index.get(at.as_slice())?.is_some_and(|holder| holder.value() == own);
        if is_ours {
            index.remove(at.as_slice())?;
        }
    }
    for field in values(new, unique)? {
        index.insert(place(inc, field?).as_slice(), own)?;
    }
    Ok(())
}

/// Makes the index cover exactly these fields of an incarnation.
pub(super) fn align(tables: &mut Tables<'_>, number: u64, unique: &[FieldId]) -> Result<(), Broken> {
    let inc = incarnation(number);
    let covered = covered(&tables.unique_fields, number)?;
    if covered == unique {
        return Ok(());
    }
    for field in covered.iter().filter(|field| !unique.contains(field)) {
        let gone = Under::new(&[&inc, &field.to_be_bytes()]);
        tables.unique.retain_in::<&[u8], _>(gone.bounds(), |_, _| false)?;
    }
    let new: Vec<FieldId> = unique.iter().copied().filter(|field| !covered.contains(field)).collect();
    if !new.is_empty() {
        index_rows(tables, &inc, &new)?;
    }
    if unique.is_empty() {
        tables.unique_fields.remove(inc.as_slice())?;
    } else {
        let bytes: Vec<u8> = unique.iter().flat_map(|field| field.to_be_bytes()).collect();
        tables.unique_fields.insert(inc.as_slice(), bytes.as_slice())?;
    }
    Ok(())
}

/// The fields of an incarnation that the index covers.
pub(crate) fn covered(fields: &impl ReadableTable<Raw, Raw>, number: u64) -> Result<Vec<FieldId>, Broken> {
    let Some(bytes) = fields.get(incarnation(number).as_slice())? else { return Ok(Vec::new()) };
    let (chunks, []) = bytes.value().as_chunks() else { return Err(Broken::Damaged) };
    Ok(chunks.iter().map(|field| FieldId::from_be_bytes(*field)).collect())
}

/// Indexes the rows that are there. Of rows that share a value already, the first in the order of keys holds it.
fn index_rows(tables: &mut Tables<'_>, inc: &[u8], unique: &[FieldId]) -> Result<(), Broken> {
    for entry in tables.rows.range::<&[u8]>(Under::new(&[inc]).bounds())? {
        let (key, value) = entry?;
        let own = key.value().get(INC..).unwrap_or_default();
        for field in values(Record::decode(value.value())?.row, unique)? {
            let at = place(inc, field?);
            if tables.unique.get(at.as_slice())?.is_none() {
                tables.unique.insert(at.as_slice(), own)?;
            }
        }
    }
    Ok(())
}

/// The values of unique fields in a row.
pub(crate) fn values<'a>(
    row: &'a [u8],
    unique: &'a [FieldId],
) -> Result<impl Iterator<Item = Result<RawField<'a>, NotARow>>, NotARow> {
    let wanted = |field: &Result<RawField<'_>, NotARow>| match field {
        Ok(field) => unique.contains(&field.id) && !field.is_empty(),
        Err(NotARow) => true,
    };
    Ok(fields(row)?.filter(wanted))
}

/// Where the index keeps a value.
pub(crate) fn place(inc: &[u8], field: RawField<'_>) -> Vec<u8> {
    [inc, &field.id.to_be_bytes(), field.bytes()].concat()
}
