//! Where the records are in what a connector reads, whichever connector it is. Only the settings; looking for them is the
//! connector's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_path::{FieldPath, ManyPath};
use crate::language::is_default;
use crate::shorthand::{or_a, shorthand};

/// Where the records are: the path of the list (the short form), or a map that also says what it means when there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("ManyPath"))]
pub struct RecordsPlace {
    /// The path of the list; `$`, the default, when the whole is the array. With `[*]`, records that stand in other records: `orders[*].positions`, where `parent` is the order.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub path: ManyPath,
    /// The path of an object whose members are the records, in place of `path`. The name of each is its field `$key`; what is no object has its value in `$value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<FieldPath>,
    /// What an answer without the list, or with null in its place, means. Default: fail.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub missing: MissingList,
}

shorthand!(
    RecordsPlace,
    "a path, or a map with `path`, `members` and `missing`",
    |text: &str| text.parse::<ManyPath>().map(RecordsPlace::from),
    |place: &RecordsPlace| (is_default(&place.missing) && place.members.is_none())
        .then(|| place.path.to_string())
);

impl From<ManyPath> for RecordsPlace {
    fn from(path: ManyPath) -> Self {
        Self { path, ..Self::default() }
    }
}

impl RecordsPlace {
    /// The path of the outermost list, or of the object, and the paths of the lists in its elements.
    pub fn lists(&self) -> (&FieldPath, &[FieldPath]) {
        match &self.members {
            Some(members) => (members, &[]),
            None => self.path.lists(),
        }
    }
}

/// What an answer without a list of records means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MissingList {
    /// It is not the expected answer, and the run fails.
    #[default]
    Fail,
    /// There are no records.
    Empty,
}
