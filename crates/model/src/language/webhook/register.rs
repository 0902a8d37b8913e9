//! `register` of a webhook: how the service is told where to push, and how it is told to stop.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_path::FieldPath;
use crate::language::connector::http::Scalar;
use crate::language::is_default;

/// How the service is told where to push, where its API can be. The daemon does it when an active integration
/// subscribes to an active transfer of the source, and undoes it afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterSpec {
    /// The request that registers.
    pub create: CreateSpec,
    /// The request that removes what was registered.
    pub delete: DeleteSpec,
}

/// The request that registers: with a JSON `body` or with a `form`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["body"] }, { "required": ["form"] }]))]
pub struct CreateSpec {
    /// The path after the base URL.
    pub path: String,
    /// The HTTP method. Default: POST.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub method: CreateMethod,
    /// The JSON body. `{{ url }}` stands for the URL to push to, `{{ secret }}` for the first secret of `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// The fields of a form, with the same placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, Scalar>,
    /// Where the answer has the id of what was registered. Default: id.
    #[serde(default = "default_id", skip_serializing_if = "is_default_id")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub id: FieldPath,
}

fn default_id() -> FieldPath {
    FieldPath::member("id")
}
fn is_default_id(value: &FieldPath) -> bool {
    *value == default_id()
}

/// The method of the request that registers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CreateMethod {
    /// One more registration.
    #[default]
    Post,
    /// The one that there can be.
    Put,
}

/// The request that removes what was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteSpec {
    /// The path after the base URL; `{id}` is the id of what was registered.
    pub path: String,
    /// The HTTP method. Default: DELETE.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub method: DeleteMethod,
}

/// The method of the request that removes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum DeleteMethod {
    /// As RFC 9110 has it.
    #[default]
    Delete,
    /// For services that know no other.
    Post,
}
