//! `Source`: a connector from the catalogue, an authorization, settings.

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{AuthorizationSpec, ByNameOrInline, ConnectorSettings, FileSettings, HttpSettings, is_default};
use crate::tagged::{self, Tagged};

/// What a Source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// The connector and its settings.
    #[serde(flatten)]
    pub settings: ConnectorSettings,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protect: bool,
}

/// A source's members besides `connector`, once that is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rest<C> {
    config: C,
    #[serde(default)]
    authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    #[serde(default)]
    protect: bool,
}

impl<C> Rest<C> {
    fn with(self, settings: fn(C) -> ConnectorSettings) -> SourceSpec {
        let Self { config, authorization, protect } = self;
        SourceSpec { settings: settings(config), authorization, protect }
    }
}

impl Tagged for SourceSpec {
    const MARKER: &'static str = "raccord::Tagged/connector";
    const VARIANTS: &'static [&'static str] = &["file", "http"];

    fn from_tag<'de, D: Deserializer<'de>>(tag: &str, rest: D) -> Result<Self, D::Error> {
        match tag {
            "file" => Rest::<FileSettings>::deserialize(rest).map(|rest| rest.with(ConnectorSettings::File)),
            "http" => Rest::<HttpSettings>::deserialize(rest).map(|rest| rest.with(ConnectorSettings::Http)),
            other => Err(D::Error::unknown_variant(other, Self::VARIANTS)),
        }
    }
}

impl<'de> Deserialize<'de> for SourceSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize(deserializer)
    }
}
