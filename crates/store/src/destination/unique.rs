//! Unique fields: an index from value to key, kept in step with the rows.
//!
//! A conflict is found before anything is written. The index follows what the entity asks for: a field that has
//! become unique is indexed from the rows that are there, one that is no longer unique is forgotten. Of rows that
//! share a value from before one holds it, and the others are its sharers: when the holder goes, the next one holds it.

use raccord_model::row::{FieldId, NotARow, RawField, fields};
use redb::{ReadableTable, ReadableTableMetadata};

use crate::error::StoreError;
use crate::record::Record;
use crate::table::{Raw, Table, Tables, Under, incarnation};

/// How many bytes of a row's full key are its incarnation.
const INC: usize = size_of::<u64>();

/// Which row holds a value, and which share it.
pub(super) struct Index<'i, 't> {
    /// The holders.
    pub(super) holders: &'i mut Table<'t>,
    /// The sharers.
    pub(super) sharers: &'i mut Table<'t>,
}

/// The first unique field whose value another row has. `key` is `inc key`.
pub(super) fn conflict(
    index: &impl ReadableTable<Raw, Raw>,
    unique: &[FieldId],
    key: &[u8],
    row: &[u8],
) -> Result<Option<FieldId>, StoreError> {
    if unique.is_empty() {
        return Ok(None);
    }
    let (inc, own) = key.split_at_checked(INC).ok_or(StoreError::Damaged)?;
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
    index: Index<'_, '_>,
    unique: &[FieldId],
    key: &[u8],
    old: &[u8],
    new: &[u8],
) -> Result<(), StoreError> {
    if unique.is_empty() {
        return Ok(());
    }
    let (inc, own) = key.split_at_checked(INC).ok_or(StoreError::Damaged)?;
    let Index { holders, sharers } = index;
    let left: Vec<_> =
        values(old, unique)?.map(|field| Ok(place(inc, field?))).collect::<Result<_, StoreError>>()?;
    let taken: Vec<_> =
        values(new, unique)?.map(|field| Ok(place(inc, field?))).collect::<Result<_, StoreError>>()?;
    for at in left.iter().filter(|at| !taken.contains(at)) {
        let is_ours = holders.get(at.as_slice())?.is_some_and(|holder| holder.value() == own);
        if is_ours {
            holders.remove(at.as_slice())?;
        }
        if sharers.is_empty()? {
            continue;
        }
        sharers.remove(sharer(at, own).as_slice())?;
        if let Some(next) = first_sharer(sharers, at)?.filter(|_| is_ours) {
            sharers.remove(sharer(at, &next).as_slice())?;
            holders.insert(at.as_slice(), next.as_slice())?;
        }
    }
    for at in taken.iter().filter(|at| !left.contains(at)) {
        holders.insert(at.as_slice(), own)?;
    }
    Ok(())
}

/// The first row that shares a value, by its key. `at` is where the index keeps the value.
fn first_sharer(sharers: &Table<'_>, at: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let under = Under::new(&[&sharer(at, &[])]);
    let first = sharers.range::<&[u8]>(under.bounds())?.next().transpose()?;
    Ok(first.map(|(found, _)| found.value().get(under.len()..).unwrap_or_default().to_vec()))
}

/// Where a sharer of a value is kept. The value's digest stands for it, for values are of any length.
pub(crate) fn sharer(at: &[u8], own: &[u8]) -> Vec<u8> {
    let (field, value) = at.split_at_checked(INC + size_of::<FieldId>()).unwrap_or_default();
    [field, blake3::hash(value).as_bytes(), own].concat()
}

/// Makes the index cover exactly these fields of an incarnation.
pub(super) fn align(tables: &mut Tables<'_>, number: u64, unique: &[FieldId]) -> Result<(), StoreError> {
    let inc = incarnation(number);
    let covered = covered(&tables.unique_fields, number)?;
    if covered == unique {
        return Ok(());
    }
    for field in covered.iter().filter(|field| !unique.contains(field)) {
        let gone = Under::new(&[&inc, &field.to_be_bytes()]);
        for table in [&mut tables.unique, &mut tables.sharers] {
            table.retain_in::<&[u8], _>(gone.bounds(), |_, _| false)?;
        }
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
pub(crate) fn covered(
    fields: &impl ReadableTable<Raw, Raw>,
    number: u64,
) -> Result<Vec<FieldId>, StoreError> {
    let Some(bytes) = fields.get(incarnation(number).as_slice())? else { return Ok(Vec::new()) };
    let (chunks, []) = bytes.value().as_chunks() else { return Err(StoreError::Damaged) };
    Ok(chunks.iter().map(|field| FieldId::from_be_bytes(*field)).collect())
}

/// Indexes the rows that are there. Of rows that share a value already, the first in the order of keys holds it.
fn index_rows(tables: &mut Tables<'_>, inc: &[u8], unique: &[FieldId]) -> Result<(), StoreError> {
    for entry in tables.rows.range::<&[u8]>(Under::new(&[inc]).bounds())? {
        let (key, value) = entry?;
        let own = key.value().get(INC..).unwrap_or_default();
        for field in values(Record::decode(value.value())?.row, unique)? {
            let at = place(inc, field?);
            if tables.unique.get(at.as_slice())?.is_some() {
                tables.sharers.insert(sharer(&at, own).as_slice(), [].as_slice())?;
            } else {
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
