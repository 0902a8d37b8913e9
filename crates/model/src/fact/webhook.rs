//! What is known of a webhook that was registered at its service.

use serde::{Deserialize, Serialize};

use crate::language::{AuthorizationSpec, SourceSpec};

/// A webhook that is registered: what it was made from, so that it can be removed when the configuration no longer
/// knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookFact {
    /// The id that the service gave it.
    pub id: String,
    /// Where the service pushes.
    pub url: String,
    /// The source, as it was when it was registered.
    pub source: SourceSpec,
    /// The authorization that it was registered with. It holds references to secrets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<AuthorizationSpec>,
}
