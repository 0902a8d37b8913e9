//! What a server's answer to a question for tokens means (RFC 6749, 5.1 and 5.2; RFC 8628, 3.5). Pure.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;

/// Tokens as a server has said them.
#[derive(Debug)]
pub(crate) struct Issued {
    /// What requests carry.
    pub(crate) access: SecretString,
    /// What the next tokens are asked with, where there is another one than before.
    pub(crate) refresh: Option<SecretString>,
    /// Until when the access token counts.
    pub(crate) expires: Option<Timestamp>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What was asked with counts no more, or never did: a refresh token, a code, an assertion.
    Grant,
    /// The server does not take us for whom we say we are.
    Client,
    /// We ask for what it does not give: the settings are wrong.
    Settings,
    /// The person has not agreed yet.
    Pending,
    /// The same, and we ask too often.
    SlowDown,
    /// The person has said no.
    Denied,
    /// The code that was to be typed counts no more.
    Expired,
    /// It may be otherwise soon.
    Transient,
}

/// Reads the tokens of an answer. The error says what is wrong with it, and repeats nothing of it.
pub(crate) fn issued(body: &[u8], now: Timestamp) -> Result<Issued, &'static str> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON")?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access = text("access_token").ok_or("the answer has no `access_token`")?;
    let seconds = match body.get("expires_in") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.trim().parse().map_err(|_| "`expires_in` is not a number")?),
        Some(value) => Some(seconds(value).ok_or("`expires_in` is not a number")?),
    };
    let expires = seconds.and_then(|seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).ok());
    Ok(Issued { access: access.into(), refresh: text("refresh_token").map(SecretString::from), expires })
}

/// A number of seconds; some servers write it as 3599.0.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let text = value.to_string();
        text.split_once('.').map_or(text.as_str(), |(whole, _)| whole).parse().ok()
    })
}

/// The code of the error in an answer, such as `invalid_grant`; only the characters that such a code has.
pub(crate) fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let code = body.get("error").and_then(Value::as_str)?;
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (code.len() <= 64 && code.bytes().all(is_code)).then(|| code.to_owned())
}

/// What a refusal means.
pub(crate) fn refusal(status: u16, code: Option<&str>) -> Refusal {
    match (status, code) {
        (429 | 500..=599, _)
        | (_, Some("temporarily_unavailable" | "server_error" | "rate_limit_exceeded")) => Refusal::Transient,
        (_, Some("invalid_grant" | "bad_refresh_token" | "invalid_refresh_token" | "token_expired")) => {
            Refusal::Grant
        }
        (_, Some("authorization_pending")) => Refusal::Pending,
        (_, Some("slow_down")) => Refusal::SlowDown,
        (_, Some("access_denied")) => Refusal::Denied,
        (_, Some("expired_token")) => Refusal::Expired,
        (_, Some("invalid_client" | "unauthorized_client")) | (401 | 403, _) => Refusal::Client,
        _ => Refusal::Settings,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn tokens_are_read_as_servers_write_them() {
        let now: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        for (body, expected) in [
            (r#"{"access_token":"a","expires_in":60,"refresh_token":"r"}"#, Ok(("a", Some("r"), Some(60)))),
            (r#"{"access_token":"a","expires_in":"60"}"#, Ok(("a", None, Some(60)))),
            (r#"{"access_token":"a","expires_in":60.0,"refresh_token":""}"#, Ok(("a", None, Some(60)))),
            (r#"{"access_token":"a","expires_in":null}"#, Ok(("a", None, None))),
            (r#"{"access_token":""}"#, Err("the answer has no `access_token`")),
            (r#"{"access_token":"a","expires_in":"soon"}"#, Err("`expires_in` is not a number")),
            ("<html>", Err("the answer is not JSON")),
        ] {
            let found = issued(body.as_bytes(), now);
            let found = found.as_ref().map_err(|error| *error).map(|issued| {
                let seconds = issued.expires.map(|expires| expires.as_second() - now.as_second());
                let refresh = issued.refresh.as_ref().map(ExposeSecret::expose_secret);
                (issued.access.expose_secret(), refresh, seconds)
            });
            assert_eq!(found, expected, "{body}");
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant","error_description":"x"}"#, Refusal::Grant),
            (401, r#"{"error":"invalid_client"}"#, Refusal::Client),
            (401, "", Refusal::Client),
            (400, r#"{"error":"invalid_scope"}"#, Refusal::Settings),
            (404, "<html>", Refusal::Settings),
            (400, r#"{"error":"authorization_pending"}"#, Refusal::Pending),
            (400, r#"{"error":"slow_down"}"#, Refusal::SlowDown),
            (503, r#"{"error":"invalid_grant"}"#, Refusal::Transient),
            (429, "", Refusal::Transient),
        ] {
            assert_eq!(refusal(status, code(body.as_bytes()).as_deref()), expected, "{status} {body}");
        }
        assert_eq!(code(br#"{"error":"no <b>such</b> token hunter2"}"#), None);
    }
}
