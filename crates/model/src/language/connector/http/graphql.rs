//! A query in GraphQL, in place of a path and its parameters: `graphql` of a data type of the connector `http`. Only the
//! settings; whether the query can be read is the compiler's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HttpDataType, Method, Parameter};

/// A query in GraphQL, which is sent by POST to the base URL, or to the path where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphQl {
    /// The query, sent as it is written: braces and dollars in it are GraphQL's own. Values come in by variables.
    pub query: String,
    /// Which operation of the query is meant, when it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The values of its variables. `{{ page }}`, `{{ offset }}`, `{{ cursor }}` and `{{ since }}` stand for the values of the request,
    /// `{{ parent.FIELD }}` for a field of the parent record; what takes a value that is not there is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
}

impl HttpDataType {
    /// Gives a data type with `graphql` its canonical form: what is always so is left out, and a parameter that is named alone
    /// is a variable.
    pub(super) fn make_graphql_canonical(&mut self) {
        self.method = Method::default();
        let pagination = self.pagination.iter_mut();
        let pages = pagination.flat_map(|pages| [&mut pages.page, &mut pages.offset, &mut pages.param]);
        let since = self.incremental.iter_mut().map(|incremental| &mut incremental.param);
        for parameter in pages.chain(since).flatten() {
            parameter.make_variable();
        }
    }
}

impl Parameter {
    /// A name alone as the variable of that name; one that cannot be a variable stays what it is, for it has a finding.
    fn make_variable(&mut self) {
        let Some(path) = self.query.as_deref().and_then(|name| name.parse().ok()) else { return };
        if self.body.is_none() && self.variable.is_none() {
            *self = Self { variable: Some(path), ..Self::default() };
        }
    }
}
