//! Alerts: who is told what, decided from what happened. Pure but for the two modules that read and send.
//!
//! A decision yields [`Notice`]s. They are committed together with what they are about and wait in the [`outbox`]
//! until [`deliver`] has handed them over; [`message`] says them in words. Nothing here decides that something
//! happened: that is the breaker's affair and the verbs'.

pub mod deliver;
mod english;
mod french;
pub mod message;
pub mod outbox;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use raccord_model::Digest;
use raccord_model::diagnostic::{Diagnostic, Severity};
use raccord_model::fact::{Channel, Notice, NoticeAbout, Uid};
use raccord_model::language::AlertSpec;
use raccord_model::language::integration::{Addresses, AlertEntry, Language};
use raccord_model::port::state::{StateError, Table, Write};
use uuid::Uuid;

use crate::applied::Applied;
use crate::facts::put;

/// How many mistakes of a configuration are told.
const MISTAKES_TOLD: usize = 5;

/// Something that people are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub about: NoticeAbout,
    /// The integrations whose alerts hear of it.
    pub of: Vec<Uid>,
}

/// The ways of an alert, each a message of its own.
pub fn channels(alert: &AlertSpec) -> impl Iterator<Item = Channel> {
    let mail = alert.email.clone().map(|to| Channel::Mail { to });
    let post = alert.webhook.clone().map(|url| Channel::Post { url });
    mail.into_iter().chain(post)
}

/// Everybody whom some integrations alert, each address and each URL once.
pub fn audience(applied: &Applied, of: &[Uid]) -> Vec<(Channel, Language)> {
    let stack = applied.desired.stack_settings().language;
    let mut written_to = BTreeSet::new();
    let mut posted_to = BTreeSet::new();
    let mut found = Vec::new();
    let integrations = applied.integrations().filter(|(_, uid, _)| of.contains(uid));
    for alert in integrations.flat_map(|(_, _, spec)| &spec.alerts) {
        // Those of an applied integration are inline.
        let AlertEntry::Inline(alert) = alert else { continue };
        let language = alert.language.unwrap_or(stack);
        for channel in channels(alert) {
            let channel = match channel {
                Channel::Mail { to } => {
                    let new = to.0.into_iter().filter(|address| written_to.insert(address.clone()));
                    Channel::Mail { to: Addresses(new.collect()) }
                }
                Channel::Post { url } if posted_to.insert(url.clone()) => Channel::Post { url },
                Channel::Post { .. } => continue,
            };
            if !matches!(&channel, Channel::Mail { to } if to.0.is_empty()) {
                found.push((channel, language));
            }
        }
    }
    found
}

/// One notice for each channel.
pub fn notices(
    about: &NoticeAbout,
    audience: Vec<(Channel, Language)>,
    at: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Vec<Notice> {
    let notice = |(channel, language)| Notice {
        id: new_id(),
        at,
        about: about.clone(),
        channel,
        language,
        attempts: 0,
        next_at: None,
        error: None,
    };
    audience.into_iter().map(notice).collect()
}

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
        diagnostics: errors.iter().take(MISTAKES_TOLD).map(|error| in_words(error)).collect(),
        count: errors.len(),
    };
    let active: Vec<Uid> =
        applied.integrations().filter(|(_, _, spec)| spec.active).map(|(_, uid, _)| uid).collect();
    let notices = notices(&about, audience(applied, &active), now, new_id);
    notices.iter().map(|notice| put(Table::Outbox, &notice.id, notice)).collect()
}

fn in_words(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref();
    let place = place.map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column));
    format!("{}{}", place.unwrap_or_default(), diagnostic.message)
}
