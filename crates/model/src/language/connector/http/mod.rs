//! The connector `http`: the short form in which most REST services take a line or two a data type.
//!
//! The compiler lowers it to the components of Airbyte's low-code language; only those are executed.

mod answer;
mod connector;
mod graphql;
mod incremental;
mod pages;
pub mod parent;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::ErrorPlace;
pub use connector::canonical_base_url;
pub use graphql::GraphQl;
pub use incremental::{AnswerToken, CursorFormat, Expired, FieldPaths, Incremental, TokenPage};
pub use pages::{Completion, NumberPlace, PageEnd, PagedBy, Pagination, Place};
pub use parent::Parent;

pub use super::decode::Decode;
pub use super::records::{MissingList, RecordsPlace};
use crate::bytes_size::ByteSize;
use crate::duration::Seconds;
use crate::exclusive::exactly_one;
use crate::field_path::FieldPath;
use crate::language::is_default;
use crate::name::DataTypeName;
use crate::rate::Rate;
use crate::shorthand::{or, shorthand};

/// The settings of a Source with `connector: http`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSettings {
    /// The URL that every path continues.
    pub base_url: String,
    /// Headers sent with every request. Secrets belong in the authorization.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// At most so many requests in a period, for the whole source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Rate>,
    /// How often and after what wait a failed request is repeated.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub retry: Retry,
    /// How long one request may take.
    #[serde(default = "default_timeout", skip_serializing_if = "is_default_timeout")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub timeout: Seconds,
    /// Other origins (`https://files.example`) that a next page may lead to. No credential is sent there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed_origins: BTreeSet<String>,
    /// What a URL means to which an answer leads. Default: given.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub origin: OriginPolicy,
    /// The largest answer, after decompression.
    #[serde(default = "default_max_body", skip_serializing_if = "is_default_max_body")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_body: ByteSize,
    /// The most pages of one data type in one run.
    #[serde(default = "default_max_pages", skip_serializing_if = "is_default_max_pages")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_pages: u64,
    /// The data types, by name.
    pub data_types: BTreeMap<DataTypeName, HttpDataType>,
}

const fn default_timeout() -> Seconds {
    Seconds(60)
}
fn is_default_timeout(value: &Seconds) -> bool {
    *value == default_timeout()
}
const fn default_max_body() -> ByteSize {
    ByteSize::mebibytes(64)
}
fn is_default_max_body(value: &ByteSize) -> bool {
    *value == default_max_body()
}
const fn default_max_pages() -> u64 {
    100_000
}
fn is_default_max_pages(value: &u64) -> bool {
    *value == default_max_pages()
}

/// What a URL means to which an answer leads: a next page, a redirection, a record to fetch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OriginPolicy {
    /// What it says. Another origin is an error, unless it is allowed.
    #[default]
    Given,
    /// Its path and query, at the origin of `baseUrl`: for a service that names itself otherwise, as one behind a proxy does. Origins that are allowed are left as they are.
    Keep,
}

/// How often and after what wait a failed request is repeated. 429, 408, 5xx and network errors count as failed, and a 403
/// that says that a limit is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// How many requests at the most, the first one included. A window whose pages shift while they are read, being asked for
    /// by their position, is read as often at the most.
    #[serde(default = "default_attempts", skip_serializing_if = "is_default_attempts")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub attempts: u32,
    /// Where the service says how long to wait. Default: the header `Retry-After`, in both its forms, then `RateLimit` and
    /// `X-RateLimit-Reset` once nothing remains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// The longest single wait; a service that asks for more fails the run.
    #[serde(default = "default_max_wait", skip_serializing_if = "is_default_max_wait")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub max_wait: Seconds,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: default_attempts(), wait: None, max_wait: default_max_wait() }
    }
}

const fn default_attempts() -> u32 {
    5
}
const fn is_default_attempts(value: &u32) -> bool {
    *value == default_attempts()
}
const fn default_max_wait() -> Seconds {
    Seconds(300)
}
fn is_default_max_wait(value: &Seconds) -> bool {
    *value == default_max_wait()
}

/// Where a service says how long to wait: a header or a field of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("header body"))]
pub struct Wait {
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The path of a number in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<FieldPath>,
    /// The unit of the number. Default: s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<WaitUnit>,
}

/// The unit of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WaitUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// The number is the instant, in Unix seconds, at which the wait is over.
    UnixSeconds,
}

/// One data type: its endpoint, where its records are, how its pages follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpDataType {
    /// The path after the base URL. Default: `/` and the name, and with `graphql` the base URL itself. `{parent.FIELD}` takes a field of
    /// the parent record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The HTTP method. Default: GET.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub method: Method,
    /// Query parameters of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Scalar>,
    /// Headers of this data type alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The JSON body of a POST. `{{ page }}`, `{{ offset }}`, `{{ cursor }}` and `{{ since }}` stand for the values of the request, and
    /// `{{ parent.FIELD }}` for a field of the parent record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// A query in GraphQL, in place of `method` and `body`. An answer with `errors` fails the run, whatever data came with it, and one that
    /// says that the service limits us is asked for again after the wait that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphql: Option<GraphQl>,
    /// How the records of an answer are written: `json`, `jsonl` or `csv`, or `{format: csv, delimiter: ";"}`. An answer in CSV is one page, with its own header line.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub decode: Decode,
    /// Where the records are in the answer; `$`, the default, when the answer is the array itself. An object stands for a list when each of its members is an object: they are the records.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub records: RecordsPlace,
    /// Where the service says in an answer with a status of success that something went wrong. What is there, and neither
    /// null, false, zero nor empty, fails the run with the service's message. Known without being named, where
    /// there are no records: `error`, `errors`, a failure in `success`, `ok` or `status`; and the `errors` of GraphQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorPlace>,
    /// How the next page is asked for. Default: there is one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// How only what has changed is asked for. Default: everything, every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incremental: Option<Incremental>,
    /// The data type whose records each lead to a request of this one: its name, or `{dataType: NAME, skip: [403, 404, 410]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Values that the data type is asked for one after the other, by a name: `{region: [ca, fr]}`. The path and the query take one as
    /// `{region}`, the body as `{{ region }}`, and a mapping as `parent.region`. Several names are asked for in all their combinations, each
    /// with a cursor of its own.
    #[serde(default, rename = "for", skip_serializing_if = "BTreeMap::is_empty")]
    pub for_each: BTreeMap<String, Vec<Scalar>>,
}

/// The HTTP method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read, the parameters in the query.
    #[default]
    Get,
    /// Read through a search endpoint: `body` is sent with it. What asks for a page stands in the query, unless it is said to be
    /// in the body: `param: {body: after}`.
    Post,
}

/// The value of a query parameter: a text, number or boolean, sent as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = scalar_schema)]
pub struct Scalar(pub String);

fn scalar_schema(schema: &mut schemars::Schema) {
    schema.insert("type".to_owned(), serde_json::json!(["string", "number", "boolean"]));
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Scalar;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, number or boolean")
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        // The YAML loader answers with the text as it is written, so that `1.10` and `007` stay what they are.
        deserializer.deserialize_str(Text)
    }
}

/// Where a request takes a value: a query parameter (the short form), which with `graphql` is a variable of that name, or a member
/// of the JSON body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one("query body variable"))]
#[schemars(!remote, transform = or(serde_json::json!({ "type": "string" })))]
pub struct Parameter {
    /// The name of a query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The path of a member of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<FieldPath>,
    /// A variable of the query in GraphQL, or the path of a member of one: `filter.after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<FieldPath>,
}

shorthand!(Parameter, "the name of a parameter, or a map with `body` or `variable`", |text: &str| {
    Ok::<_, std::convert::Infallible>(Parameter { query: Some(text.to_owned()), ..Parameter::default() })
});
