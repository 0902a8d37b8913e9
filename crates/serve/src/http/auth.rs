//! Who asks: a bearer token, looked up by its hash.
//!
//! Texts that do not even have the form of a token are refused without a look at the state. No message says
//! whether a token was once right, but for one: the bearer of a token that has expired is told so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;
use raccord_model::fact::Token;

use super::problem::Refusal;
use super::{Access, MAX_ATTEMPTS};
use crate::failure::{Failure, FailureCode};
use crate::token::TokenText;
use crate::transport::{Caller, Way};
use crate::verb::token::{Verified, verify};

/// The token of a request, when it is right.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    access: &Access,
    attempts: &Attempts,
    peer: &str,
) -> Result<Token, Refusal> {
    let now = access.environment.now();
    let text = bearer(headers)?;
    let verified = verify(&access.facts, &text, now).await;
    match verified.map_err(|error| Refusal::from(Failure::from(crate::RequestError::from(error))))? {
        Verified::Right(token) => Ok(token),
        Verified::Expired(token) => Err(unauthenticated(format!(
            "the token `{}` has expired; `raccord token create` makes another",
            token.name
        ))),
        Verified::Unknown if attempts.is_too_many(peer, now) => {
            Err(Refusal::too_many("too many tokens that nobody has", seconds_left(now)))
        }
        Verified::Unknown => {
            tracing::warn!(peer, "somebody used a token that nobody has");
            Err(unauthenticated("nobody has this token; `raccord token list` shows those there are"))
        }
    }
}

/// Who acts, as generations and the audit log name them.
pub(super) fn caller(token: &Token) -> Caller {
    Caller { name: Some(format!("{} (token)", token.name)), way: Way::Http }
}

fn bearer(headers: &HeaderMap) -> Result<TokenText, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthenticated("a token is needed: `Authorization: Bearer rcd_…`"));
    };
    let text = value.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    let token = if scheme.eq_ignore_ascii_case("bearer") { TokenText::read(token.trim()) } else { None };
    token.ok_or_else(|| unauthenticated("that is no token: one is sent as `Authorization: Bearer rcd_…`"))
}

fn unauthenticated(message: impl Into<String>) -> Refusal {
    Failure::new(FailureCode::Unauthenticated, message).into()
}

/// How many names are counted at once; then the counting begins anew.
const MAX_COUNTED: usize = 10_000;

/// Counts by name within a minute.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    minute: i64,
    counts: HashMap<String, u32>,
}

impl Attempts {
    /// Counts one more, and says whether that makes too many in this minute.
    pub(super) fn is_too_many(&self, name: &str, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(60);
        if counted.minute != minute || counted.counts.len() >= MAX_COUNTED {
            *counted = Minute { minute, counts: HashMap::new() };
        }
        let count = counted.counts.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count > MAX_ATTEMPTS
    }
}

/// How many seconds the minute still has.
fn seconds_left(now: Timestamp) -> u64 {
    u64::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_has_the_form_of_a_token_is_looked_up() {
        let token = TokenText::of(&[7; 32]);
        let check = |values: &[&str], is_token: bool| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            match bearer(&headers) {
                Ok(found) => assert!(is_token && found.expose() == token.expose(), "{values:?}"),
                Err(refusal) => {
                    assert!(!is_token, "{values:?}");
                    let problem = refusal.problem();
                    assert_eq!(problem.status, 401);
                    assert!(!problem.detail.contains("hunter2"), "{}", problem.detail);
                }
            }
        };
        let text = token.expose();
        check(&[&format!("Bearer {text}")], true);
        check(&[&format!("bearer  {text} ")], true);
        check(&[], false);
        check(&[text], false);
        check(&["Bearer"], false);
        check(&["Bearer hunter2"], false);
        check(&["Basic aHVudGVyMjpodW50ZXIy"], false);
        check(&[&format!("Bearer {}", &text[..20])], false);
        check(&[&format!("Bearer {text}"), &format!("Bearer {text}")], false);
    }

    #[test]
    fn attempts_are_counted_by_the_minute() {
        let attempts = Attempts::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for _ in 0..MAX_ATTEMPTS {
            assert!(!attempts.is_too_many("10.0.0.1", at(60)));
        }
        assert!(attempts.is_too_many("10.0.0.1", at(119)));
        assert!(!attempts.is_too_many("10.0.0.2", at(119)));
        assert!(!attempts.is_too_many("10.0.0.1", at(120)));
        assert_eq!(seconds_left(at(119)), 1);
    }
}
