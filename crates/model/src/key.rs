//! The kinds of the language and the key under which a resource is known: its kind and its name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// The only `apiVersion` of the language.
pub const API_VERSION: &str = "raccord/v1";

/// The nine kinds of document. Six are resources of the state; `Mapping`, `Subscription` and `Alert` are
/// expanded into whatever refers to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// The one document that configures a directory.
    Stack,
    /// Where records land.
    Project,
    /// How we prove who we are to a third-party service.
    Authorization,
    /// A connector, its authorization and its settings.
    Source,
    /// Project field from third-party field.
    Mapping,
    /// One data type of a source, going to one entity.
    Transfer,
    /// Which update types are wanted.
    Subscription,
    /// Who is told when an integration is disabled.
    Alert,
    /// Puts a source to work.
    Integration,
}

impl Kind {
    /// Every kind, in the order in which one depends on another.
    pub const ALL: [Self; 9] = [
        Self::Stack,
        Self::Project,
        Self::Authorization,
        Self::Source,
        Self::Mapping,
        Self::Transfer,
        Self::Subscription,
        Self::Alert,
        Self::Integration,
    ];

    /// The name used in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stack => "Stack",
            Self::Project => "Project",
            Self::Authorization => "Authorization",
            Self::Source => "Source",
            Self::Mapping => "Mapping",
            Self::Transfer => "Transfer",
            Self::Subscription => "Subscription",
            Self::Alert => "Alert",
            Self::Integration => "Integration",
        }
    }

    /// Whether the kind is a resource of the state, with an identity of its own.
    pub const fn is_resource(self) -> bool {
        !matches!(self, Self::Mapping | Self::Subscription | Self::Alert)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;
    /// Accepts any letter case, so that `raccord schema transfer` works.
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// Kind and name of a resource, written `Kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub name: Name,
}

impl Key {
    /// A key from its parts.
    pub const fn new(kind: Kind, name: Name) -> Self {
        Self { kind, name }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A text that is not `Kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a resource: write Kind/name, for example Transfer/customers")]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError(text.to_owned());
        let (kind, name) = text.split_once('/').ok_or_else(error)?;
        Ok(Self { kind: kind.parse().map_err(|_| error())?, name: name.parse().map_err(|_| error())? })
    }
}

crate::shorthand::string_type!(Key, "a resource written as Kind/name", { "type": "string" });
