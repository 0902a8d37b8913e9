//! Rejects that went because there were too many: their identities, so that they are not new when they are met again.
//!
//! As many as [`BOUND`] of a transfer, and no longer than the rejects themselves would have been kept. When there is
//! no room those that are known stay, for a source that is read again and again brings the same ones each time.

use raccord_model::fact::{RejectId, Uid};

use crate::error::StoreError;
use crate::table::{Tables, Under, uid};

/// How many are remembered of a transfer.
const BOUND: u64 = 10_000;

/// Remembers rejects that go now; of those that are remembered the ones from before `oldest` count no longer.
pub(super) fn remember(
    tables: &mut Tables<'_>,
    transfer: Uid,
    ids: &[RejectId],
    (now, oldest): ([u8; 8], [u8; 8]),
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut room = BOUND;
    let all = Under::new(&[uid(&transfer)]);
    tables.forgotten.retain_in::<&[u8], _>(all.bounds(), |_, at| {
        let stays = at >= oldest.as_slice();
        room = room.saturating_sub(u64::from(stays));
        stays
    })?;
    for id in ids.iter().take(usize::try_from(room).unwrap_or(usize::MAX)) {
        tables.forgotten.insert(place(transfer, *id).as_slice(), now.as_slice())?;
    }
    Ok(())
}

/// Whether a reject that comes again was remembered. It is kept now, and need not be any longer.
pub(super) fn recall(
    tables: &mut Tables<'_>,
    transfer: Uid,
    id: RejectId,
    oldest: [u8; 8],
) -> Result<bool, StoreError> {
    let at = tables.forgotten.remove(place(transfer, id).as_slice())?;
    Ok(at.is_some_and(|at| at.value() >= oldest.as_slice()))
}

/// Forgets them for good.
pub(super) fn drop_all(tables: &mut Tables<'_>, transfer: Uid) -> Result<(), StoreError> {
    let all = Under::new(&[uid(&transfer)]);
    Ok(tables.forgotten.retain_in::<&[u8], _>(all.bounds(), |_, _| false)?)
}

fn place(transfer: Uid, id: RejectId) -> Vec<u8> {
    [uid(&transfer).as_slice(), &id.0].concat()
}
