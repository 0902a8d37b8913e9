//! Records as answers show them: rows, rejects, samples, and what a source offers. Nothing here is stored.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use raccord_model::decide::row_that_stays;
use raccord_model::fact::{Reject, RejectId, Run, RunId};
use raccord_model::language::project::FieldType;
use raccord_model::port::inbox::{Delivery, DeliveryKind};
use raccord_model::schema::Instant;
use raccord_model::{DataTypeName, Digest, Ident, Name};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cell::Cell;
use super::text::Text;

/// A row as people see it: its fields with their values, in the order in which they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row(pub Vec<(String, Cell)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Row(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl JsonSchema for Row {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Row".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A row: its fields with their values.", "type": "object" })
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PageOf {
    /// Where it begins; the first page without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<PageToken>,
}

/// A part of a list that is put together for each question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartOf {
    /// Only what has this text in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<200>>,
    /// How many are passed over.
    #[serde(default)]
    pub skip: usize,
    /// At most so many.
    pub limit: usize,
}

/// Which groups of rejects are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SummaryQuery {
    /// Only of this transfer.
    pub transfer: Option<Name>,
    /// Which part of them; all of them without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<PartOf>,
}

/// Where a page of a list begins. Only the daemon that gave it understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub Vec<u8>);

/// The longest key that a page token holds, in bytes.
const MAX_PAGE_TOKEN: usize = 8_192;

/// A text is no page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page begins where the answer before it said")]
pub struct PageTokenError;

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl FromStr for PageToken {
    type Err = PageTokenError;
    fn from_str(text: &str) -> Result<Self, PageTokenError> {
        if text.len() > 2 * MAX_PAGE_TOKEN {
            return Err(PageTokenError);
        }
        HEXLOWER.decode(text.as_bytes()).map(Self).map_err(|_| PageTokenError)
    }
}

impl Serialize for PageToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PageToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for PageToken {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PageToken".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9a-f]{2})*$", "maxLength": 2 * MAX_PAGE_TOKEN })
    }
}

/// A field of stored records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColumnView {
    /// What it is called.
    pub name: Ident,
    /// What its values are.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether it is one of the key.
    #[serde(default)]
    pub is_key: bool,
}

/// A record beside what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The record as it came.
    pub record: Cell,
    /// The row it would become; absent when it is rejected or says a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    /// Whether the record says a deletion.
    pub deleted: bool,
    /// Why it would be rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The field to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
}

/// Where a record comes from, and what was rejected under its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The row, when there is one.
    pub row: Option<Row>,
    /// The transfer that owns it; absent when that is gone.
    pub transfer: Option<Name>,
    /// The source it was read from.
    pub source: Option<Name>,
    /// The run that last wrote it; absent when that is no longer kept.
    pub run: Option<Run>,
    /// Records with its key that were rejected.
    pub rejects: Vec<RejectView>,
}

/// A row as it is stored and as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The transfer.
    pub transfer: Name,
    /// The row that is stored under the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Row>,
    /// The row that would be stored; absent when the record is rejected or says a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Row>,
    /// Why the record would be rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A rejected record as people see it: without what only the state understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectView {
    /// Which.
    pub id: String,
    /// The transfer's name.
    pub transfer: Name,
    /// The run in which it was last seen.
    pub run: RunId,
    /// When it was last seen.
    #[schemars(with = "Instant")]
    pub at: Timestamp,
    /// Where in the run: page and position, or file and line.
    pub position: String,
    /// The field that is to blame, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
    /// Why, in words.
    pub reason: String,
    /// The record as it came, unless the policy drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The fields of the parent record, when the data type has a parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

impl RejectView {
    /// What people see of a reject.
    pub fn new(id: RejectId, transfer: Name, reject: Reject) -> Self {
        let row = row_that_stays(&reject);
        let Reject { run, at, position, field, reason, payload, parent, .. } = reject;
        let position = row.unwrap_or(position);
        Self { id: id.to_string(), transfer, run, at, position, field, reason, payload, parent }
    }
}

/// Which rejects of a transfer are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RejectsOf {
    /// One.
    Id(RejectId),
    /// Those of a group.
    Group(Digest),
}

/// Rejected records with one reason: what stands between backquotes in it differs from one to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectGroup {
    /// Which: the same for the same transfer, field and reason.
    pub id: Digest,
    /// The transfer's name.
    pub transfer: Name,
    /// The field that is to blame, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
    /// Why, in words.
    pub reason: String,
    /// How many records.
    pub count: u64,
    /// The reject that was seen last.
    pub newest: String,
    /// When that was.
    #[schemars(with = "Instant")]
    pub at: Timestamp,
}

/// A delivery of a webhook that waits for its transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// Its place in the order in which deliveries came; no two have the same.
    pub sequence: u64,
    /// The transfer that it waits for.
    pub transfer: Name,
    /// When it came.
    #[schemars(with = "Instant")]
    pub received: Timestamp,
    /// What the service calls the event.
    pub event: String,
    /// What it says of its record.
    pub kind: DeliveryWord,
    /// Where the record is to be fetched, when it is only named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many bytes it holds.
    pub bytes: usize,
    /// What it holds of its record, when one delivery alone is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// What a delivery says of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryWord {
    /// It is there, as the delivery shows it.
    Upsert,
    /// It is gone.
    Delete,
    /// It has changed, and is to be fetched.
    Fetch,
}

impl DeliveryWord {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::Fetch => "fetch",
        }
    }
}

impl DeliveryView {
    /// What a list shows of a delivery.
    pub fn brief(sequence: u64, transfer: Name, delivery: Delivery) -> Self {
        let Delivery { kind, record, received, event, .. } = delivery;
        let (kind, path) = match kind {
            DeliveryKind::Upsert | DeliveryKind::Partial => (DeliveryWord::Upsert, None),
            DeliveryKind::Delete => (DeliveryWord::Delete, None),
            DeliveryKind::Fetch { path, .. } => (DeliveryWord::Fetch, Some(path)),
        };
        Self { sequence, transfer, received, event, kind, path, bytes: record.len(), record: None }
    }

    /// A delivery with what it holds.
    pub fn whole(sequence: u64, transfer: Name, delivery: Delivery) -> Self {
        let record = String::from_utf8_lossy(&delivery.record).into_owned();
        Self { record: Some(record), ..Self::brief(sequence, transfer, delivery) }
    }
}

/// A data type of a source, with the fields that its first records have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataTypeView {
    /// Its name.
    pub name: DataTypeName,
    /// How many records were looked at.
    pub records: usize,
    /// The fields that were seen.
    pub fields: Vec<FieldView>,
    /// The fields that tell records apart, in order, where the source itself knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// What the first page proves: a next page, the keys, the cursor, or what is wrong with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// What says that there is more than the first page, where no setting leads there: half a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_available: Option<String>,
    /// Why no record could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A field that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldView {
    /// Its path.
    pub path: String,
    /// The types its values had.
    pub types: Vec<String>,
    /// In how many of the records it had a value.
    pub filled: usize,
    /// In how many of them that value was the one of an earlier record.
    #[serde(default)]
    pub repeated: usize,
    /// One of its values, shortened.
    pub example: String,
    /// A file that was looked at and has no such column: what reads the field fails there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_in: Option<String>,
}
