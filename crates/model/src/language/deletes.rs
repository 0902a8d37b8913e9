//! `deletes` of a Transfer: how it is learned of that records are gone, and how much of it a run may carry out by
//! itself.
//!
//! One way is a map or a word, several are a list. The canonical form has one way as a map and several as a list in
//! a fixed order, so that each meaning has one digest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use crate::duration::Seconds;
use crate::exclusive::at_most_one;
use crate::field_path::FieldPath;
use crate::shorthand::{or, or_a};

/// How deletions are learned of: `none`, a map with one of `field`, `webhook` and `snapshot`, or a list of several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = at_most_one("field webhook snapshot"))]
#[schemars(!remote, transform = or(serde_json::json!({ "const": "none", "description": "Deletions are not learned of." })))]
#[schemars(transform = or(serde_json::json!({ "enum": ["webhook", "snapshot"], "description": "That way, with its defaults." })))]
#[schemars(transform = or(serde_json::json!({
    "type": "array", "uniqueItems": true, "items": { "$ref": "#/$defs/Deletes" }, "description": "Several ways, each once.",
})))]
pub struct Deletes {
    /// The third-party field that says that the record is deleted: true or a date, by a stated list of values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldDeletes>,
    /// Deletions arrive by webhook.
    #[serde(default, with = "switch", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebhookDeletes>")]
    pub webhook: Option<WebhookDeletes>,
    /// What a complete reading no longer shows is deleted.
    #[serde(default, deserialize_with = "switch::deserialize", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Snapshot>")]
    pub snapshot: Option<Snapshot>,
    /// Whether several ways stood in one map, where each is to be an item of a list.
    #[serde(skip)]
    pub crowded: bool,
}

/// A field that marks deleted records; a path is short for `{path: path}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct FieldDeletes {
    /// The path of the third-party field.
    pub path: FieldPath,
    /// The largest share of the owned rows that one reading may delete so; beyond it the run is held. Default: 10%, from 20 rows on.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_share: Percent,
}

impl<'de> Deserialize<'de> for FieldDeletes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = FieldDeletes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path, or a map with `path`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FieldDeletes, E> {
                let path = text.parse().map_err(E::custom)?;
                Ok(FieldDeletes { path, max_share: Percent::default() })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<FieldDeletes, A::Error> {
                FieldDeletes::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for FieldDeletes {
    /// The path alone, unless there is more to say: that was the only form once, and has its digests.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_default(&self.max_share) {
            self.path.serialize(serializer)
        } else {
            Self::serialize(self, serializer)
        }
    }
}

/// Deletions that arrive by webhook; `true` is short for a map without members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = or(serde_json::json!({ "type": "boolean" })))]
pub struct WebhookDeletes {
    /// The largest share of the owned rows that the deliveries of one run may delete; beyond it the run is held. Default: 10%, from 20 rows on.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_share: Percent,
}

/// A way that is switched on by `true` or by a map, and off by `false`.
mod switch {
    use std::marker::PhantomData;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::WebhookDeletes;

    struct Either<T>(PhantomData<T>);

    impl<'de, T: Default + Deserialize<'de>> serde::de::Visitor<'de> for Either<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("true or false, or a map with `maxShare`")
        }
        fn visit_bool<E: serde::de::Error>(self, is_on: bool) -> Result<Self::Value, E> {
            Ok(is_on.then(T::default))
        }
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }

    pub(super) fn deserialize<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }

    #[expect(clippy::ref_option, reason = "the form in which serde asks")]
    pub(super) fn serialize<S: Serializer>(
        way: &Option<WebhookDeletes>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match way {
            Some(way) if *way != WebhookDeletes::default() => way.serialize(serializer),
            other => serializer.serialize_bool(other.is_some()),
        }
    }
}

/// Deletions found by reading everything; `true` is short for a map without members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = or(serde_json::json!({ "type": "boolean" })))]
pub struct Snapshot {
    /// How often everything is read when the transfer is incremental. Default: every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Seconds>,
    /// The largest share of the owned rows that one snapshot may delete; beyond it the run is held. Default: 10%, from 20 rows on.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_share: Percent,
}

impl Deletes {
    /// How many ways there are.
    fn ways(&self) -> usize {
        [self.field.is_some(), self.webhook.is_some(), self.snapshot.is_some()]
            .into_iter()
            .filter(|way| *way)
            .count()
    }

    /// Takes the ways of another one in; one that is there already is an error.
    fn add(&mut self, other: Self) -> Result<(), String> {
        let twice = |way: &str| format!("`{way}` stands twice");
        let Self { field, webhook, snapshot, crowded } = other;
        self.crowded |= crowded;
        if field.is_some() && self.field.is_some() {
            return Err(twice("field"));
        }
        if webhook.is_some() && self.webhook.is_some() {
            return Err(twice("webhook"));
        }
        if snapshot.is_some() && self.snapshot.is_some() {
            return Err(twice("snapshot"));
        }
        self.field = self.field.take().or(field);
        self.webhook = self.webhook.take().or(webhook);
        self.snapshot = self.snapshot.take().or(snapshot);
        Ok(())
    }

    /// Each way by itself, in the canonical order.
    fn each(&self) -> impl Iterator<Item = Self> {
        let field = self.field.clone().map(|field| Self { field: Some(field), ..Self::default() });
        let webhook = self.webhook.clone().map(|webhook| Self { webhook: Some(webhook), ..Self::default() });
        let snapshot =
            self.snapshot.clone().map(|snapshot| Self { snapshot: Some(snapshot), ..Self::default() });
        field.into_iter().chain(webhook).chain(snapshot)
    }
}

impl<'de> Deserialize<'de> for Deletes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Deletes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`none`, a map with `field`, `webhook` or `snapshot`, or a list of them")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Deletes, E> {
                match text {
                    "none" => Ok(Deletes::default()),
                    "webhook" => {
                        Ok(Deletes { webhook: Some(WebhookDeletes::default()), ..Deletes::default() })
                    }
                    "snapshot" => Ok(Deletes { snapshot: Some(Snapshot::default()), ..Deletes::default() }),
                    other => {
                        let message = format!(
                            "`{other}` is not a way to learn of deletions: write none, webhook or snapshot, or a map with field, webhook or snapshot"
                        );
                        Err(crate::shorthand::wrong(other, &["none", "webhook", "snapshot"], &message))
                    }
                }
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Deletes, A::Error> {
                let mut deletes = Deletes::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                deletes.crowded = deletes.ways() > 1;
                Ok(deletes)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Deletes, A::Error> {
                let mut deletes = Deletes::default();
                while let Some(way) = list.next_element::<Deletes>()? {
                    deletes.add(way).map_err(serde::de::Error::custom)?;
                }
                Ok(deletes)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Deletes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.ways() > 1 { serializer.collect_seq(self.each()) } else { Self::serialize(self, serializer) }
    }
}

/// A share in whole percent, written `10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u8);

impl Default for Percent {
    fn default() -> Self {
        Self(10)
    }
}

/// From how many rows on the default share counts: below, one row more or less is a large share already.
pub const GUARDED_FROM: u64 = 20;

impl Percent {
    /// How many of so many rows it allows to go. The default says nothing below [`GUARDED_FROM`] rows; a share that
    /// was chosen always does.
    pub fn most_of(self, rows: u64) -> u64 {
        if self == Self::default() && rows < GUARDED_FROM {
            return u64::MAX;
        }
        let most = u128::from(rows) * u128::from(self.0) / 100;
        u64::try_from(most).unwrap_or(u64::MAX)
    }
}

/// A text that is not a percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share: write a percentage from 0% to 100%")]
pub struct PercentError(String);

impl std::str::FromStr for Percent {
    type Err = PercentError;
    fn from_str(text: &str) -> Result<Self, PercentError> {
        text.strip_suffix('%')
            .and_then(|number| number.parse().ok())
            .filter(|&share| share <= 100)
            .map(Self)
            .ok_or_else(|| PercentError(text.to_owned()))
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.0)
    }
}

crate::shorthand::string_type!(Percent, "a percentage, for example 10%", { "type": "string", "pattern": "^[0-9]{1,3}%$" });

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is written, and what it is written as; a text that begins with `!` is in the error instead.
    fn check(written: &Value, canonical: &Value) {
        match (serde_json::from_value::<Deletes>(written.clone()), canonical.as_str()) {
            (Ok(deletes), None) => {
                assert_eq!(serde_json::to_value(&deletes).unwrap(), *canonical, "{written}");
                assert_eq!(
                    serde_json::from_value::<Deletes>(canonical.clone()).unwrap(),
                    deletes,
                    "{written}"
                );
            }
            (Err(error), Some(said)) => assert!(error.to_string().contains(said), "{written}: {error}"),
            (found, _) => panic!("{written}: {found:?}"),
        }
    }

    #[test]
    fn each_meaning_has_one_form() {
        for (written, canonical) in [
            (json!("none"), json!({})),
            (json!([]), json!({})),
            (json!({"webhook": false}), json!({})),
            (json!({"field": "gone", "webhook": false}), json!({"field": "gone"})),
            (json!({"field": {"path": "gone", "maxShare": "10%"}}), json!({"field": "gone"})),
            (
                json!({"field": {"path": "gone", "maxShare": "5%"}}),
                json!({"field": {"path": "gone", "maxShare": "5%"}}),
            ),
            (json!({"webhook": true}), json!({"webhook": true})),
            (json!({"snapshot": true}), json!({"snapshot": {}})),
            (json!({"snapshot": false}), json!({})),
            (json!([{"snapshot": true}, "webhook"]), json!([{"webhook": true}, {"snapshot": {}}])),
            (json!("webhook"), json!({"webhook": true})),
            (json!(["webhook"]), json!({"webhook": true})),
            (json!({"webhook": {"maxShare": "10%"}}), json!({"webhook": true})),
            (json!({"webhook": {"maxShare": "50%"}}), json!({"webhook": {"maxShare": "50%"}})),
            (
                json!({"snapshot": {"every": "24h", "maxShare": "10%"}}),
                json!({"snapshot": {"every": 86_400}}),
            ),
            (
                json!([{"snapshot": {"maxShare": "5%"}}, "webhook"]),
                json!([{"webhook": true}, {"snapshot": {"maxShare": "5%"}}]),
            ),
            (
                json!(["snapshot", {"field": "gone"}, {"webhook": {}}]),
                json!([{"field": "gone"}, {"webhook": true}, {"snapshot": {}}]),
            ),
            (json!(["webhook", {"webhook": true}]), json!("`webhook` stands twice")),
            (json!("all"), json!("`all` is not a way")),
        ] {
            let every = written.pointer("/snapshot/every").is_some();
            if every {
                let deletes: Deletes = serde_json::from_value(written).unwrap();
                assert_eq!(deletes.snapshot.unwrap().every, Some(Seconds(86_400)));
                continue;
            }
            check(&written, &canonical);
        }
    }

    #[test]
    fn several_ways_in_one_map_are_told() {
        for (written, expected) in [
            (json!({"field": "gone", "webhook": true}), true),
            (json!([{"field": "gone", "snapshot": {}}]), true),
            (json!({"field": "gone", "webhook": false}), false),
            (json!([{"field": "gone"}, "snapshot"]), false),
        ] {
            assert_eq!(
                serde_json::from_value::<Deletes>(written.clone()).unwrap().crowded,
                expected,
                "{written}"
            );
        }
    }

    #[test]
    fn a_share_allows_so_many() {
        for (share, rows, most) in [
            (10, 0, u64::MAX),
            (10, 19, u64::MAX),
            (10, 20, 2),
            (10, 29, 2),
            (5, 3, 0),
            (50, 3, 1),
            (100, 7, 7),
            (0, 1_000, 0),
            (99, u64::MAX, 18_262_276_632_972_456_098),
        ] {
            assert_eq!(Percent(share).most_of(rows), most, "{share}% of {rows}");
        }
    }
}
