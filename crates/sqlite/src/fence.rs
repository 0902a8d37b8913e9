//! Fences: under which epoch and lease a transfer was written last. What works under an older one is refused before anything
//! else is read; the lock of the file keeps others out meanwhile.

use raccord_model::fact::Uid;
use raccord_model::port::destination::{Fence, RaisedFence};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Failure;

/// An identity as it is kept.
pub(crate) fn id(uid: &Uid) -> &[u8] {
    uid.0.as_bytes()
}

struct Raised {
    epoch: u64,
    reset: u64,
    lease: u64,
    is_ended: bool,
}

fn find(connection: &Connection, transfer: Uid) -> Result<Option<Raised>, Failure> {
    let query = "SELECT epoch, reset, lease, ended FROM _raccord_transfers WHERE transfer = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Raised {
            epoch: row.get::<_, i64>(0)?.cast_unsigned(),
            reset: row.get::<_, i64>(1)?.cast_unsigned(),
            lease: row.get::<_, i64>(2)?.cast_unsigned(),
            is_ended: row.get(3)?,
        })
    };
    Ok(connection.query_row(query, [id(&transfer)], read).optional()?)
}

impl Raised {
    /// What later work is held against; none when the transfer is no more.
    fn fence(&self) -> Option<RaisedFence> {
        (!self.is_ended).then_some(RaisedFence { epoch: self.epoch, lease: self.lease })
    }
}

/// Refuses what is older.
pub(crate) fn check(connection: &Connection, transfer: Uid, fence: Fence) -> Result<(), Failure> {
    let raised = find(connection, transfer)?;
    Ok(fence.check(raised.as_ref().and_then(Raised::fence))?)
}

/// Refuses everything that is older from now on. When everything is to be read again, what waits of the transfer was
/// made under another mapping, perhaps, and says nothing any more.
pub(crate) fn raise(connection: &Connection, transfer: Uid, fence: Fence) -> Result<(), Failure> {
    let raised = find(connection, transfer)?;
    if let Some(raised) = &raised {
        fence.check(raised.fence())?;
    }
    let before = raised.map_or(0, |raised| raised.reset);
    if fence.reset > before {
        forget(connection, "waiting", transfer)?;
    }
    let set = "INSERT INTO _raccord_transfers (transfer, epoch, reset, lease) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (transfer) DO UPDATE \
               SET epoch = excluded.epoch, reset = excluded.reset, lease = excluded.lease";
    let reset = fence.reset.max(before).cast_signed();
    connection
        .execute(set, params![id(&transfer), fence.epoch.cast_signed(), reset, fence.lease.cast_signed()])?;
    Ok(())
}

/// A transfer reads everything from now on: it continues nowhere, and what works on it is refused. The lease is raised by one at
/// most until a run has stood somewhere again: with one more, the fencing token of the next run would be an older one.
pub(crate) fn begin_anew(connection: &Connection, transfer: Uid) -> Result<(), Failure> {
    let reset = "UPDATE _raccord_transfers SET checkpoint = NULL, lease = lease + 1 \
                 WHERE transfer = ?1 AND checkpoint IS NOT NULL";
    connection.execute(reset, [id(&transfer)])?;
    for table in ["marks", "doomed", "partitions"] {
        forget(connection, table, transfer)?;
    }
    Ok(())
}

/// A transfer is no more, for ever.
pub(crate) fn end(connection: &Connection, transfer: Uid) -> Result<(), Failure> {
    let end = "INSERT INTO _raccord_transfers (transfer, epoch, reset, lease, ended) VALUES (?1, 0, 0, 0, 1) \
               ON CONFLICT (transfer) DO UPDATE SET ended = 1";
    connection.execute(end, [id(&transfer)])?;
    for table in ["waiting", "partitions", "forgotten"] {
        forget(connection, table, transfer)?;
    }
    Ok(())
}

/// Forgets what one of the destination's own tables knows of a transfer.
pub(crate) fn forget(connection: &Connection, table: &str, transfer: Uid) -> Result<(), Failure> {
    let forget = format!("DELETE FROM _raccord_{table} WHERE transfer = ?1");
    connection.execute(&forget, [id(&transfer)])?;
    Ok(())
}
