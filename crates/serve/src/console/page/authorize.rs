//! A person's agreement to an Authorization, from the page: the service is asked where to agree, the person goes there and
//! comes back, and what the service issues is kept. What has to be known again then is in a cookie that no script reads.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::response::Response;
use maud::html;
use raccord_model::Name;
use raccord_model::port::authorization::{Completion, Consent, Invitation, Passed};
use serde::{Deserialize, Serialize};
use url::Url;

use super::sign_in::{is_secure, own_path};
use crate::console::answer::{Answer, Content, html as page, see_other};
use crate::console::layout::{self, Place, csrf};
use crate::console::visit::Visit;
use crate::console::{cookie, session, show};
use crate::failure::{Failure, FailureCode};
use crate::request::{Reply, Request, Text};

/// Where a service sends the person afterwards.
pub(super) const CALLBACK: &str = "/authorizations/callback";

/// Where what the person brings back by hand is sent.
pub(super) const FINISH: &str = "/authorizations/finish";

/// What has to be known again when the person comes back.
#[derive(Serialize, Deserialize)]
struct Begun {
    authorization: Name,
    /// The page to go back to.
    back: String,
    what: Awaited,
}

/// What is waited for.
#[derive(Serialize, Deserialize)]
enum Awaited {
    /// The person comes back with a code.
    Page { state: Passed, verifier: Passed, redirect: String },
    /// The person types a code elsewhere.
    Device { code: Passed },
}

/// What the service sent back.
#[derive(Default)]
struct Brought {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// What it says about the error.
    description: Option<String>,
}

impl Brought {
    /// By the names that RFC 6749 gives them.
    fn of(member: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            code: member("code"),
            state: member("state"),
            error: member("error"),
            description: member("error_description"),
        }
    }
}

/// The error of a service at which a person has said no.
const DENIED: &str = "access_denied";

/// Begins: what the person is to do is shown.
pub(super) async fn begin(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let authorization: Name = visit.part("name")?;
    let back = own_path(visit.field("back").unwrap_or("/")).to_owned();
    let origin = visit.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    let redirect = (!origin.is_empty()).then(|| Text::cut(&format!("{origin}{CALLBACK}")));
    let pick = |reply| if let Reply::Invitation(invitation) = reply { Some(invitation) } else { None };
    let invitation = visit.one(Request::BeginAuthorization(authorization.clone(), redirect), pick).await?;
    let words = visit.texts().authorize;
    let (what, url, code) = match invitation {
        Invitation::Unneeded => {
            visit.ask(Request::Authorize(authorization, Consent::Unneeded), |_| {}).await?;
            return Ok(Answer::SeeOther(with_notice(&back)));
        }
        Invitation::Page(asked) => {
            let awaited =
                Awaited::Page { state: asked.state, verifier: asked.verifier, redirect: asked.redirect };
            (awaited, asked.url, None)
        }
        Invitation::Device(asked) => {
            let url = asked.complete_url.unwrap_or(asked.url);
            (Awaited::Device { code: asked.code }, url, Some(asked.user_code))
        }
    };
    let body = html! {
        ol.steps {
            // A link and no redirect: forms may lead to pages of ours alone.
            li { a.button href=(url) rel="noreferrer" { (words.go) } " " (show::line(&host(&url))) }
            @if let Some(code) = &code { li { (words.type_code) " " strong.code { (show::line(code)) } } }
            @else { li { (words.come_back) } }
        }
        form method="post" action=(FINISH) {
            (csrf(&visit))
            @if code.is_none() {
                details {
                    summary { (words.by_hand) }
                    label for="address" { (words.address) }
                    input #address name="address" maxlength="4000" autocomplete="off";
                    p.hint { (words.address_hint) }
                    button { (words.finish) }
                }
            } @else { button { (words.typed) } }
        }
    };
    let title = (words.title)(&show::plain(authorization.as_str()));
    let begun = Begun { authorization, back, what };
    let mut response = page(StatusCode::OK, layout::page(&visit, Content::new(Place::Overview, title, body)));
    let json = serde_json::to_vec(&begun).unwrap_or_default();
    if let Some(cookie) = cookie::of_consent(&json, is_secure(&visit)) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(Answer::Whole(response))
}

/// The person comes back from the service.
pub(super) async fn come_back(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let brought = Brought::of(|name| visit.asked(name).map(ToOwned::to_owned));
    end(&visit, brought).await
}

/// The person brings the address by hand at which the service has sent them, or has typed the code.
pub(super) async fn finish(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let address = visit.field("address").and_then(|address| Url::parse(address).ok());
    let of = |name: &str| {
        let pairs = address.as_ref().map(Url::query_pairs)?;
        pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    end(&visit, Brought::of(of)).await
}

/// Keeps what comes of it.
async fn end(visit: &Visit, brought: Brought) -> Result<Answer, Failure> {
    let words = visit.texts().authorize;
    let invalid = |message: &str| Failure::new(FailureCode::Invalid, message);
    let begun = cookie::consent(&visit.headers).and_then(|json| serde_json::from_slice::<Begun>(&json).ok());
    let begun = begun.ok_or_else(|| invalid(words.not_begun))?;
    let consent = match begun.what {
        Awaited::Device { code } => Consent::Device { code },
        Awaited::Page { state: expected, verifier, redirect } => {
            if !session::is_same(expected.text(), brought.state.as_deref().unwrap_or_default()) {
                return Err(invalid(words.other_answer));
            }
            if let Some(error) = &brought.error {
                let page = refused(
                    visit,
                    (&begun.authorization, &begun.back),
                    error,
                    brought.description.as_deref(),
                );
                return Ok(Answer::Whole(page));
            }
            let code = brought.code.ok_or_else(|| invalid(words.other_answer))?;
            Consent::Code { code: Passed::of(code), verifier, redirect }
        }
    };
    let pick = |reply| if let Reply::Authorized(completion) = reply { Some(completion) } else { None };
    match visit.one(Request::Authorize(begun.authorization, consent), pick).await? {
        Completion::Granted(_) => {
            Ok(Answer::Whole(see_other(&with_notice(&begun.back), cookie::without_consent())))
        }
        Completion::Waits { .. } => Err(Failure::new(FailureCode::Unavailable, words.not_yet)),
    }
}

/// Says that nothing was granted, and what to do.
fn refused(
    visit: &Visit,
    (authorization, back): (&Name, &str),
    error: &str,
    description: Option<&str>,
) -> Response {
    let words = visit.texts().authorize;
    let body = html! {
        p.problem role="alert" { ((words.refused)(&show::plain(error))) }
        @if let Some(said) = description { p { (words.it_said) " " q { (show::line(said)) } } }
        p { @if error == DENIED { (words.denied) } @else { (words.not_possible) } }
        form method="post" action=(format!("/authorizations/{authorization}/authorize")) {
            (csrf(visit))
            input type="hidden" name="back" value=(back);
            button { (words.again) }
        }
        p { a href=(back) { (words.back) } }
    };
    let title = (words.title)(&show::plain(authorization.as_str()));
    let mut response = page(StatusCode::OK, layout::page(visit, Content::new(Place::Overview, title, body)));
    // What was begun is over: its answer counts once.
    if let Some(cookie) = cookie::without_consent() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The page to go back to, with what was done.
fn with_notice(back: &str) -> String {
    let path = back.split('?').next().unwrap_or("/");
    format!("{path}?notice=authorized")
}

/// The host of an address, for a person who looks where they are sent.
fn host(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(ToOwned::to_owned)).unwrap_or_default()
}
