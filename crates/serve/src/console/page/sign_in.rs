//! Signing in with a token of the HTTP API, and out again.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{ORIGIN, RETRY_AFTER};
use axum::response::Response;
use maud::{Markup, html};
use raccord_model::fact::Token;

use crate::attempts::seconds_left;
use crate::console::answer::{Answer, html, see_other};
use crate::console::session::{self, SessionId};
use crate::console::visit::Visit;
use crate::console::{cookie, layout};
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
        Verified::Right(token) => Ok(Answer::Whole(begin(&visit, &token, back).await?)),
        Verified::Expired(_) => Ok(refused(&visit, back, texts.expired)),
        Verified::Unknown if visit.console.strangers.is_too_many(&visit.network, visit.now()) => {
            let page = page(&visit, back, Some(texts.too_many));
            let mut response = html(StatusCode::TOO_MANY_REQUESTS, page);
            response.headers_mut().insert(RETRY_AFTER, seconds_left(visit.now()).into());
            Ok(Answer::Whole(response))
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
async fn begin(visit: &Visit, token: &Token, back: &str) -> Result<Response, Failure> {
    let random =
        visit.console.environment.random().map_err(|error| Failure::from(RequestError::from(error)))?;
    let id = SessionId::of(&random);
    session::begin(&visit.console.facts, &id, token, visit.now()).await.map_err(failed)?;
    if let Some(before) = cookie::session(&visit.headers) {
        session::end(&visit.console.facts, &before).await.map_err(failed)?;
    }
    Ok(see_other(back, cookie::of_session(&id, is_secure(visit))))
}

fn failed(error: raccord_model::port::state::StateError) -> Failure {
    RequestError::from(error).into()
}

fn refused(visit: &Visit, back: &str, why: &'static str) -> Answer {
    Answer::Whole(html(StatusCode::UNAUTHORIZED, page(visit, back, Some(why))))
}

fn page(visit: &Visit, back: &str, problem: Option<&'static str>) -> Markup {
    let texts = visit.texts().sign_in;
    let body = html! {
        form.sign-in method="post" action=(PATH) {
            input type="hidden" name="back" value=(back);
            @if let Some(problem) = problem { p.problem role="alert" #problem { (problem) } }
            label for="token" { (texts.token) }
            input #token type="password" name="token" autocomplete="current-password" required autofocus
                aria-describedby="hint" aria-invalid=[problem.map(|_| "true")];
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
