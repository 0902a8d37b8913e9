//! `webhook` of a Source: how the service's pushes are proved, what each event says, where they are registered.
//!
//! What arrives here takes the way of a record that was read: the same mapping, the same classification.

mod place;
mod register;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bytes_size::ByteSize;
use crate::field_path::{FieldPath, ManyPath};
use crate::language::is_default;
use crate::name::DataTypeName;
use crate::rate::Rate;
use crate::shorthand::{or, string_type};

pub use place::{DeliveryPlace, EventParts, EventPlace};
pub use register::{CreateMethod, CreateSpec, DeleteMethod, DeleteSpec, RegisterSpec};
pub use verify::{
    BasicSpec, HashAlgorithm, HmacSpec, KeySpec, QueryKeySpec, Scheme, SecretEncoding, SignatureEncoding,
    StandardWebhooksSpec, StripeSpec, TimestampFormat, TimestampSpec, VerifySpec,
};

/// How a source receives pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookSpec {
    /// How a delivery proves that the service sent it.
    pub verify: VerifySpec,
    /// Where a delivery has the list of its events, when it has several; `$` when it is that list. `event`, `delivery` and the paths of `events` are looked for in each of them then. Default: a delivery is one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<FieldPath>,
    /// Where a delivery names its event. Several parts are joined by dots, that of the header first. Default: the last part of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventPlace>,
    /// Where a delivery has the id by which a repetition is recognised. Default: the one of Stripe and of Standard Webhooks, else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryPlace>,
    /// The largest delivery, at most 25MB.
    #[serde(default = "default_max_body", skip_serializing_if = "is_default_max_body")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_body: ByteSize,
    /// At most so many deliveries in a period; the service is told to send the others later.
    #[serde(default = "default_rate_limit", skip_serializing_if = "is_default_rate_limit")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub rate_limit: Rate,
    /// What each event says, by its name; a name that ends with `*` stands for all that begin like it, the longest first. What is not listed is ignored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<EventName, EventRule>,
    /// How the service is told where to push. Default: a person does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterSpec>,
}

/// The most that `maxBody` may be. GitHub, which pushes the largest ones, ends there:
/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>.
pub const LARGEST_DELIVERY: ByteSize = ByteSize::mebibytes(25);

const fn default_max_body() -> ByteSize {
    ByteSize::mebibytes(1)
}
fn is_default_max_body(value: &ByteSize) -> bool {
    *value == default_max_body()
}
const fn default_rate_limit() -> Rate {
    Rate { count: 100, period: 1 }
}
fn is_default_rate_limit(value: &Rate) -> bool {
    *value == default_rate_limit()
}

/// The longest name of an event, in bytes.
pub const MAX_EVENT_NAME: usize = 128;

/// The name of an event as the service writes it, or the beginning of several and `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(String);

impl EventName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the events begin with that it stands for; `None` when it names one alone.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }
}

/// A text that cannot name events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of an event: {why}")]
pub struct EventNameError {
    text: String,
    why: &'static str,
}

impl FromStr for EventName {
    type Err = EventNameError;
    fn from_str(text: &str) -> Result<Self, EventNameError> {
        let why = if text.is_empty() {
            "it is empty"
        } else if text.len() > MAX_EVENT_NAME {
            "it has more than 128 bytes"
        } else if text.chars().any(char::is_control) || text.trim() != text {
            "it has control characters or outer spaces"
        } else if text.find('*').is_some_and(|at| at + 1 < text.len()) {
            "a `*` stands at the end alone"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(EventNameError { text: text.to_owned(), why })
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for EventName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

string_type!(EventName, "the name of an event", { "type": "string", "pattern": "^[^*]*\\*?$", "minLength": 1, "maxLength": 128 });

/// What an event says; `ignore` takes it out of those that a wider name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRule {
    /// Nothing.
    Ignore,
    /// A record came, changed or went.
    Take(TakenEvent),
}

/// An event about a record of a data type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = or(serde_json::json!({ "const": "ignore", "description": "Nothing." })))]
pub struct TakenEvent {
    /// The data type of the source.
    pub data_type: DataTypeName,
    /// Where the record is in the body; `$`, the default, when it is the body itself. `[*]` stands for every element of a list: the event is about each of them. With `fetch`: where its key is, for a record that turns out to be gone.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub record: ManyPath,
    /// The field that a record is which is a text or a number by itself, such as an id: with `record: keys[*]` and `as: id`, `{"keys": [1, 2]}` is about the records `{"id": 1}` and `{"id": 2}`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Whether the event says that the record is gone; its primary key is enough then.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub deleted: bool,
    /// Whether the event mentions only what has changed: a field that it does not have keeps what it has.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub partial: bool,
    /// How the record is fetched, when the event says only which one it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<FetchSpec>,
}

/// How a record is fetched that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FetchSpec {
    /// The path after the base URL; `{event.FIELD}` takes a field of the event, `{record.FIELD}` one of the record that it is about. A field alone may be a whole URL, of the service's own origin or an allowed one.
    pub path: String,
    /// Where the record is in the answer; `$`, the default, when it is the answer itself.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub record: FieldPath,
}

impl<'de> Deserialize<'de> for EventRule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = EventRule;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with `dataType`, or the word ignore")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EventRule, E> {
                match text {
                    "ignore" => Ok(EventRule::Ignore),
                    other => Err(E::custom(format!(
                        "`{other}` is not what an event says: write a map with `dataType`, or ignore"
                    ))),
                }
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<EventRule, A::Error> {
                TakenEvent::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(EventRule::Take)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for EventRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ignore => serializer.serialize_str("ignore"),
            Self::Take(event) => event.serialize(serializer),
        }
    }
}

impl JsonSchema for EventRule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventRule".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        TakenEvent::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is written, and what it means written out in full.
    fn check(written: Value, canonical: &Value) {
        let spec: WebhookSpec = serde_json::from_value(written).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), *canonical);
    }

    #[test]
    fn the_short_and_the_long_form_are_one() {
        let verify = json!({"hmac": {"secret": ["${env:S}"], "header": "X-Signature"}});
        let written = json!({"hmac": {"secret": "${env:S}", "header": "X-Signature", "encoding": "hex", "algorithm": "sha256", "secretEncoding": "text"}});
        check(json!({"verify": written}), &json!({"verify": verify}));
        check(
            json!({"verify": verify, "event": "type", "maxBody": "1024KB", "rateLimit": "100/s", "events": {"a.*": "ignore"}}),
            &json!({"verify": verify, "event": {"body": "type"}, "events": {"a.*": "ignore"}}),
        );
        check(
            json!({"verify": {"stripe": {"secret": ["${env:A}", "${env:B}"], "tolerance": "300s"}},
                "events": {"a": {"dataType": "x", "record": "$", "deleted": false, "fetch": {"path": "/x", "record": "data"}}}}),
            &json!({"verify": {"stripe": {"secret": ["${env:A}", "${env:B}"]}},
                "events": {"a": {"dataType": "x", "fetch": {"path": "/x", "record": "data"}}}}),
        );
        check(
            json!({"verify": verify, "batch": "$", "event": {"body": ["type"]}, "events": {"a": {"dataType": "x", "record": "$.ids[*]", "as": "id"}}}),
            &json!({"verify": verify, "batch": "$", "event": {"body": "type"}, "events": {"a": {"dataType": "x", "record": "ids[*]", "as": "id"}}}),
        );
        let parts = json!({"verify": verify, "event": {"header": "X-Event", "body": ["model", "event"]}});
        check(parts.clone(), &parts);
    }

    #[test]
    fn a_name_may_stand_for_several_events() {
        for (good, prefix) in [
            ("customer.created", None),
            ("orders/create", None),
            ("customer.*", Some("customer.")),
            ("*", Some("")),
        ] {
            assert_eq!(good.parse::<EventName>().unwrap().prefix(), prefix, "{good}");
        }
        for bad in ["", "*.created", "a*b", " a", "a\n", "**", &"a".repeat(129)] {
            assert!(bad.parse::<EventName>().is_err(), "{bad}");
        }
    }
}
