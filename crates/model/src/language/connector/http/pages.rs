//! How the pages of a data type follow each other, and what ends them: `pagination` of a data type of the connector
//! `http`. Only the settings; what they mean together is the compiler's, and following them the connector's.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parameter;
use crate::exclusive::{at_most_one, exactly_one};
use crate::field_path::FieldPath;
use crate::shorthand::{or, or_a, shorthand};

/// How pages follow each other. Exactly one of `nextUrl`, `link`, `page`, `offset`, `cursor`, `by` stands here, or the word `none`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("nextUrl link page offset cursor by"))]
#[schemars(transform = at_most_one("while until"))]
#[schemars(!remote, transform = or(serde_json::json!({
    "const": "none", "description": "An answer is whole, whatever in it looks as if there were more.",
})))]
pub struct Pagination {
    /// The next page's URL, relative or absolute: a path in the body, or `{header: NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_url: Option<Place>,
    /// The relation of the `Link` header (RFC 8288) that leads to the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The parameter that takes the page number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Parameter>,
    /// The number of the first page (default: 1), or the first offset (default: 0). Services that count records from 1 (SCIM's
    /// `startIndex`) begin at the offset 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The parameter that takes the number of records to skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Parameter>,
    /// The cursor of the next page: a path in the body, `{header: NAME}` or `{lastRecord: PATH}`. When it is an object, every member is sent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Place>,
    /// The parameter that takes the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<Parameter>,
    /// `incremental`: each page is asked for from the greatest value of the incremental field that came so far, instead of by a
    /// position. The service must answer in ascending order of that field. Needs `incremental` and `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PagedBy>,
    /// The path of a boolean: there are more pages while it is true. Where it leads to nothing or to null, it says nothing.
    #[serde(default, rename = "while", skip_serializing_if = "Option::is_none")]
    pub while_true: Option<FieldPath>,
    /// The path of a boolean: there are more pages until it is true. The opposite of `while`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<FieldPath>,
    /// The parameter that takes the page size, and the size: `{per_page: 100}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub size: BTreeMap<String, u64>,
    /// The number of all records: a path in the body, or `{header: NAME}`. The reading ends when so many came, and not before.
    /// `none` says that nothing in an answer counts the records, whatever looks like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<NumberPlace>,
    /// The number of all pages: a path in the body, or `{header: NAME}`. The reading ends when so many came, and not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<NumberPlace>,
    /// What a service answers beyond the last page, where that is not an empty page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<PageEnd>,
    /// The path of a mark that is there once the records are complete; until then they continue on the next page (`batchcomplete`
    /// in the API of a wiki). What came is held until then, and put together by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Completion>,
    /// Whether the word `none` stands in place of all this.
    #[serde(skip)]
    pub none: bool,
}

impl<'de> Deserialize<'de> for Pagination {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Pagination;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`none`, or a map that says how pages follow")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pagination, E> {
                if text == "none" {
                    return Ok(Pagination { none: true, ..Pagination::default() });
                }
                let message = format!(
                    "`{text}` is not a pagination: write `none`, or a map such as `{{nextUrl: PATH}}`"
                );
                Err(crate::shorthand::wrong(text, &["none"], &message))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Pagination, A::Error> {
                Pagination::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Pagination {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.none { serializer.serialize_str("none") } else { Self::serialize(self, serializer) }
    }
}

/// Where an answer holds something: a path in the body (the short form), a header, or a field of the last record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("body header lastRecord"))]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct Place {
    /// A path in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<FieldPath>,
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A path in the last record of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_record: Option<FieldPath>,
}

shorthand!(Place, "a path, or a map with `header` or `lastRecord`", |text: &str| text
    .parse()
    .map(|path| Place { body: Some(path), ..Place::default() }));

/// Where an answer holds a number: a path in the body (the short form), or a header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("body header"))]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct NumberPlace {
    /// A path in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<FieldPath>,
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

shorthand!(
    NumberPlace,
    "a path, or a map with `header`",
    |text: &str| text.parse().map(|path| NumberPlace { body: Some(path), header: None }),
    |place: &NumberPlace| match (&place.body, &place.header) {
        (Some(path), None) => Some(path.to_string()),
        _ => None,
    }
);

impl NumberPlace {
    /// The path in the body, when there is one.
    pub fn path(&self) -> Option<&FieldPath> {
        self.body.as_ref().filter(|_| !self.is_none())
    }

    /// Whether it is the word `none`, which stands in place of a path where there is no such number.
    pub fn is_none(&self) -> bool {
        self.header.is_none() && self.body.as_ref().is_some_and(|path| path.to_string() == "none")
    }
}

/// What a service answers beyond the last page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PageEnd {
    /// The statuses that end the reading, once a page with records came: `[400, 404]`.
    pub status: BTreeSet<u16>,
}

/// What pages are asked for by, instead of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PagedBy {
    /// The greatest value of the incremental field.
    Incremental,
}

/// How records that continue on the next page are put together: the path of the mark that ends them (the short form), or a
/// map that names their key too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct Completion {
    /// The path of the mark in the body. Anything but null, false and zero is one, an empty text too.
    pub path: FieldPath,
    /// The field of a record by which its parts are known. Default: `id`.
    #[serde(default = "default_key", skip_serializing_if = "is_default_key")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub key: FieldPath,
}

fn default_key() -> FieldPath {
    FieldPath::member("id")
}
fn is_default_key(value: &FieldPath) -> bool {
    *value == default_key()
}

shorthand!(Completion, "a path, or a map with `path` and `key`", |text: &str| text
    .parse()
    .map(|path| Completion { path, key: default_key() }));
