//! Sessions of the console: who is signed in, and since when. The id that a browser holds is never here, only its digest,
//! under which the session is kept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A session as the state keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Who is signed in.
    pub who: SignedIn,
    /// When the session began.
    pub created: Timestamp,
    /// When a person last asked for something in it, to the minute.
    pub seen: Timestamp,
}

/// Who is signed in. What they may do is looked up at each request, so that a session ends with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SignedIn {
    /// The bearer of a token of the HTTP API.
    Token {
        /// What the token is called.
        name: Name,
        /// The SHA-256 of the token, as the token is kept: another token of the same name is another one.
        sha256: String,
    },
    /// A person whom a provider of OpenID Connect knows.
    OpenId {
        /// Who says so. A session ends when another issuer is asked.
        issuer: String,
        /// What we are called there; likewise.
        client: String,
        /// What the issuer calls the person.
        subject: String,
        /// What people call them.
        name: String,
        /// Those of their groups that gave a role when the session began. What they give now is looked up.
        groups: BTreeSet<String>,
    },
}
