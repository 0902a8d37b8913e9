//! Rejects: records that could not be mapped or stored, with their reason.

use data_encoding::HEXLOWER;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RunId, Uid};
use crate::field_path::FieldPath;
use crate::name::Ident;

/// A record that could not be mapped or stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    /// Which transfer.
    pub transfer: Uid,
    /// The run in which it was last seen.
    pub run: RunId,
    /// When it was last seen.
    pub at: Timestamp,
    /// Where in the run: page and position, or file and line.
    pub position: String,
    /// The field that is to blame, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
    /// Why, in words.
    pub reason: String,
    /// The key bytes of the row it would have been, when the key could be read; kept as hexadecimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The record as it came, unless the policy drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The fields of the parent record, when the data type has a parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether the record came with the message that it is deleted: then no more than its key is read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletion: bool,
    /// Whether the record mentions only what has changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Where the record is, when a delivery only named it and it could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Fetch>,
}

/// Where a service has a record that one of its deliveries named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fetch {
    /// A path of the source or a whole URL, its variable parts percent-encoded.
    pub path: String,
    /// Where the record is in the answer.
    pub record: FieldPath,
    /// What the service calls the event.
    pub event: String,
}

/// Where a reject stands whose enrichment had waited for its row.
const WAITED: &str = "an enrichment that waited for its row";

impl Reject {
    /// Of an enrichment that waited for a row and cannot be kept in it, when this would be the reject of the record that
    /// created the row. What the enrichment was made of is not known any more: it comes with a reading of everything.
    #[must_use]
    pub fn of_enrichment(self, transfer: Uid) -> Self {
        let reason = format!("{}; `raccord resync` shows this record again", self.reason);
        let position = WAITED.to_owned();
        let (payload, parent, fetch) = (None, None, None);
        let (deletion, partial) = (false, false);
        Self { transfer, position, reason, payload, parent, deletion, partial, fetch, ..self }
    }
}

impl Serialize for RejectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RejectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The identity of a reject: the same record rejected again is the same reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RejectId(pub [u8; 8]);

impl fmt::Display for RejectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl FromStr for RejectId {
    type Err = RejectIdError;
    fn from_str(text: &str) -> Result<Self, RejectIdError> {
        let number = u64::from_str_radix(text, 16).map_err(|_| RejectIdError)?;
        if text.len() == 16 { Ok(Self(number.to_be_bytes())) } else { Err(RejectIdError) }
    }
}

impl JsonSchema for RejectId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RejectId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}

/// A text that names no reject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reject has an id of 16 hexadecimal digits; `raccord rejects list` shows them")]
pub struct RejectIdError;
