//! Deletions that wait for the end of their window: the keys that its records say are deleted, so that it can be
//! seen how many they are before any row goes.
//!
//! A record that shows the key again takes the mark away, unless it is older. Marks never outlive the window that made
//! them.

use raccord_model::fact::Uid;
use raccord_model::port::destination::Change;
use redb::ReadableTable;

use crate::error::StoreError;
use crate::table::{self, Raw, Tables, Under};

/// Whether any deletion of a transfer waits.
pub(super) fn has_any(doomed: &impl ReadableTable<Raw, Raw>, transfer: Uid) -> Result<bool, StoreError> {
    let marks = Under::new(&[table::uid(&transfer)]);
    Ok(doomed.range::<&[u8]>(marks.bounds())?.next().is_some())
}

/// Marks the key of a change; whether it was not marked yet. `mark` begins with the transfer.
pub(super) fn mark(
    tables: &mut Tables<'_>,
    mark: &mut Vec<u8>,
    change: Change<'_>,
) -> Result<bool, StoreError> {
    begin(mark, change);
    Ok(tables.doomed.insert(mark.as_slice(), change.version)?.is_none())
}

/// The version at which the key of a change is marked, when it is.
pub(super) fn version(
    tables: &Tables<'_>,
    mark: &mut Vec<u8>,
    change: Change<'_>,
) -> Result<Option<Vec<u8>>, StoreError> {
    begin(mark, change);
    Ok(tables.doomed.get(mark.as_slice())?.map(|version| version.value().to_vec()))
}

/// Takes the mark of a key away.
pub(super) fn unmark(
    tables: &mut Tables<'_>,
    mark: &mut Vec<u8>,
    change: Change<'_>,
) -> Result<(), StoreError> {
    begin(mark, change);
    tables.doomed.remove(mark.as_slice())?;
    Ok(())
}

/// Forgets the marks of a transfer.
pub(super) fn forget(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    let marks = Under::new(&[table::uid(&transfer)]);
    Ok(tables.doomed.retain_in::<&[u8], _>(marks.bounds(), |_, _| false)?)
}

fn begin(mark: &mut Vec<u8>, change: Change<'_>) {
    mark.truncate(size_of::<uuid::Bytes>());
    mark.extend_from_slice(change.key);
}
