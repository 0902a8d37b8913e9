//! Alerts: notices in words, and their delivery.
//!
//! What is to be told waits in the outbox ([`raccord_run::notice`]) until [`deliver`] has handed it over; [`message`] says
//! it in words. Nothing here decides that something happened: that is the breaker's affair and the verbs'.

pub mod deliver;
mod english;
mod french;
pub mod message;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use raccord_model::Digest;
use raccord_model::diagnostic::{Diagnostic, Severity};
use raccord_model::fact::{NoticeAbout, Uid};
use raccord_model::port::state::{StateError, Table, Write};
use uuid::Uuid;

use raccord_run::applied::Applied;
use raccord_run::facts::put;
use raccord_run::notice::{audience, notices};

/// How many mistakes of a configuration are told, or reasons for which its changes wait.
const REASONS_TOLD: usize = 5;

/// What tells everybody that a configuration cannot be applied: all whom an active integration alerts, once each.
///
/// To be committed once when a configuration turns bad; how often that happens is for the caller to bound.
pub fn bad_configuration(
    applied: &Applied,
    digest: Digest,
    diagnostics: &[Diagnostic],
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Vec<Write>, StateError> {
    let errors: Vec<&Diagnostic> =
        diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    let about = NoticeAbout::BadConfiguration {
        digest,
        diagnostics: errors.iter().take(REASONS_TOLD).map(|error| error.in_one_line()).collect(),
        count: errors.len(),
    };
    to_all(applied, &about, now, new_id)
}

/// What tells the same people that the changes of a configuration wait for one of them.
pub fn pending(
    applied: &Applied,
    digest: Digest,
    why: &[String],
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Vec<Write>, StateError> {
    let told = why.iter().take(REASONS_TOLD).cloned().collect();
    to_all(applied, &NoticeAbout::Pending { digest, why: told, count: why.len() }, now, new_id)
}

/// The notices for all whom an active integration alerts.
fn to_all(
    applied: &Applied,
    about: &NoticeAbout,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Vec<Write>, StateError> {
    let active: Vec<Uid> =
        applied.integrations().filter(|(_, _, spec)| spec.active).map(|(_, uid, _)| uid).collect();
    let notices = notices(about, audience(applied, &active), now, new_id);
    notices.iter().map(|notice| put(Table::Outbox, &notice.id, notice)).collect()
}
