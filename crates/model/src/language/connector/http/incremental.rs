//! How only what has changed is asked for: `incremental` of a data type of the connector `http`. Either a field of the
//! records says how far a reading came, or the service does, with a token in its answer.
//!
//! Only the settings; what they mean together is the compiler's.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Parameter, Scalar};
use crate::duration::Seconds;
use crate::exclusive::exactly_one;
use crate::field_path::FieldPath;
use crate::language::is_default;
use crate::shorthand::{or_a, shorthand};

/// How only what has changed since the last run is asked for: by a field of the records, or by a token that the service gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("field token"))]
pub struct Incremental {
    /// The field of a record that says when it changed; of a list, the first that a record has. A record dated in the future is kept as any other, but the next
    /// run asks for nothing later than the time at which this one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldPaths>,
    /// The token that the service answers with, and from which the next run goes on: a path in the body, `{header: NAME}`, or
    /// `{url: PATH}` for a service that gives a whole URL. It is kept once a reading is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<AnswerToken>,
    /// The parameter that takes the value from which on records are wanted, or the token. Without it, `{{ since }}` stands in the path,
    /// the query, a header or the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<Parameter>,
    /// With `token`: how the service says that it no longer knows it. Then the reading begins again without it, once.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub expired: Expired,
    /// How the value is written, in the records and in the parameter. Default: rfc3339.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub format: CursorFormat,
    /// The time zone of values that name none, a name of the IANA database. The parameter is sent with its offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What the very first run asks for, also where a snapshot is due. Default: everything. With `token`, a reading whose token is no
    /// longer known asks for it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Scalar>,
    /// How far before the last value the next run begins, for services that show changes late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback: Option<Seconds>,
    /// Whether the service answers in ascending order of the field: then the checkpoint advances with every page.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub ordered: bool,
}

/// Where an answer holds the token from which the next run goes on: a path in the body (the short form), a header, or a path that
/// leads to a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("body header url"))]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct AnswerToken {
    /// A path in the body, to a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<FieldPath>,
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A path in the body to the URL, relative or absolute, with which the next run begins. Its own path and query are sent, and
    /// not those of the data type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<FieldPath>,
    /// Which token counts when the pages of a reading have several. Default: first.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub page: TokenPage,
}

shorthand!(AnswerToken, "a path, or a map with `body`, `header` or `url`", |text: &str| text
    .parse()
    .map(|path| AnswerToken { body: Some(path), ..AnswerToken::default() }));

/// Which token counts when the pages of a reading have several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TokenPage {
    /// The first one, unless the next page is asked for with it: then the one of that page. Right for every service: what changed while
    /// the pages were read comes again.
    #[default]
    First,
    /// The last one: for a token that says how far the pages have been read, and not when they were.
    Last,
}

/// How a service says that it no longer knows a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expired {
    /// The statuses that say so. Default: 410.
    pub status: BTreeSet<u16>,
}

impl Default for Expired {
    fn default() -> Self {
        Self { status: BTreeSet::from([410]) }
    }
}

/// One path, or a list of paths of which the first that is there counts.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(transform = or_a("FieldPath"))]
pub struct FieldPaths(pub Vec<FieldPath>);

impl Serialize for FieldPaths {
    /// One path alone is written as that path.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FieldPaths {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = FieldPaths;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path or a list of paths")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FieldPaths, E> {
                text.parse().map(|path| FieldPaths(vec![path])).map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<FieldPaths, A::Error> {
                let mut paths = Vec::new();
                while let Some(path) = seq.next_element()? {
                    paths.push(path);
                }
                Ok(FieldPaths(paths))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// How the value of an incremental field is written.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum CursorFormat {
    /// An instant, RFC 3339.
    #[default]
    Rfc3339,
    /// A day, `2024-01-31`.
    Date,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMillis,
    /// A number that only grows, such as a revision.
    Integer,
    /// A text that only grows, compared byte by byte.
    Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_token_have_one_form() {
        for (written, canonical) in [
            (r#"{"field":"at"}"#, r#"{"field":"at"}"#),
            (
                r#"{"token":"next.token","param":"t"}"#,
                r#"{"token":{"body":"next.token"},"param":{"query":"t"}}"#,
            ),
            (r#"{"token":{"body":"t","page":"first"}}"#, r#"{"token":{"body":"t"}}"#),
            (r#"{"token":{"header":"ETag","page":"last"}}"#, r#"{"token":{"header":"ETag","page":"last"}}"#),
            (r#"{"token":{"url":"delta"},"expired":{"status":[410]}}"#, r#"{"token":{"url":"delta"}}"#),
            (
                r#"{"token":"t","expired":{"status":[410,400]}}"#,
                r#"{"token":{"body":"t"},"expired":{"status":[400,410]}}"#,
            ),
        ] {
            let read: Incremental = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), canonical, "{written}");
        }
        for wrong in
            [r#"{"token":7}"#, r#"{"token":{"path":"t"}}"#, r#"{"expired":[410]}"#, r#"{"expired":{}}"#]
        {
            assert!(serde_json::from_str::<Incremental>(wrong).is_err(), "{wrong}");
        }
    }
}
