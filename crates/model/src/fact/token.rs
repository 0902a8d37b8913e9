//! Tokens of the HTTP API: who holds one and what it allows. The token itself is never here, only its hash.
//!
//! What a role includes is decided here, once; which request needs which role is decided where requests are known.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read the metrics, and nothing else.
    Metrics,
    /// See how everything stands, and what is stored.
    Read,
    /// See what a configuration would change.
    Plan,
    /// Change what is wanted.
    Apply,
    /// Change what runs, and look at sources with the secrets that are where runs happen.
    Operate,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Metrics, Self::Read, Self::Plan, Self::Apply, Self::Operate];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Read => "read",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Operate => "operate",
        }
    }

    /// Whether a caller with this role may do what the other one allows: apply includes plan, what is more
    /// than read includes that, and everything includes metrics.
    pub const fn includes(self, other: Self) -> bool {
        match self {
            Self::Metrics => matches!(other, Self::Metrics),
            Self::Read => matches!(other, Self::Metrics | Self::Read),
            Self::Plan => matches!(other, Self::Metrics | Self::Read | Self::Plan),
            Self::Apply => matches!(other, Self::Metrics | Self::Read | Self::Plan | Self::Apply),
            Self::Operate => matches!(other, Self::Metrics | Self::Read | Self::Operate),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role: metrics, read, plan, apply and operate are")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A token as the state keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// What it is called: generations and the audit log give this as the caller's name.
    pub name: Name,
    /// What it allows.
    pub roles: BTreeSet<Role>,
    /// The SHA-256 of the token, as 64 hexadecimal digits.
    pub sha256: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Token {
    /// Whether it allows what needs a role.
    pub fn allows(&self, required: Role) -> bool {
        self.roles.iter().any(|role| role.includes(required))
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// When a token was last used, to the hour. It stands beside the token, so that writing it can never bring back a
/// token that was revoked meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUse {
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_what_it_builds_on_and_nothing_else() {
        let check = |role: Role, included: &[Role]| {
            for other in Role::ALL {
                assert_eq!(role.includes(other), included.contains(&other), "{role} includes {other}");
            }
        };
        check(Role::Metrics, &[Role::Metrics]);
        check(Role::Read, &[Role::Metrics, Role::Read]);
        check(Role::Plan, &[Role::Metrics, Role::Read, Role::Plan]);
        check(Role::Apply, &[Role::Metrics, Role::Read, Role::Plan, Role::Apply]);
        check(Role::Operate, &[Role::Metrics, Role::Read, Role::Operate]);
        assert_eq!("operate".parse(), Ok(Role::Operate));
        assert!("Operate".parse::<Role>().is_err());
    }

    #[test]
    fn a_token_ends_at_its_time_and_not_before() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let token = |expires| Token {
            name: "ci".parse().unwrap(),
            roles: BTreeSet::from([Role::Plan]),
            sha256: String::new(),
            created: at("2025-01-01T00:00:00Z"),
            expires,
        };
        let now = at("2025-01-31T00:00:00Z");
        assert!(!token(None).is_expired(now));
        assert!(!token(Some(at("2025-01-31T00:00:01Z"))).is_expired(now));
        assert!(token(Some(now)).is_expired(now));
        assert!(token(None).allows(Role::Read) && !token(None).allows(Role::Apply));
    }
}
