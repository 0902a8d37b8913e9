//! `Integration`, `Subscription` and `Alert`: which updates are wanted, and who is told when it goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByNameOrInline, is_default};
use crate::duration::Seconds;
use crate::name::Name;
use crate::secret::TextOrSecret;
use crate::shorthand::{or, or_a};

/// What an Integration says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationSpec {
    /// Whether its transfers run.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub active: bool,
    /// By transfer: a list of update types, or the name of a Subscription.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<Name, ByNameOrInline<SubscriptionSpec>>,
    /// Who is told when it is disabled: e-mail addresses, names of Alerts, or Alerts inline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertEntry>,
    /// After how much failure it is disabled.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub breaker: Breaker,
    /// When true, a plan that would delete the integration is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub protect: bool,
}

/// A kind of change that a record can bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UpdateType {
    /// The key was not in the entity.
    Created,
    /// The key was there and the row differs.
    Updated,
    /// The third party has deleted the record.
    Deleted,
}

impl UpdateType {
    /// The name used in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for UpdateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a Subscription says; a list is short for `{updates: […]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = or(serde_json::json!({
    "type": "array", "uniqueItems": true, "items": { "$ref": "#/$defs/UpdateType" }
})))]
pub struct SubscriptionSpec {
    /// The update types that are wanted.
    pub updates: BTreeSet<UpdateType>,
}

impl<'de> Deserialize<'de> for SubscriptionSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            updates: BTreeSet<UpdateType>,
        }
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = SubscriptionSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of created, updated, deleted")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                BTreeSet::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
                    .map(|updates| SubscriptionSpec { updates })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Full::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|full| SubscriptionSpec { updates: full.updates })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// One entry of `alerts`: an e-mail address, the name of an Alert, or an Alert inline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(transform = or_a("EmailAddress"))]
pub enum AlertEntry {
    /// The name of an Alert.
    ByName(Name),
    /// Here and now.
    Inline(AlertSpec),
}

impl<'de> Deserialize<'de> for AlertEntry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = AlertEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an e-mail address, the name of an Alert, or a map with `email` or `webhook`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text.contains('@') {
                    let address = text.parse().map_err(E::custom)?;
                    return Ok(AlertEntry::Inline(AlertSpec::to(address)));
                }
                text.parse().map(AlertEntry::ByName).map_err(E::custom)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                AlertSpec::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(AlertEntry::Inline)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What an Alert says: who is written to, what is posted to, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["email"] }, { "required": ["webhook"] }]))]
pub struct AlertSpec {
    /// Who is written to: one address or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Addresses>,
    /// The URL that a JSON document is posted to, as Slack and those that imitate it take it. Mostly a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<TextOrSecret>,
    /// The language of the message. Default: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

impl AlertSpec {
    /// An alert that writes to one address.
    pub fn to(address: EmailAddress) -> Self {
        Self { email: Some(Addresses(BTreeSet::from([address]))), webhook: None, language: None }
    }
}

/// One e-mail address or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = or_a("EmailAddress"))]
pub struct Addresses(pub BTreeSet<EmailAddress>);

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Addresses;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an e-mail address or a list of them")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Addresses, E> {
                text.parse().map(|address| Addresses(BTreeSet::from([address]))).map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Addresses, A::Error> {
                BTreeSet::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Addresses)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// An e-mail address (RFC 5321), checked when it enters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for EmailAddress {
    type Err = EmailAddressError;
    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        if crate::value::is_email(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(EmailAddressError(text.to_owned()))
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an e-mail address")]
pub struct EmailAddressError(String);

crate::shorthand::string_type!(EmailAddress, "an e-mail address", { "type": "string", "format": "email", "pattern": "@" });

/// The language of alerts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

/// After how much failure an integration is disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Breaker {
    /// So many failed runs of one transfer in a row. Default: 5.
    #[serde(default = "default_failures", skip_serializing_if = "is_default_failures")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub consecutive_failures: u32,
    /// So many new rejects in a time.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub rejects: RejectLimit,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { consecutive_failures: default_failures(), rejects: RejectLimit::default() }
    }
}

const fn default_failures() -> u32 {
    5
}
const fn is_default_failures(value: &u32) -> bool {
    *value == default_failures()
}

/// So many new rejects in a time. Default: 500 within an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RejectLimit {
    /// How many.
    pub count: u64,
    /// Within what time.
    pub within: Seconds,
}

impl Default for RejectLimit {
    fn default() -> Self {
        Self { count: 500, within: Seconds(3_600) }
    }
}
