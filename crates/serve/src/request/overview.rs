//! The overview as answers tell it: a page of transfers under the integrations that want them, each with how it stands, and
//! how many stand how.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use raccord_model::fact::Tally;
use raccord_model::schema::Instant;
use raccord_model::{EntityRef, Name};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::status::{DaemonStatus, IntegrationState, UnderWay};
use super::text::Text;

/// How many transfers an overview shows unless it is asked for more or fewer.
const PAGE: usize = 50;

/// Which transfers an overview shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OverviewQuery {
    /// Only those whose name, source, entity or integration has this text in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<200>>,
    /// Only those that have this label, or whose integration has: `team=sales`, or `team` with any value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Text<200>>,
    /// Only those that stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// How many are passed over.
    pub skip: usize,
    /// At most so many; 50 unless something else is said.
    pub limit: usize,
}

impl Default for OverviewQuery {
    fn default() -> Self {
        Self { text: None, label: None, standing: None, skip: 0, limit: PAGE }
    }
}

/// Reads an object, and nothing else: without names, a list of nulls would pass for a struct of which nothing is required.
pub(super) fn from_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Members<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Members(PhantomData))
}

/// How a transfer stands, in one word. What a person has to do something about comes first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// The breaker has disabled its integration.
    Tripped,
    /// Its run waits for a person.
    Held,
    /// Its source waits for the agreement of a person.
    Waiting,
    /// Its last run has failed.
    Failing,
    /// A person lets it stand still.
    Paused,
    /// A run is under way.
    Running,
    /// It runs.
    Active,
    /// It does nothing: its YAML does not activate it, or no active integration wants it.
    #[default]
    Inactive,
}

impl Standing {
    /// Every way to stand, the worst first.
    pub const ALL: [Self; 8] = [
        Self::Tripped,
        Self::Held,
        Self::Waiting,
        Self::Failing,
        Self::Paused,
        Self::Running,
        Self::Active,
        Self::Inactive,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tripped => "tripped",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Running => "running",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// A page of transfers, and how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The stack.
    pub stack: Option<Name>,
    /// The generation in force.
    pub generation: u64,
    /// How many of those with the text and the label stand how.
    pub counts: BTreeMap<Standing, u64>,
    /// How many of them stand as is wanted.
    pub fitting: u64,
    /// How the integrations of this page stand, by name.
    pub integrations: BTreeMap<Name, IntegrationState>,
    /// The transfers of this page: by integration, then by name; at the end those that no integration wants.
    pub lines: Vec<OverviewLine>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the daemon adds, when one owns the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonStatus>,
}

/// A transfer under one of the integrations that want it, or under none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverviewLine {
    /// The integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<Name>,
    /// The transfer.
    pub transfer: Name,
    /// Its source.
    pub source: Name,
    /// The entity it feeds.
    pub to: EntityRef,
    /// How it stands.
    pub standing: Standing,
    /// When a run last succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub last_success: Option<Timestamp>,
    /// When it runs next by itself, when a daemon lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub next_run: Option<Timestamp>,
    /// The run that is under way, as far as it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<UnderWay>,
    /// How many rows it owns; nothing when its database cannot be seen.
    pub rows: Option<u64>,
    /// How many rejects are kept; nothing when its database cannot be seen.
    pub rejects: Option<u64>,
    /// What its runs of the last 24 hours have brought, hour by hour, the oldest first: of the runs that are kept.
    pub day: Vec<Tally>,
}

#[cfg(test)]
mod tests {
    use crate::request::Request;

    #[test]
    fn an_overview_is_asked_for_by_an_object() {
        let check = |text: &str, limit: Option<usize>| match serde_json::from_str(text) {
            Ok(Request::Overview(query)) => assert_eq!(Some(query.limit), limit, "{text}"),
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert!(limit.is_none(), "{text}: {error}"),
        };
        check(r#"{"overview": {}}"#, Some(50));
        check(r#"{"overview": {"limit": 2}}"#, Some(2));
        check(r#"{"overview": [null, null]}"#, None);
        check(r#"{"overview": null}"#, None);
    }
}
