//! Signing in by OpenID Connect: a person goes to the provider and comes back, and their groups say what they may do. What
//! has to be known again then is in a cookie that no script reads; no page here changes anything but who is signed in.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{HOST, SET_COOKIE};
use axum::response::Response;
use raccord_model::fact::SignedIn;
use raccord_model::port::authorization::Passed;
use raccord_model::port::identity::{Callback, Identity, IdentityError};
use serde::{Deserialize, Serialize};
use url::Url;

use super::sign_in::{self, Problem, own_path};
use crate::console::answer::{Answer, html, see_other};
use crate::console::visit::Visit;
use crate::console::{cookie, session, show};
use crate::failure::{Failure, FailureCode};
use crate::openid::OpenId;

/// Where a person leaves for the provider.
pub(super) const PATH: &str = "/sign-in/openid";

/// Where the provider sends them back to.
pub(super) const CALLBACK: &str = "/sign-in/openid/callback";

/// How many groups of a person without a role are named in the log.
const NAMED: usize = 20;

/// What has to be known again when the person comes back.
#[derive(Serialize, Deserialize)]
struct Begun {
    state: Passed,
    nonce: Passed,
    verifier: Passed,
    redirect: String,
    /// The page to go back to.
    back: String,
}

/// Where a person leaves who then goes back to a page.
pub(super) fn path_back_to(back: &str) -> String {
    let back = url::form_urlencoded::Serializer::new(String::new()).append_pair("back", back).finish();
    format!("{PATH}?{back}")
}

/// The provider as people know it.
pub(super) fn host(openid: &OpenId) -> String {
    let issuer = openid.provider.issuer();
    let url = Url::parse(issuer).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or(issuer).to_owned()
}

/// Sends the person to the provider.
pub(super) async fn redirect_to_provider(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let openid = openid(&visit)?;
    let back = own_path(visit.asked("back").unwrap_or("/"));
    let redirect = redirect(&visit, openid);
    let request = match openid.provider.begin(&redirect).await {
        Ok(request) => request,
        Err(error) => return Ok(Answer::Whole(failed(&visit, back, &error))),
    };
    let is_secure = is_secure(&redirect);
    let begun = Begun {
        state: request.state,
        nonce: request.nonce,
        verifier: request.verifier,
        redirect,
        back: back.to_owned(),
    };
    let json = serde_json::to_vec(&begun).unwrap_or_default();
    Ok(Answer::Whole(see_other(&request.url, cookie::of_sign_in(&json, is_secure))))
}

/// The person comes back. Whatever comes of it, what was begun is over.
pub(super) async fn callback(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let openid = openid(&visit)?;
    let is_secure = is_secure(&redirect(&visit, openid));
    let mut response = complete(&visit, (openid, is_secure)).await?;
    if let Some(cookie) = cookie::without_sign_in(is_secure) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(Answer::Whole(response))
}

async fn complete(visit: &Visit, (openid, is_secure): (&OpenId, bool)) -> Result<Response, Failure> {
    let words = visit.texts().sign_in;
    let cookie = cookie::sign_in(&visit.headers, is_secure);
    let begun = cookie.and_then(|json| serde_json::from_slice::<Begun>(&json).ok());
    let sent = visit.asked("state").unwrap_or_default();
    let Some(begun) = begun.filter(|begun| session::is_same(begun.state.text(), sent)) else {
        let problem = Problem::of_provider(words.not_begun, None);
        return Ok(problem_page(visit, "/", (StatusCode::BAD_REQUEST, &problem)));
    };
    let back = own_path(&begun.back).to_owned();
    if let Some(code) = visit.asked("error") {
        let said = visit.asked("error_description").map(show::line);
        let problem = Problem::of_provider((words.denied)(&show::plain(code)), said);
        return Ok(problem_page(visit, &back, (StatusCode::UNAUTHORIZED, &problem)));
    }
    let name = format!("{} openid", visit.network);
    if visit.console.strangers.is_too_many(&name, visit.now()) {
        return Ok(sign_in::too_many(visit, &back));
    }
    let callback = Callback {
        code: Passed::of(visit.asked("code").unwrap_or_default()),
        issuer: visit.asked("iss").map(ToOwned::to_owned),
        nonce: begun.nonce,
        verifier: begun.verifier,
        redirect: begun.redirect,
    };
    match openid.provider.complete(&callback).await {
        Ok(identity) => enter(visit, openid, (identity, &back, is_secure)).await,
        Err(error) => Ok(failed(visit, &back, &error)),
    }
}

/// Lets a person in who is known, when one of their groups has a role.
async fn enter(
    visit: &Visit,
    openid: &OpenId,
    (identity, back, is_secure): (Identity, &str, bool),
) -> Result<Response, Failure> {
    let Identity { subject, name, groups } = identity;
    let known_as = session::known_as(&name, &subject);
    if openid.roles_of(&groups).is_empty() {
        let named: Vec<&String> = groups.iter().take(NAMED).collect();
        tracing::warn!(person = known_as, groups = ?named, "no group of a person who signed in has a role");
        let reader = visit.reader.clone().known_as(known_as);
        visit.console.refuse(&reader, "sign in", "none of the groups has a role").await;
        let problem = Problem::of_provider((visit.texts().sign_in.no_role)(&show::plain(&name)), None);
        return Ok(problem_page(visit, back, (StatusCode::FORBIDDEN, &problem)));
    }
    tracing::info!(person = known_as, "a person has signed in by OpenID Connect");
    let groups = openid.telling(groups);
    let (issuer, client) = (openid.provider.issuer().to_owned(), openid.provider.client().to_owned());
    sign_in::begin(visit, SignedIn::OpenId { issuer, client, subject, name, groups }, (back, is_secure)).await
}

fn openid(visit: &Visit) -> Result<&OpenId, Failure> {
    let missing = || Failure::new(FailureCode::Unknown, "this daemon signs people in with tokens alone");
    visit.console.openid.as_ref().ok_or_else(missing)
}

/// Where the provider sends the person back to: the page where they are, unless it is said where that is.
fn redirect(visit: &Visit, openid: &OpenId) -> String {
    if let Some(url) = &openid.public_url {
        return format!("{}{CALLBACK}", url.as_str().trim_end_matches('/'));
    }
    let host = visit.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if visit.console.is_tls { "https" } else { "http" };
    format!("{scheme}://{host}{CALLBACK}")
}

fn is_secure(redirect: &str) -> bool {
    redirect.starts_with("https://")
}

/// Says why it is not known who the person is.
fn failed(visit: &Visit, back: &str, error: &IdentityError) -> Response {
    let words = visit.texts().sign_in;
    tracing::warn!(%error, peer = visit.network, "a person could not be signed in by OpenID Connect");
    let (status, words) = match error {
        IdentityError::Unavailable { .. } | IdentityError::Random(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, words.unavailable)
        }
        IdentityError::Settings { .. } => (StatusCode::SERVICE_UNAVAILABLE, words.settings),
        IdentityError::Refused { .. } | IdentityError::Unproved { .. } => {
            (StatusCode::UNAUTHORIZED, words.unproved)
        }
    };
    let problem = Problem::of_provider(words, Some(show::engine(&error.to_string())));
    problem_page(visit, back, (status, &problem))
}

fn problem_page(visit: &Visit, back: &str, (status, problem): (StatusCode, &Problem)) -> Response {
    html(status, sign_in::page(visit, back, Some(problem)))
}
