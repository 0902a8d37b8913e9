//! Where an answer of a data type of the connector `http` says that something went wrong. Only the settings; looking at an
//! answer is the connector's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_path::FieldPath;
use crate::language::is_default;
use crate::shorthand::{or_a, shorthand};

/// Where a service says in an answer with a status of success that something went wrong: a path (the short form), or a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("FieldPath"))]
pub struct ErrorPlace {
    /// The path in the body. Null, false, zero, an empty text, list or object is no error.
    pub path: FieldPath,
    /// Whether such an answer is asked for again, as `retry` of the source says. Default: false, the run fails at once.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub retry: bool,
    /// The path of the message in the body. Default: what is at `path`, its `message` when it is an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<FieldPath>,
}

shorthand!(ErrorPlace, "a path, or a map with `path`, `retry` and `message`", |text: &str| text
    .parse()
    .map(|path| ErrorPlace { path, retry: false, message: None }));
