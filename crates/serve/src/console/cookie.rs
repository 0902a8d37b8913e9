//! Cookies: the one that holds the session, and the one that remembers a language.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::session::SessionId;
use raccord_model::language::integration::Language;

/// The session, where the connection is encrypted: the browser itself sees to it that no other host or path sets it.
const SECURE_SESSION: &str = "__Host-raccord";

/// The session, on the machine itself.
const SESSION: &str = "raccord";

/// The language that a person has chosen.
const LANGUAGE: &str = "raccord-language";

/// What has to be known again when a person comes back from the page of a service.
const CONSENT: &str = "raccord-consent";

/// What has to be known again when a person comes back from where they prove who they are. As with the session, no other
/// host sets it where the connection is encrypted.
const SECURE_SIGN_IN: &str = "__Host-raccord-sign-in";

/// The same on the machine itself.
const SIGN_IN: &str = "raccord-sign-in";

/// How long an agreement or a sign-in may take.
const AGREEING: Duration = Duration::from_mins(10);

/// How long a language is remembered.
const REMEMBERED: Duration = Duration::from_hours(24 * 365);

/// The session that a request names.
pub(super) fn session(headers: &HeaderMap) -> Option<SessionId> {
    let named = |name| value(headers, name).and_then(SessionId::read);
    named(SECURE_SESSION).or_else(|| named(SESSION))
}

/// The language that a person has chosen.
pub(super) fn language(headers: &HeaderMap) -> Option<Language> {
    value(headers, LANGUAGE).and_then(super::reader::language)
}

fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// The cookie that holds a session, until the browser is closed.
pub(super) fn of_session(id: &SessionId, is_secure: bool) -> Option<HeaderValue> {
    let name = if is_secure { SECURE_SESSION } else { SESSION };
    let mut cookie = cookie((name, id.expose()), is_secure);
    cookie.as_mut()?.set_sensitive(true);
    cookie
}

/// The cookies that take a session away, however it was set.
pub(super) fn without_session() -> impl Iterator<Item = HeaderValue> {
    let gone = |name: &str, attributes: &str| {
        HeaderValue::from_str(&format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{attributes}")).ok()
    };
    [gone(SESSION, ""), gone(SECURE_SESSION, "; Secure")].into_iter().flatten()
}

/// The cookie that remembers a language.
pub(super) fn of_language(language: Language, is_secure: bool) -> Option<HeaderValue> {
    let cookie = cookie((LANGUAGE, super::reader::code(language)), is_secure)?;
    let text = format!("{}; Max-Age={}", cookie.to_str().ok()?, REMEMBERED.as_secs());
    HeaderValue::from_str(&text).ok()
}

/// What has to be known again when a person comes back.
pub(super) fn consent(headers: &HeaderMap) -> Option<Vec<u8>> {
    value(headers, CONSENT).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
}

/// The cookie that holds it, for a while.
pub(super) fn of_consent(bytes: &[u8], is_secure: bool) -> Option<HeaderValue> {
    let cookie = cookie((CONSENT, &URL_SAFE_NO_PAD.encode(bytes)), is_secure)?;
    let text = format!("{}; Max-Age={}", cookie.to_str().ok()?, AGREEING.as_secs());
    let mut cookie = HeaderValue::from_str(&text).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// The cookie that takes it away.
pub(super) fn without_consent() -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{CONSENT}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")).ok()
}

/// What has to be known again when a person comes back from where they prove who they are.
pub(super) fn sign_in(headers: &HeaderMap, is_secure: bool) -> Option<Vec<u8>> {
    let name = if is_secure { SECURE_SIGN_IN } else { SIGN_IN };
    value(headers, name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
}

/// The cookie that holds it, for a while.
pub(super) fn of_sign_in(bytes: &[u8], is_secure: bool) -> Option<HeaderValue> {
    let name = if is_secure { SECURE_SIGN_IN } else { SIGN_IN };
    let cookie = cookie((name, &URL_SAFE_NO_PAD.encode(bytes)), is_secure)?;
    let text = format!("{}; Max-Age={}", cookie.to_str().ok()?, AGREEING.as_secs());
    let mut cookie = HeaderValue::from_str(&text).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// The cookie that takes it away.
pub(super) fn without_sign_in(is_secure: bool) -> Option<HeaderValue> {
    let name = if is_secure { SECURE_SIGN_IN } else { SIGN_IN };
    let cookie = cookie((name, ""), is_secure)?;
    HeaderValue::from_str(&format!("{}; Max-Age=0", cookie.to_str().ok()?)).ok()
}

fn cookie((name, value): (&str, &str), is_secure: bool) -> Option<HeaderValue> {
    // Lax and not Strict: who comes from a link in a mail, or back from the page of a service, is signed in.
    let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    if is_secure {
        // Writing to a String cannot fail.
        let _ = write!(text, "; Secure");
    }
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let id = SessionId::of(&[7; 32]);
        let text = id.expose();
        let check = |cookies: &[String], expected: bool| {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
            }
            assert_eq!(
                session(&headers).is_some_and(|found| found.expose() == text),
                expected,
                "{cookies:?}"
            );
        };
        check(&[format!("raccord={text}")], true);
        check(&[format!("a=b; __Host-raccord={text};c=d")], true);
        check(&["a=b".to_owned(), format!("raccord={text}")], true);
        check(&[format!("xraccord={text}")], false);
        check(&[format!("raccord={text}x")], false);
        check(&[], false);
    }

    #[test]
    fn a_cookie_of_a_session_is_out_of_reach() {
        let id = SessionId::of(&[7; 32]);
        let text = |is_secure| of_session(&id, is_secure).unwrap().to_str().unwrap().to_owned();
        assert_eq!(text(false), format!("raccord={}; Path=/; HttpOnly; SameSite=Lax", id.expose()));
        assert_eq!(
            text(true),
            format!("__Host-raccord={}; Path=/; HttpOnly; SameSite=Lax; Secure", id.expose())
        );
    }
}
