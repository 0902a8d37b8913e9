//! Rows of a table as the model knows them, and who holds the unique values that a batch may take.

use std::collections::BTreeSet;

use raccord_model::decide::{Key, Stored, UNOWNED, Versions, Working, taken_values};
use raccord_model::fact::{RunId, Uid};
use raccord_model::port::destination::{Batch, DestinationError, RecordDigest};
use raccord_model::row::{self, FieldId, NotARow};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Entity;
use crate::codec::many::{Finished, Many, Raw};
use crate::codec::{self, Unstorable};
use crate::connections::{Parameter, Session, value};
use crate::error::Failure;
use crate::keys;
use crate::table::{BESIDE, Table};

/// Finished lists as the parameters of a query.
pub(crate) fn parameters(lists: &[Finished]) -> Vec<Parameter<'_>> {
    lists.iter().map(|list| value(list, list.of.clone())).collect()
}

/// A row and its key, as [`Table::select`] reads them.
pub(crate) fn stored(table: &Table, row: &Row) -> Result<(Key, Stored), Failure> {
    let (mut bytes, mut key_parts) = (Vec::with_capacity(256), vec![None; table.key.len()]);
    row::begin(&mut bytes);
    for (at, column) in table.columns.iter().enumerate() {
        let raw: Option<Raw<'_>> = row.try_get(at)?;
        let Some(Raw(raw)) = raw else { continue };
        let Some(value) = codec::decode(&column.kind, raw)? else { continue };
        row::push(&mut bytes, column.field, Some(&value));
        if let Some(part) = table.key.iter().position(|key| *key == at)
            && let Some(place) = key_parts.get_mut(part)
        {
            *place = Some(value);
        }
    }
    let mut key = Vec::with_capacity(32);
    for part in key_parts {
        row::push_key(&mut key, &part.ok_or(NotARow)?).map_err(|_| NotARow)?;
    }
    let first = table.columns.len();
    let owner: Option<Uuid> = row.try_get(first)?;
    let run: Option<Uuid> = row.try_get(first + 1)?;
    let digest: Option<&[u8]> = row.try_get(first + 2)?;
    let versions: Option<&[u8]> = row.try_get(first + 3)?;
    let Raw(place) = row.try_get(first + BESIDE.len())?;
    let stored = Stored {
        owner: owner.map_or(UNOWNED, Uid),
        run: RunId(run.unwrap_or_default()),
        digest: digest.and_then(|bytes| bytes.try_into().ok()).map(RecordDigest::from_bytes),
        versions: Versions::decode(versions.unwrap_or_default())?,
        row: bytes,
        place: number_of(place).ok_or(DestinationError::Damaged)?,
    };
    Ok((key, stored))
}

/// The place of a row, six bytes, as a number.
fn number_of(place: &[u8]) -> Option<u64> {
    let place: [u8; 6] = place.try_into().ok()?;
    let mut bytes = [0; 8];
    bytes.iter_mut().skip(2).zip(place).for_each(|(to, from)| *to = from);
    Some(u64::from_be_bytes(bytes))
}

/// The six bytes of a place.
pub(crate) fn place_of(number: u64) -> [u8; 6] {
    let [_, _, place @ ..] = number.to_be_bytes();
    place
}

/// The rows with some keys.
pub(crate) async fn by_keys<'k>(
    session: &Session<'_>,
    table: &Table,
    keys: impl IntoIterator<Item = &'k [u8]>,
) -> Result<Vec<(Key, Stored)>, Failure> {
    let lists = keys::lists(table, keys);
    let query = table.select() + &table.is_among(1);
    let rows = session.query(&query, &parameters(&lists)).await?;
    rows.iter().map(|row| stored(table, row)).collect()
}

/// The rows that the changes of a batch may change; of those to be kept, only where rejects ask for their versions or
/// something may have changed since they were found.
pub(super) async fn load(
    session: &Session<'_>,
    entity: &Entity,
    batch: &Batch,
    keys: &[&[u8]],
    set: &mut Working,
) -> Result<(), Failure> {
    if entity.revision == 0 && batch.kept_at.is_none() && keys.is_empty() {
        return Ok(());
    }
    for (key, stored) in by_keys(session, &entity.table, keys.iter().copied()).await? {
        set.rows.found(key, stored);
    }
    Ok(())
}

/// Which owners of the rows are transfers still.
pub(super) async fn load_living(
    session: &Session<'_>,
    transfer: Uid,
    set: &mut Working,
) -> Result<(), Failure> {
    let others: BTreeSet<Uid> = set
        .rows
        .iter()
        .map(|(_, row)| row.owner)
        .filter(|owner| *owner != transfer && *owner != UNOWNED)
        .collect();
    set.living.insert(transfer);
    if others.is_empty() {
        return Ok(());
    }
    let mut many = Many::new(Type::UUID_ARRAY);
    for owner in &others {
        many.push(Some(owner.0.as_bytes()));
    }
    let query = "SELECT transfer FROM raccord.transfers WHERE transfer = ANY($1) AND NOT ended";
    let rows = session.query(query, &parameters(&[many.finish()])).await?;
    set.living.extend(rows.iter().map(|row| Uid(row.get(0))));
    Ok(())
}

/// The rows that hold a unique value which a row of the batch has or may take.
pub(super) async fn load_holders(
    session: &Session<'_>,
    table: &Table,
    batch: &Batch,
    set: &mut Working,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    for (field, values) in taken_values(batch, set)? {
        find_holders(session, table, field, &values, &mut found).await?;
    }
    found.retain(|(_, _, key)| set.rows.get(key.as_slice()).is_none());
    set.others = found;
    Ok(())
}

/// Adds the rows that hold one of some values of a field, each as it stands in a row.
async fn find_holders(
    session: &Session<'_>,
    table: &Table,
    field: FieldId,
    values: &BTreeSet<Vec<u8>>,
    found: &mut Vec<(FieldId, Vec<u8>, Key)>,
) -> Result<(), Failure> {
    let Some(column) = table.column(field) else { return Ok(()) };
    let mut many = Many::new(column.kind.many());
    for value in values {
        let value = row::tagged_value(value)?;
        let mut bytes = bytes::BytesMut::new();
        // What cannot be stored is no row's.
        if let Some(value) = value
            && codec::encode(column, &value, &mut bytes).is_ok()
        {
            many.push(Some(&bytes));
        }
    }
    let name = crate::table::quoted(&column.name);
    let query = table.select_keys(&format!(", t.{name}")) + &format!(" WHERE t.{name} = ANY($1)");
    let rows = session.query(&query, &parameters(&[many.finish()])).await?;
    for row in rows {
        let key = keys::read(table, &row, 0)?;
        let Raw(raw) = row.try_get(table.key.len())?;
        let Some(value) = codec::decode(&column.kind, raw)? else { continue };
        let mut bytes = Vec::new();
        row::begin(&mut bytes);
        row::push(&mut bytes, field, Some(&value));
        let field_bytes = row::fields(&bytes)?.next().ok_or(NotARow)??.bytes().to_vec();
        found.push((field, field_bytes, key));
    }
    Ok(())
}

impl From<Unstorable> for Failure {
    fn from(_: Unstorable) -> Self {
        Self::Refused(DestinationError::Damaged)
    }
}
