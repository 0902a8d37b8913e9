//! The way of a visit: where it comes from, who it is, what it may, the page, an answer. It is refused at the first of
//! them that is not as it should be.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts as _, RawPathParams, Request as HttpRequest};
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use jiff::Timestamp;
use raccord_model::fact::Role;
use raccord_model::port::environment::Environment;
use raccord_model::port::state::StateError;
use raccord_run::facts::Facts;
use tokio::sync::watch;

use super::answer::{Answer, guarded, html, see_other};
use super::page::{Guard, Method, PAGES, Page};
use super::reader::Reader;
use super::session::{Person, SessionId};
use super::visit::{Fields, Visit};
use super::{asset, cookie, layout, live, page, session};
use crate::attempts::Attempts;
use crate::audit::AuditLog;
use crate::failure::{Failure, FailureCode};
use crate::openid::OpenId;
use crate::places::Places;
use crate::reply::RequestError;
use crate::serving::Serving;

/// The field of every form that says which session it belongs to.
pub(super) const CSRF: &str = "csrf";

/// The header with which a page looks whether anything has changed.
const LIVE: &str = "raccord-live";

/// The largest form, in bytes; what serves the console reads no more.
const MAX_FORM: usize = 64 << 10;

/// What the console works with.
pub(crate) struct Console {
    /// What answers.
    pub(crate) serving: Arc<dyn Serving>,
    /// Sessions and tokens.
    pub(crate) facts: Facts,
    /// The clock and the randomness.
    pub(crate) environment: Arc<dyn Environment>,
    /// How people sign in without a token, if they can.
    pub(crate) openid: Option<OpenId>,
    /// Where it is written down what was refused.
    pub(crate) log: AuditLog,
    /// Tokens that do not exist, by network.
    pub(crate) strangers: Arc<Attempts>,
    /// What was refused, by name.
    pub(crate) refusals: Arc<Attempts>,
    /// The pages that are open and follow what happens.
    pub(crate) streams: Places,
    /// Becomes true when the server ends.
    pub(crate) end: watch::Receiver<bool>,
    /// Whether connections are encrypted here.
    pub(crate) is_tls: bool,
    /// Whether everything is shown without a session.
    pub(crate) is_public: bool,
}

/// From which network a visit comes, as the server says it.
#[derive(Debug, Clone)]
pub(crate) struct Peer(pub(crate) String);

/// The pages and what they need. A form is small, and read whole by what serves this.
pub(crate) fn router(console: Console) -> Router {
    let console = Arc::new(console);
    let mut router = Router::new().route(asset::PATH, on(MethodFilter::GET, asset::serve));
    for page in PAGES {
        let console = Arc::clone(&console);
        let handler = move |request: HttpRequest| {
            let console = Arc::clone(&console);
            async move { respond(page, console, request).await }
        };
        let filter = match page.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        router = router.route(page.path, on(filter, handler));
    }
    router
}

async fn respond(page: &'static Page, console: Arc<Console>, request: HttpRequest) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = RawPathParams::from_request_parts(&mut parts, &()).await;
    let path = path.map(|path| path.iter().map(owned).collect()).unwrap_or_default();
    let form = axum::body::to_bytes(body, MAX_FORM).await.unwrap_or_default();
    let looks_only = console.serving.stands_by().is_some();
    let stranger = Reader::stranger(&parts.headers).at(looks_only);
    let reader = console.reader(&parts.headers, stranger.clone()).await;
    let here = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let visit = Visit {
        reader: reader.as_ref().map_or(stranger, Clone::clone),
        console,
        network: parts.extensions.get::<Peer>().map(|peer| peer.0.clone()).unwrap_or_default(),
        here,
        path,
        query: fields(parts.uri.query().unwrap_or_default().as_bytes()),
        form: fields(&form),
        headers: parts.headers.clone(),
    };
    let visit = Arc::new(visit);
    let entered = reader.map(drop).and_then(|()| enter(page, &visit, &parts));
    let answer = match entered {
        Ok(()) => (page.answer)(Arc::clone(&visit)).await,
        Err(refused) => {
            if refused.code == FailureCode::Forbidden {
                visit
                    .console
                    .refuse(&visit.reader, &format!("ask for {}", page.path), &refused.message)
                    .await;
            }
            Err(refused)
        }
    };
    guarded(answer.map_or_else(|failure| refusal(page, &visit, &failure), |answer| response(&visit, answer)))
}

fn response(visit: &Visit, answer: Answer) -> Response {
    match answer {
        Answer::Page(content) => html(StatusCode::OK, layout::page(visit, content)),
        Answer::SeeOther(path) => see_other(&path, []),
        Answer::Whole(response) => response,
    }
}

/// Why there is no page, as a page. Who looks without being signed in is asked to sign in, and comes back.
fn refusal(page: &Page, visit: &Visit, failure: &Failure) -> Response {
    if failure.code == FailureCode::Unauthenticated && page.method == Method::Get {
        return see_other(&page::sign_in::path_back_to(&visit.here), []);
    }
    html(page::problem::status(failure.code), layout::page(visit, page::problem::content(visit, failure)))
}

/// Whether a visit may go on to its page.
fn enter(page: &Page, visit: &Visit, parts: &Parts) -> Result<(), Failure> {
    if visit.console.is_public && !is_loopback(&parts.headers) {
        // Another site may give its own name the address of this machine: its pages would read what is here.
        let message = "the public console is asked under localhost or an address of this machine alone";
        return Err(Failure::new(FailureCode::Forbidden, message));
    }
    if page.method == Method::Post && !is_same_origin(&parts.headers) {
        return Err(Failure::new(FailureCode::Forbidden, "the form was sent from another site"));
    }
    let Guard::Role(role) = page.guard else { return Ok(()) };
    if !visit.reader.has(role) {
        let is_known = visit.reader.name.is_some() || visit.console.is_public;
        let code = if is_known { FailureCode::Forbidden } else { FailureCode::Unauthenticated };
        return Err(Failure::new(code, format!("that needs the role {role}")));
    }
    if page.method == Method::Post
        && !session::is_same(&visit.reader.csrf, visit.field(CSRF).unwrap_or_default())
    {
        return Err(Failure::new(
            FailureCode::Forbidden,
            "the form is not one of this session: load the page anew",
        ));
    }
    Ok(())
}

/// Whether a form comes from a page of ours. Browsers say so; a request that does not is none of a browser's.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(ORIGIN.as_str()).and_then(|origin| origin.parse::<Uri>().ok());
    // The origin of a page without one is the word `null`.
    let origin = origin.filter(|origin| origin.scheme().is_some());
    let origin = origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str().to_owned());
    origin.is_some() && origin.as_deref() == text(HOST.as_str())
}

/// Whether the host that is asked is this machine by its own names.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Uri>().ok());
    host.as_ref().and_then(Uri::host).is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

impl Console {
    /// Who a visit is.
    async fn reader(&self, headers: &HeaderMap, stranger: Reader) -> Result<Reader, Failure> {
        let is_person = !headers.contains_key(LIVE);
        if let Some(id) = cookie::session(headers) {
            let found = self.find(&id, is_person).await;
            if let Some(person) = found.map_err(|error| Failure::from(RequestError::from(error)))? {
                return Ok(stranger.signed_in(person, id.csrf()));
            }
        }
        Ok(if self.is_public { stranger.looking() } else { stranger })
    }

    async fn find(&self, id: &SessionId, is_person: bool) -> Result<Option<Person>, StateError> {
        session::find((&self.facts, self.openid.as_ref()), id, (self.environment.now(), is_person)).await
    }

    /// The places for pages that follow what happens.
    pub(crate) fn streams() -> Places {
        Places::new(live::STREAMS, live::STREAMS_OF_ONE)
    }

    /// Whether who began to follow may still look.
    pub(super) async fn is_still_in(&self, headers: &HeaderMap) -> bool {
        let Some(id) = cookie::session(headers) else { return self.is_public };
        let found = self.find(&id, false).await;
        let may_read = |person: Person| person.roles.iter().any(|role| role.includes(Role::Read));
        self.is_public || found.is_ok_and(|person| person.is_some_and(may_read))
    }

    /// Writes down that a reader was refused; of one no more than a few times a minute.
    pub(super) async fn refuse(&self, reader: &Reader, what: &str, why: &str) {
        let now: Timestamp = self.environment.now();
        let name = reader.name.clone().unwrap_or_default();
        if !self.refusals.is_too_many(&name, now) {
            self.log.refuse(what, &reader.caller(), why).await;
        }
    }
}

fn owned((name, text): (&str, &str)) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

fn fields(bytes: &[u8]) -> Fields {
    url::form_urlencoded::parse(bytes).map(|(name, text)| (name.into_owned(), text.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_form_comes_from_here() {
        let check = |pairs: &[(&'static str, &str)], expected: bool| {
            assert_eq!(is_same_origin(&headers(pairs)), expected, "{pairs:?}");
        };
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "same-site"), ("origin", "http://a:1"), ("host", "a:1")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("origin", "http://a:1"), ("host", "a:1")], true);
        check(&[("origin", "https://a.example"), ("host", "a.example")], true);
        check(&[("origin", "http://a:1"), ("host", "a:2")], false);
        check(&[("origin", "http://b:1"), ("host", "a:1")], false);
        check(&[("origin", "null"), ("host", "null")], false);
        check(&[("host", "a:1")], false);
        check(&[], false);
    }

    #[test]
    fn the_public_console_is_asked_under_this_machines_own_names() {
        let check = |host: &str, expected: bool| {
            assert_eq!(is_loopback(&headers(&[("host", host)])), expected, "{host}");
        };
        check("127.0.0.1:8420", true);
        check("localhost:8420", true);
        check("[::1]:8420", true);
        check("evil.example:8420", false);
        check("localhost.evil.example", false);
        check("192.0.2.1", false);
        check("", false);
    }
}
