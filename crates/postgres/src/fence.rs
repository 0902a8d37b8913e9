//! Fences: under which epoch and lease a transfer was written last, in a row that every piece of work on the transfer locks
//! first. What works under an older one is refused before anything else is read.

use raccord_model::fact::Uid;
use raccord_model::port::destination::{DestinationError, Fence, RaisedFence, ResumePoint};
use tokio_postgres::types::Type;

use crate::connections::{Session, value};
use crate::error::Failure;

/// A number as the database keeps it: all 64 bits, of which it takes the first for a sign.
pub(crate) const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

struct Raised {
    epoch: u64,
    reset: u64,
    lease: u64,
    is_ended: bool,
}

/// Locks the row of a transfer.
async fn lock(session: &Session<'_>, transfer: Uid) -> Result<Option<Raised>, Failure> {
    let query = "SELECT epoch, reset, lease, ended FROM raccord.transfers WHERE transfer = $1 FOR UPDATE";
    let row = session.query_opt(query, &[(&transfer.0, Type::UUID)]).await?;
    let number = |row: &tokio_postgres::Row, at| row.get::<_, i64>(at).cast_unsigned();
    Ok(row.map(|row| Raised {
        epoch: number(&row, 0),
        reset: number(&row, 1),
        lease: number(&row, 2),
        is_ended: row.get(3),
    }))
}

impl Raised {
    /// What later work is held against; none when the transfer is no more.
    fn fence(&self) -> Option<RaisedFence> {
        (!self.is_ended).then_some(RaisedFence { epoch: self.epoch, lease: self.lease })
    }
}

/// Locks the transfer's row, and refuses what is older than it.
pub(crate) async fn check(session: &Session<'_>, transfer: Uid, fence: Fence) -> Result<(), Failure> {
    let raised = lock(session, transfer).await?;
    Ok(fence.check(raised.as_ref().and_then(Raised::fence))?)
}

/// Refuses everything that is older from now on. When everything is to be read again, what waits of the transfer was
/// made under another mapping, perhaps, and says nothing any more.
pub(crate) async fn raise(
    session: &Session<'_>,
    transfer: Uid,
    fence: Fence,
) -> Result<ResumePoint, Failure> {
    let add = "INSERT INTO raccord.transfers (transfer, epoch, reset, lease) VALUES ($1, 0, 0, 0) ON CONFLICT DO NOTHING";
    session.execute(add, &[(&transfer.0, Type::UUID)]).await?;
    let Some(raised) = lock(session, transfer).await? else {
        return Err(DestinationError::Damaged.into());
    };
    fence.check(raised.fence())?;
    if fence.reset > raised.reset {
        forget(session, &["waiting"], transfer).await?;
    }
    let set = "UPDATE raccord.transfers SET epoch = $2, reset = $3, lease = $4 WHERE transfer = $1 \
               RETURNING checkpoint, (SELECT count(*) FROM raccord.rejects WHERE transfer = $1)";
    let (epoch, lease) = (signed(fence.epoch), signed(fence.lease));
    let reset = signed(fence.reset.max(raised.reset));
    let [epoch, reset, lease] = [&epoch, &reset, &lease].map(|number| value(number, Type::INT8));
    let row = session.query_opt(set, &[(&transfer.0, Type::UUID), epoch, reset, lease]).await?;
    resume_point(&row.ok_or(DestinationError::Damaged)?)
}

/// Raises the fence of a transfer that is there and of which nothing is to be forgotten, and says where it stands: a single
/// statement, of which a repetition changes nothing more. Nothing when the fence has to be looked at first. Where it has waited for
/// another transaction, the number of rejects is that of before.
pub(crate) async fn raise_at_once(
    session: &Session<'_>,
    transfer: Uid,
    fence: Fence,
) -> Result<Option<ResumePoint>, Failure> {
    // Numbers of 64 bits stand as signed ones: those of which the first bit is set are left to the other way.
    let raise = "UPDATE raccord.transfers SET epoch = $2, lease = $4 \
                 WHERE transfer = $1 AND NOT ended AND epoch BETWEEN 0 AND $2 AND lease BETWEEN 0 AND $4 AND reset >= $3 \
                 RETURNING checkpoint, (SELECT count(*) FROM raccord.rejects WHERE transfer = $1)";
    let [epoch, reset, lease] = [signed(fence.epoch), signed(fence.reset), signed(fence.lease)];
    let [epoch, reset, lease] = [&epoch, &reset, &lease].map(|number| value(number, Type::INT8));
    let row = session.query_opt(raise, &[(&transfer.0, Type::UUID), epoch, reset, lease]).await?;
    row.as_ref().map(resume_point).transpose()
}

/// Where a transfer stands, in a row of its checkpoint and of how many rejects there are.
fn resume_point(row: &tokio_postgres::Row) -> Result<ResumePoint, Failure> {
    let checkpoint = row.get::<_, Option<&str>>(0).map(serde_json::from_str).transpose()?;
    Ok(ResumePoint { checkpoint, rejects: row.get::<_, i64>(1).cast_unsigned() })
}

/// Forgets what some of the destination's own tables know of a transfer.
async fn forget(session: &Session<'_>, tables: &[&str], transfer: Uid) -> Result<(), Failure> {
    for table in tables {
        let forget = format!("DELETE FROM raccord.{table} WHERE transfer = $1");
        session.execute(&forget, &[(&transfer.0, Type::UUID)]).await?;
    }
    Ok(())
}

/// A transfer reads everything from now on: it continues nowhere, and what works on it is refused. The lease is raised by one at
/// most until a run has stood somewhere again: with one more, the fencing token of the next run would be an older one.
pub(crate) async fn begin_anew(session: &Session<'_>, transfer: Uid) -> Result<(), Failure> {
    let reset = "UPDATE raccord.transfers SET checkpoint = NULL, lease = lease + 1 \
                 WHERE transfer = $1 AND checkpoint IS NOT NULL";
    session.execute(reset, &[(&transfer.0, Type::UUID)]).await?;
    forget(session, &["marks", "doomed", "partitions"], transfer).await
}

/// A transfer is no more, for ever.
pub(crate) async fn end(session: &Session<'_>, transfer: Uid) -> Result<(), Failure> {
    let end = "INSERT INTO raccord.transfers (transfer, epoch, reset, lease, ended) VALUES ($1, 0, 0, 0, true) \
               ON CONFLICT (transfer) DO UPDATE SET ended = true";
    session.execute(end, &[(&transfer.0, Type::UUID)]).await?;
    forget(session, &["waiting", "partitions", "forgotten"], transfer).await
}
