//! The audit log: who changed something, newest first.

use raccord_model::fact::AuditEntry;
use raccord_model::port::state::{Scan, Table};

use crate::reply::{Replies, RequestError};
use crate::request::Reply;
use raccord_run::Ports;

/// Entries of the audit log, newest first.
pub async fn audit(ports: &Ports, limit: usize, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let scan = Scan { newest_first: true, limit: Some(limit), ..Scan::default() };
    for (_, entry) in ports.facts().scan::<AuditEntry>(Table::Audit, scan).await? {
        replies(Reply::Audit(entry));
    }
    Ok(())
}
