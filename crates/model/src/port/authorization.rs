//! Agreement: how a person lets us act in their name at a service, and how that stands. What the server issues for it
//! goes to the vault, and no type here ever holds a token.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Async;
use super::source::SourceError;
use crate::schema::Instant;
use crate::{Desired, Name};

/// Leads people through an agreement. Each Authorization is one of the generation in force.
pub trait Authorizations: Send + Sync {
    /// Begins an agreement. `redirect` is where the server is to send the person, where there is a choice.
    fn begin<'a>(
        &'a self,
        desired: &'a Desired,
        authorization: &'a Name,
        redirect: Option<String>,
    ) -> Async<'a, Result<Invitation, SourceError>>;
    /// Ends it: what the server issues is kept when this returns.
    fn complete<'a>(
        &'a self,
        desired: &'a Desired,
        authorization: &'a Name,
        consent: Consent,
    ) -> Async<'a, Result<Completion, SourceError>>;
    /// How the Authorizations stand that have tokens, by name.
    fn standings<'a>(&'a self, desired: &'a Desired) -> Async<'a, Result<Vec<Standing>, SourceError>>;
    /// Forgets the tokens of what is in the generation in force no more. Returns how many those were.
    fn forget_gone(&self) -> Async<'_, Result<usize, SourceError>>;
}

/// A text that is handed from one process to the other and that no other may see: a code, a verifier.
#[derive(Clone)]
pub struct Passed(pub SecretString);

impl Passed {
    /// Of a text.
    pub fn of(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Passed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Passed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::of)
    }
}

impl JsonSchema for Passed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Passed".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "maxLength": 8192 })
    }
}

/// What a person is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Invitation {
    /// Nothing: the server is asked without a person.
    Unneeded,
    /// To open a page and agree there.
    Page(PageInvitation),
    /// To type a code on a page.
    Device(DeviceInvitation),
}

/// A page on which a person agrees.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageInvitation {
    /// The page.
    pub url: String,
    /// Where the server sends the person afterwards.
    pub redirect: String,
    /// What the server repeats there; anything else is no answer to this.
    pub state: Passed,
    /// What proves that the code is asked back by who began (RFC 7636).
    pub verifier: Passed,
}

/// A code that a person types.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInvitation {
    /// The page.
    pub url: String,
    /// The page with the code already in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_url: Option<String>,
    /// What the person types.
    pub user_code: String,
    /// What the server is asked with whether it was typed.
    pub code: Passed,
    /// How many seconds are between two questions.
    pub interval: u64,
    /// Until when the code counts.
    #[schemars(with = "Instant")]
    pub expires: Timestamp,
}

/// What came of an invitation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Consent {
    /// No person was needed.
    Unneeded,
    /// The server has sent a code.
    Code {
        /// The code.
        code: Passed,
        /// As the invitation says it.
        verifier: Passed,
        /// As the invitation says it.
        redirect: String,
    },
    /// The person may have typed the code.
    Device {
        /// As the invitation says it.
        code: Passed,
    },
}

/// What became of a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Completion {
    /// Tokens are kept.
    Granted(Standing),
    /// The person has not agreed yet.
    Waits {
        /// Whether the server asks to be asked less often.
        slower: bool,
    },
}

/// How an Authorization stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its name.
    pub name: Name,
    /// In one word.
    pub state: Agreement,
    /// Since when it has the tokens that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub since: Option<Timestamp>,
    /// Until when the access token counts, where the server has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub expires: Option<Timestamp>,
    /// Whether the next token is had without a person.
    #[serde(default)]
    pub renews: bool,
}

/// Whether we may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Agreement {
    /// There are tokens.
    Granted,
    /// None was asked for yet; the first run does.
    Unasked,
    /// The person has not agreed yet.
    Waiting,
    /// The server has taken it back.
    Revoked,
}

impl Agreement {
    /// As people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "authorized",
            Self::Unasked => "not asked yet",
            Self::Waiting => "waiting for authorization",
            Self::Revoked => "no longer authorized",
        }
    }
}
