//! The audit log: who changed something, newest first.

use raccord_model::fact::AuditEntry;
use raccord_model::port::state::{Scan, Table};

use crate::engine::{Engine, EngineError, Replies};
use crate::request::Reply;

/// Entries of the audit log, newest first.
pub async fn audit(engine: &Engine, limit: usize, replies: &mut Replies<'_>) -> Result<(), EngineError> {
    let scan = Scan { newest_first: true, limit: Some(limit), ..Scan::default() };
    for (_, entry) in engine.facts().scan::<AuditEntry>(Table::Audit, scan).await? {
        replies(Reply::Audit(entry));
    }
    Ok(())
}
