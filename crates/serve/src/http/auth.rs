//! Who asks: a bearer token, looked up by its hash.
//!
//! Texts that do not even have the form of a token are refused without a look at the state. No message says
//! whether a token was once right, but for one: the bearer of a token that has expired is told so.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use raccord_model::fact::Token;

use super::Access;
use super::problem::Refusal;
use crate::attempts::{Attempts, seconds_left};
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
            Err(Refusal::too_many("too many tokens that do not exist", seconds_left(now)))
        }
        Verified::Unknown => {
            tracing::warn!(peer, "a caller used a token that does not exist");
            Err(unauthenticated("this token does not exist; `raccord token list` shows those that do"))
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
}
