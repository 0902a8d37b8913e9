//! The tokens of an Authorization, and the form in which the vault keeps them. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use raccord_model::clock::is_ahead;
use raccord_model::language::authorization::OAuth2;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::mask::Masker;

/// The longest time before its end at which a token is renewed.
const AHEAD: Duration = Duration::from_mins(1);

/// The version of the form.
const VERSION: u32 = 1;

/// What a server has issued.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    /// What requests carry.
    pub(crate) access: SecretString,
    /// What the next tokens are asked with.
    pub(crate) refresh: Option<SecretString>,
    /// The refresh token before, for servers where it still counts.
    pub(crate) former: Option<SecretString>,
    /// When they were issued.
    pub(crate) since: Timestamp,
    /// Until when the access token counts, where the server says it.
    pub(crate) expires: Option<Timestamp>,
    /// What they were issued for: other settings need other tokens.
    pub(crate) binding: String,
    /// Which first refresh token of the configuration they come from.
    pub(crate) seed: Option<String>,
    /// When the server said that they count no more.
    pub(crate) revoked: Option<Timestamp>,
}

/// The form in which they are kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    version: u32,
    access: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<String>,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    binding: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
}

impl Tokens {
    /// As they are kept.
    pub(crate) fn to_secret(&self) -> SecretString {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let form = Form {
            version: VERSION,
            access: text(&self.access),
            refresh: self.refresh.as_ref().map(text),
            former: self.former.as_ref().map(text),
            since: self.since,
            expires: self.expires,
            binding: self.binding.clone(),
            seed: self.seed.clone(),
            revoked: self.revoked,
        };
        // Texts and instants always have a form.
        SecretString::from(serde_json::to_string(&form).unwrap_or_default())
    }

    /// As they were kept; none of a form that is not ours.
    pub(crate) fn of_secret(secret: &SecretString) -> Option<Self> {
        let form: Form = serde_json::from_str(secret.expose_secret()).ok()?;
        (form.version == VERSION).then(|| Self {
            access: form.access.into(),
            refresh: form.refresh.map(SecretString::from),
            former: form.former.map(SecretString::from),
            since: form.since,
            expires: form.expires,
            binding: form.binding,
            seed: form.seed,
            revoked: form.revoked,
        })
    }

    /// Whether a request that is sent now would still arrive in time. When they end is not known of those that were issued
    /// under a clock that was ahead.
    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        !is_ahead(self.since, now)
            && self.revoked.is_none()
            && self.renewed_from().is_none_or(|from| now < from)
    }

    /// From when on they are renewed: a minute ahead of their end, or a quarter of their life if that is less.
    fn renewed_from(&self) -> Option<Timestamp> {
        let expires = self.expires?;
        let life = expires.duration_since(self.since).max(SignedDuration::ZERO);
        let ahead = (life / 4).min(SignedDuration::try_from(AHEAD).unwrap_or(SignedDuration::ZERO));
        Some(expires.checked_sub(ahead).unwrap_or(expires))
    }

    /// Has a masker find them.
    pub(crate) fn hide_in(&self, masker: &mut Masker) {
        for secret in [Some(&self.access), self.refresh.as_ref(), self.former.as_ref()].into_iter().flatten()
        {
            masker.hide(secret.expose_secret());
        }
    }
}

/// What tokens are bound to: who asks whom for what. Where a token is sent is none of it.
pub(crate) fn binding(oauth: &OAuth2) -> String {
    let OAuth2 { grant, token_url, client_id, scopes, parameters, .. } = oauth;
    let subject = oauth.assertion.as_ref().map(|assertion| (&assertion.issuer, &assertion.subject));
    let said = json!([grant, token_url, client_id, scopes, parameters, subject]);
    digest(said.to_string().as_bytes())
}

/// What tells one text from another and gives neither away.
pub(crate) fn digest(text: &[u8]) -> String {
    let hash = blake3::derive_key("raccord 2026 what tokens are bound to", text);
    hash.iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(expires: Option<&str>) -> Tokens {
        Tokens {
            access: "access-secret".into(),
            refresh: Some("refresh-secret".into()),
            former: None,
            since: "2025-01-01T00:00:00Z".parse().unwrap(),
            expires: expires.map(|text| text.parse().unwrap()),
            binding: "b".to_owned(),
            seed: None,
            revoked: None,
        }
    }

    #[test]
    fn tokens_are_renewed_ahead_of_their_end() {
        for (expires, now, usable) in [
            (Some("2025-01-01T01:00:00Z"), "2025-01-01T00:58:59Z", true),
            (Some("2025-01-01T01:00:00Z"), "2025-01-01T00:59:00Z", false),
            (Some("2025-01-01T00:00:04Z"), "2025-01-01T00:00:02Z", true),
            (Some("2025-01-01T00:00:04Z"), "2025-01-01T00:00:03Z", false),
            (None, "2035-01-01T00:00:00Z", true),
        ] {
            assert_eq!(tokens(expires).is_usable(now.parse().unwrap()), usable, "{expires:?} at {now}");
        }
        let issued = "2025-01-01T00:00:00Z".parse().unwrap();
        assert!(tokens(None).is_usable(issued));
        let revoked = Tokens { revoked: Some(Timestamp::UNIX_EPOCH), ..tokens(None) };
        assert!(!revoked.is_usable(issued));
    }

    #[test]
    fn tokens_of_a_clock_that_was_ahead_are_renewed() {
        let tokens = tokens(Some("2025-01-01T01:00:00Z"));
        for (now, usable) in [("2024-12-31T23:55:00Z", true), ("2024-06-01T00:00:00Z", false)] {
            assert_eq!(tokens.is_usable(now.parse().unwrap()), usable, "at {now}");
        }
    }

    #[test]
    fn tokens_are_kept_as_they_are_and_shown_to_nobody() {
        let kept = tokens(Some("2025-01-01T01:00:00Z"));
        assert!(!format!("{kept:?}").contains("-secret"));
        let read = Tokens::of_secret(&kept.to_secret()).unwrap();
        assert_eq!(read.access.expose_secret(), "access-secret");
        assert_eq!(read.refresh.unwrap().expose_secret(), "refresh-secret");
        assert_eq!((read.expires, read.since, read.binding), (kept.expires, kept.since, kept.binding));
        assert!(Tokens::of_secret(&r#"{"version":2}"#.into()).is_none());
        assert!(Tokens::of_secret(&"hunter2".into()).is_none());
    }
}
