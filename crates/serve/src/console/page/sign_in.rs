//! Signing in with a token of the HTTP API, and out again. Who signs in by OpenID Connect goes on from here, and what went
//! wrong on that way is said here.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{ORIGIN, RETRY_AFTER};
use axum::response::Response;
use maud::{Markup, html};
use raccord_model::fact::SignedIn;

use crate::attempts::seconds_left;
use crate::console::answer::{Answer, html, see_other};
use crate::console::session::{self, SessionId};
use crate::console::visit::Visit;
use crate::console::{cookie, layout, show};
use crate::failure::Failure;
use crate::reply::RequestError;
use crate::token::TokenText;
use crate::verb::token::{Verified, verify};

/// Where it is.
pub(super) const PATH: &str = "/sign-in";

/// Where a person signs in who then goes back to a page.
pub(in crate::console) fn path_back_to(path: &str) -> String {
    let path = own_path(path);
    if path == "/" {
        return PATH.to_owned();
    }
    let back = url::form_urlencoded::Serializer::new(String::new()).append_pair("back", path).finish();
    format!("{PATH}?{back}")
}

/// The path, when it leads to a page of ours; otherwise the first page.
pub(super) fn own_path(path: &str) -> &str {
    let is_text = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // Two slashes begin the name of another host.
    if path.starts_with('/') && !path.starts_with("//") && is_text { path } else { "/" }
}

/// Whether the browser reaches us over an encrypted connection: here, or at a proxy, which the form says.
pub(super) fn is_secure(visit: &Visit) -> bool {
    let origin = visit.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    visit.console.is_tls || origin.is_some_and(|origin| origin.starts_with("https://"))
}

/// The page.
pub(super) fn show(visit: &Visit) -> Answer {
    let back = own_path(visit.asked("back").unwrap_or("/"));
    Answer::Whole(html(StatusCode::OK, page(visit, back, None)))
}

/// Signs a person in.
pub(super) async fn enter(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let back = own_path(visit.field("back").unwrap_or("/"));
    let texts = visit.texts().sign_in;
    let facts = &visit.console.facts;
    let text = visit.field("token").and_then(TokenText::read);
    let verified = match text {
        Some(text) => verify(facts, &text, visit.now()).await.map_err(failed)?,
        None => Verified::Unknown,
    };
    match verified {
        Verified::Right(token) => {
            let who = SignedIn::Token { name: token.name, sha256: token.sha256 };
            Ok(Answer::Whole(begin(&visit, who, (back, is_secure(&visit))).await?))
        }
        Verified::Expired(_) => Ok(refused(&visit, back, texts.expired)),
        Verified::Unknown if visit.console.strangers.is_too_many(&visit.network, visit.now()) => {
            Ok(Answer::Whole(too_many(&visit, back)))
        }
        Verified::Unknown => {
            tracing::warn!(peer = visit.network, "the console was given a token that does not exist");
            Ok(refused(&visit, back, texts.unknown))
        }
    }
}

/// Signs a person out.
pub(super) async fn leave(visit: Arc<Visit>) -> Result<Answer, Failure> {
    if let Some(id) = cookie::session(&visit.headers) {
        session::end(&visit.console.facts, &id).await.map_err(failed)?;
    }
    Ok(Answer::Whole(see_other(PATH, cookie::without_session())))
}

/// A new session, never one that the browser had before: another site may have put that there.
pub(super) async fn begin(
    visit: &Visit,
    who: SignedIn,
    (back, is_secure): (&str, bool),
) -> Result<Response, Failure> {
    let random =
        visit.console.environment.random().map_err(|error| Failure::from(RequestError::from(error)))?;
    let id = SessionId::of(&random);
    session::begin(&visit.console.facts, &id, who, visit.now()).await.map_err(failed)?;
    if let Some(before) = cookie::session(&visit.headers) {
        session::end(&visit.console.facts, &before).await.map_err(failed)?;
    }
    Ok(see_other(back, cookie::of_session(&id, is_secure)))
}

fn failed(error: raccord_model::port::state::StateError) -> Failure {
    RequestError::from(error).into()
}

fn refused(visit: &Visit, back: &str, why: &'static str) -> Answer {
    Answer::Whole(html(StatusCode::UNAUTHORIZED, page(visit, back, Some(&Problem::of_token(why)))))
}

/// Says that there were too many attempts from there.
pub(super) fn too_many(visit: &Visit, back: &str) -> Response {
    let page = page(visit, back, Some(&Problem::of_token(visit.texts().sign_in.too_many)));
    let mut response = html(StatusCode::TOO_MANY_REQUESTS, page);
    response.headers_mut().insert(RETRY_AFTER, seconds_left(visit.now()).into());
    response
}

/// Why a sign-in failed.
pub(super) struct Problem {
    /// In the words of the reader.
    words: String,
    /// In the words of the engine, or of the provider.
    said: Option<Markup>,
    /// Whether it is about the token.
    is_of_token: bool,
}

impl Problem {
    fn of_token(words: &str) -> Self {
        Self { words: words.to_owned(), said: None, is_of_token: true }
    }

    /// About what came of the way to a provider.
    pub(super) fn of_provider(words: impl Into<String>, said: Option<Markup>) -> Self {
        Self { words: words.into(), said, is_of_token: false }
    }
}

/// The page with a problem.
pub(super) fn page(visit: &Visit, back: &str, problem: Option<&Problem>) -> Markup {
    let texts = visit.texts().sign_in;
    let is_of_token = problem.is_some_and(|problem| problem.is_of_token);
    let body = html! {
        @if let Some(problem) = problem {
            div.problem role="alert" #problem {
                p { (show::line(&problem.words)) }
                @if let Some(said) = &problem.said { p { (said) } }
            }
        }
        @if let Some(openid) = &visit.console.openid {
            p { a.button href=(super::openid::path_back_to(back)) {
                ((texts.with)(&show::plain(&super::openid::host(openid))))
            } }
            p.hint { (texts.or) }
        }
        form.sign-in method="post" action=(PATH) {
            input type="hidden" name="back" value=(back);
            label for="token" { (texts.token) }
            input #token type="password" name="token" autocomplete="current-password" required autofocus
                aria-describedby="hint" aria-invalid=[is_of_token.then_some("true")];
            p.hint #hint { (texts.hint) }
            button type="submit" { (texts.submit) }
        }
    };
    layout::bare(visit, texts.title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        let check = |path: &str, expected: &str| assert_eq!(own_path(path), expected, "{path}");
        check("/transfers/people?page=2", "/transfers/people?page=2");
        check("/", "/");
        check("", "/");
        check("//evil.example", "/");
        check("/\\evil.example", "/");
        check("https://evil.example", "/");
        check("/\r\nSet-Cookie: a=b", "/");
        check("/\u{e9}", "/");
    }
}
