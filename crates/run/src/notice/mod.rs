//! Notices: who is told what, decided from what happened. Pure but for reading the outbox.
//!
//! A decision yields [`Notice`]s. They are committed together with what they are about and wait in the [`outbox`] until
//! they are delivered. Nothing here decides that something happened, words a message or sends one.

pub mod outbox;

use std::collections::BTreeSet;

use jiff::Timestamp;
use raccord_model::fact::{Channel, Notice, NoticeAbout, Uid};
use raccord_model::language::AlertSpec;
use raccord_model::language::integration::{Addresses, AlertEntry, Language};
use uuid::Uuid;

use crate::applied::Applied;

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
