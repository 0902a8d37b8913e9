//! `Transfer`: one data type of a source, going to one entity of a project. Inactive by default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByNameOrInline, Deletes, MappingSpec, is_default};
use crate::duration::Seconds;
use crate::exclusive::{exactly_one, only_with};
use crate::field_path::FieldPath;
use crate::name::{DataTypeName, EntityRef, Name};
use crate::shorthand::{or_a, shorthand};

/// What a Transfer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferSpec {
    /// The source that is read.
    pub source: Name,
    /// The data type of the source. Default: the transfer's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<DataTypeName>,
    /// The entity that is written, `project.entity`.
    pub to: EntityRef,
    /// Whether it runs. It can be true only when everything it needs is there.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub active: bool,
    /// When it runs by itself. Default: on demand and by webhook only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Which field comes from where: the name of a Mapping, or one inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<ByNameOrInline<MappingSpec>>,
    /// How deletions are learned of. Default: they are not.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub deletes: Deletes,
    /// Whether it owns rows or only adds to rows that others own.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub mode: Mode,
    /// The third-party field that tells an older record from a newer one; an older one is skipped. Numbers compare
    /// as numbers, dates as instants, anything else as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<FieldPath>,
    /// What is kept of records that could not be mapped or stored.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub rejects: RejectPolicy,
    /// A label; changing it means: read everything again, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resync: Option<String>,
    /// When true, a plan that would delete the transfer is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub protect: bool,
}

/// When a transfer runs by itself: an interval (`15m`, the short form of `{every: 15m}`) or a cron expression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("every cron"), transform = only_with("timezone", "cron"))]
#[schemars(!remote, transform = or_a("Seconds"))]
pub struct Schedule {
    /// The interval between the beginnings of two runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Seconds>,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of `cron`, a name of the IANA database. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Delays every due time by a part of this length, shorter than the interval. The part is the transfer's own and
    /// always the same, so that transfers spread out and their times stay known. Default: no delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Seconds>,
}

shorthand!(Schedule, "an interval such as 15m, or a map with `cron`", |text: &str| text
    .parse()
    .map(|every| Schedule { every: Some(every), ..Schedule::default() }));

/// Whether a transfer owns rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It creates, updates and deletes; its deletes touch only the rows it owns.
    #[default]
    Own,
    /// It updates rows that another transfer owns; required fields do not apply.
    Enrich,
}

/// What is kept of rejected records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RejectPolicy {
    /// Whether the record itself is kept, for showing and replaying it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub payload: Payload,
    /// How many are kept; the oldest go first. Default: 10,000.
    #[serde(default = "default_max_count", skip_serializing_if = "is_default_max_count")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_count: u64,
    /// How long they are kept. Default: 30 days.
    #[serde(default = "default_max_age", skip_serializing_if = "is_default_max_age")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_age: Seconds,
}

impl Default for RejectPolicy {
    fn default() -> Self {
        Self { payload: Payload::Keep, max_count: default_max_count(), max_age: default_max_age() }
    }
}

const fn default_max_count() -> u64 {
    10_000
}
const fn is_default_max_count(value: &u64) -> bool {
    *value == default_max_count()
}
const fn default_max_age() -> Seconds {
    Seconds(30 * 86_400)
}
fn is_default_max_age(value: &Seconds) -> bool {
    *value == default_max_age()
}

/// Whether a rejected record is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Payload {
    /// The record is kept with its reason.
    #[default]
    Keep,
    /// Only the reason is kept.
    Drop,
}
