//! Notices: what people are still to be told, as the outbox keeps it until its channel has taken it.
//!
//! A notice holds what happened, never the finished text, and a reference to where it goes, never the secret
//! behind it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Hold, RunId, Trip};
use crate::canonical::Digest;
use crate::clock::is_ahead;
use crate::language::integration::{Addresses, EmailAddress, Language};
use crate::name::{EntityRef, Name};
use crate::secret::TextOrSecret;

/// One message to one channel: a mail, or a JSON document that is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its identity: who gets the message twice knows it by this.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub about: NoticeAbout,
    /// Where the message goes.
    pub channel: Channel,
    /// The language of the message.
    pub language: Language,
    /// How often it was tried in vain.
    #[serde(default)]
    pub attempts: u32,
    /// Not to be tried before; without one it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Why the last attempt failed, without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Notice {
    /// How long an attempt waits at most, and always when the last one was refused for good.
    pub const LONGEST_WAIT: Duration = Duration::from_hours(1);

    /// Whether it may be tried now. One that would wait for longer than any does was tried while the clock was ahead.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let is_later =
            |at: Timestamp| at > now && !is_ahead(at, now.checked_add(Self::LONGEST_WAIT).unwrap_or(now));
        !self.next_at.is_some_and(is_later)
    }
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum NoticeAbout {
    /// The breaker has disabled an integration.
    Tripped {
        /// Which.
        integration: Name,
        /// When and why.
        trip: Trip,
        /// How many records wait as rejects, by transfer; those without any are left out.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        rejects: BTreeMap<Name, u64>,
        /// How many webhook deliveries wait, by transfer; those without any are left out.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        deliveries: BTreeMap<Name, u64>,
    },
    /// Half of what the breaker allows is used up.
    HalfWay {
        /// Of which integration.
        integration: Name,
        /// The transfer that fails, or whose records are rejected.
        transfer: Name,
        /// Of what so much.
        share: Share,
        /// The last errors, newest first, in words.
        errors: Vec<String>,
    },
    /// A disabled integration was started again.
    Resumed {
        /// Which.
        integration: Name,
        /// By whom, when the caller said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What had disabled it.
        trip: Trip,
    },
    /// The configuration that was read cannot be applied; the last good one stays in force.
    BadConfiguration {
        /// What was read.
        digest: Digest,
        /// The first mistakes in words.
        diagnostics: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// A configuration was read whose changes wait for a person; what was applied last stays in force.
    Pending {
        /// What was read.
        digest: Digest,
        /// Why they wait.
        why: Vec<String>,
        /// How many reasons there are.
        count: usize,
    },
    /// A run waits for a person's approval.
    Held {
        /// Which.
        run: RunId,
        /// Of which transfer.
        transfer: Name,
        /// The entity that it writes.
        to: EntityRef,
        /// Why.
        #[serde(flatten)]
        hold: Hold,
    },
    /// An operator tries out whether alerts arrive.
    Test {
        /// Those of which integration.
        integration: Name,
    },
}

impl NoticeAbout {
    /// What sort it is, and whose: notices that have this in common may stand for each other.
    pub fn topic(&self) -> (&'static str, Option<&Name>) {
        match self {
            Self::Tripped { integration, .. } => ("tripped", Some(integration)),
            Self::HalfWay { integration, .. } => ("halfWay", Some(integration)),
            Self::Resumed { integration, .. } => ("resumed", Some(integration)),
            Self::BadConfiguration { .. } => ("badConfiguration", None),
            Self::Pending { .. } => ("pending", None),
            Self::Held { transfer, .. } => ("held", Some(transfer)),
            Self::Test { integration } => ("test", Some(integration)),
        }
    }
}

/// How much of one of the breaker's limits is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Share {
    /// So many failed runs in a row, of so many.
    Failures(u32, u32),
    /// So many rejects, of so many, within so many seconds.
    Rejects(u64, u64, u64),
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Channel {
    /// One mail.
    Mail {
        /// To these addresses.
        to: Addresses,
    },
    /// A JSON document.
    Post {
        /// To this URL. It is enough to write there, so it is treated as a secret.
        url: TextOrSecret,
    },
}

impl fmt::Display for Channel {
    /// As people may see it: a URL only as the reference to it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail { to } => {
                let to: Vec<&str> = to.0.iter().map(EmailAddress::as_str).collect();
                f.write_str(&to.join(", "))
            }
            Self::Post { url: TextOrSecret::Secret(reference) } => write!(f, "webhook {reference}"),
            Self::Post { url: TextOrSecret::Text(_) } => f.write_str("webhook"),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{read, write};

    fn post(url: &str) -> Channel {
        Channel::Post { url: url.parse().unwrap() }
    }

    #[test]
    fn a_notice_comes_back_as_it_was_kept() {
        let notice = Notice {
            id: Uuid::from_u128(7),
            at: "2025-01-01T00:00:00Z".parse().unwrap(),
            about: NoticeAbout::HalfWay {
                integration: "boutique".parse().unwrap(),
                transfer: "customers".parse().unwrap(),
                share: Share::Rejects(250, 500, 3_600),
                errors: vec!["no".to_owned()],
            },
            channel: post("${env:HOOK}"),
            language: Language::Fr,
            attempts: 2,
            next_at: Some("2025-01-01T00:02:00Z".parse().unwrap()),
            error: None,
        };
        assert_eq!(read::<Notice>(&write(&notice).unwrap()).unwrap(), notice);
        assert!(!notice.is_due("2025-01-01T00:01:59Z".parse().unwrap()));
        assert!(notice.is_due("2025-01-01T00:02:00Z".parse().unwrap()));
    }

    #[test]
    fn a_url_is_shown_as_a_reference_at_most() {
        let plain = post("https://hooks.example/hunter2");
        assert_eq!(format!("{plain} {plain:?}"), "webhook Channel(webhook)");
        let alert: crate::language::AlertSpec =
            serde_json::from_str(r#"{"webhook": "https://hooks.example/hunter2"}"#).unwrap();
        assert!(!format!("{alert:?}").contains("hunter2"));
        assert_eq!(post("${env:HOOK}").to_string(), "webhook ${env:HOOK}");
    }
}
