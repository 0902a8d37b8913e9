//! The vocabulary of plans: the actions with their glyphs, and the consequences for data.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a plan does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It goes.
    Delete,
    /// It is disabled; what else changes is listed with it.
    Deactivate,
    /// It gets another name, and perhaps other contents.
    Rename,
    /// It changes.
    Update,
    /// It is new.
    Create,
    /// It is enabled; what else changes is listed with it.
    Activate,
}

impl Action {
    /// Every action, the destructive ones first: the order in which a plan shows them.
    pub const ALL: [Self; 6] =
        [Self::Delete, Self::Deactivate, Self::Rename, Self::Update, Self::Create, Self::Activate];

    /// The mark in front of a line.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Delete => "-",
            Self::Rename => "→",
            Self::Activate => "▶",
            Self::Deactivate => "■",
        }
    }

    /// The verb: `create`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a change means for the data, from nothing to loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Consequence {
    /// Nothing.
    None,
    /// The schedule begins anew.
    Restart,
    /// More deletions are done without a person.
    Guard,
    /// Deletions begin or cease to be received.
    Deletions,
    /// The checkpoint is reset and everything is read again.
    Reread,
    /// Everything is read again, because rows are made differently.
    Remap,
    /// The values of a field are dropped from the rows.
    DropField,
    /// The rows get other keys: they are dropped and read again.
    Rekey,
    /// The rows are dropped.
    Drop,
}

impl Consequence {
    /// Every consequence, from nothing to loss.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Restart,
        Self::Guard,
        Self::Deletions,
        Self::Reread,
        Self::Remap,
        Self::DropField,
        Self::Rekey,
        Self::Drop,
    ];

    /// The name used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Restart => "restart",
            Self::Guard => "guard",
            Self::Deletions => "deletions",
            Self::Reread => "re-read",
            Self::Remap => "re-map",
            Self::DropField => "drop field",
            Self::Rekey => "re-key",
            Self::Drop => "drop",
        }
    }

    /// One sentence for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::None => "Nothing happens to the data.",
            Self::Restart => "The schedule begins anew; no record is read again.",
            Self::Guard => "More deletions are done without a person; no record is read again.",
            Self::Deletions => "Deletions begin or cease to be received; no record is read again.",
            Self::Reread => "The checkpoint is reset and everything is read again.",
            Self::Remap => "Everything is read again, so that rows are made by the new rules.",
            Self::DropField => "The field's values are dropped from the rows; needs `--allow-delete`.",
            Self::Rekey => {
                "The entity's rows are dropped and read again under their new keys; needs `--allow-rekey`, and `--allow-delete` where rows are of transfers that do not read them again."
            }
            Self::Drop => "The rows are dropped; needs `--allow-delete`.",
        }
    }

    /// Whether the transfers concerned read everything again.
    pub const fn rereads(self) -> bool {
        matches!(self, Self::Reread | Self::Remap | Self::Rekey)
    }
}
