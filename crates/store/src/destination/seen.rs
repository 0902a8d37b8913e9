//! Marks: the keys that the window under way has shown, and on which of its pages.
//!
//! A snapshot sweeps the rows without one. A key that comes again on another page of the same partition says that the
//! pages shifted while they were read; on the same page it says nothing, for an answer is of one moment.

use raccord_model::checkpoint::{PartitionId, Shift, Spot};
use raccord_model::fact::Uid;
use uuid::Uuid;

use crate::error::StoreError;
use crate::table::{self, Table, Tables, Under};

/// The first byte of a mark: `shown | page as 8 big-endian bytes | partition as 16 bytes`. The page and the partition are
/// left out when there is none. States of before hold marks without a byte, of records that were shown.
const SHOWN: u8 = 0;
/// The record that was shown says that it is deleted.
const SHOWN_DELETED: u8 = 1;

/// Marks a key that was shown at a place; says when it was shown on another page. What is shown by itself, as a delivery
/// between two pages is, leaves the place where it was.
pub(super) fn mark(
    seen: &mut Table<'_>,
    key: &[u8],
    spot: Option<Spot>,
    is_deleted: bool,
) -> Result<Option<Shift>, StoreError> {
    // No longer than this: a byte, a page, a partition.
    let mut value = Vec::with_capacity(1 + size_of::<u64>() + size_of::<uuid::Bytes>());
    value.push(if is_deleted { SHOWN_DELETED } else { SHOWN });
    if let Some(Spot { partition, page }) = spot {
        value.extend_from_slice(&page.to_be_bytes());
        value.extend_from_slice(partition.as_ref().map_or(&[], |id| id.0.as_bytes().as_slice()));
    }
    let before = seen.insert(key, value.as_slice())?.map(|before| before.value().to_vec());
    let Some(before) = before else { return Ok(None) };
    let Some(now) = spot else {
        value.extend_from_slice(before.get(1..).unwrap_or_default());
        if value.len() > 1 {
            seen.insert(key, value.as_slice())?;
        }
        return Ok(None);
    };
    let shift = place(&before).and_then(|before| again(before, now));
    Ok(shift.map(|(first, again)| Shift::Record { first, again }))
}

/// The pages of one chain on which something came that came at one place and then at another.
pub(super) fn again(before: Spot, now: Spot) -> Option<(u64, u64)> {
    (before.partition == now.partition && before.page != now.page).then_some((before.page, now.page))
}

/// Whether the record of a mark was shown as one that is there.
pub(crate) fn shows(mark: &[u8]) -> bool {
    mark.first() != Some(&SHOWN_DELETED)
}

/// Where a key was shown.
fn place(mark: &[u8]) -> Option<Spot> {
    let (page, partition) = mark.get(1..)?.split_first_chunk()?;
    Some(Spot {
        page: u64::from_be_bytes(*page),
        partition: Uuid::from_slice(partition).ok().map(PartitionId),
    })
}

/// Forgets the marks of a transfer.
pub(super) fn forget(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    let marks = Under::new(&[table::uid(&transfer)]);
    Ok(tables.seen.retain_in::<&[u8], _>(marks.bounds(), |_, _| false)?)
}
