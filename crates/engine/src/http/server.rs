//! The way of a request: a place, a token, its parameters, its body, the engine, an answer.
//!
//! Each step may refuse, in this order; nothing is read of a body before it is known who sends it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts as _, RawPathParams, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use raccord_model::fact::{Role, Token};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::auth::{self, Attempts, authenticate};
use super::body::{self, Bounds, Media};
use super::conversation::{Conversation, Place, UnderWay};
use super::listener::Bound;
use super::operation::{From, answer_of, request_of};
use super::parameter::Values;
use super::problem::Refusal;
use super::route::{Answer, Body, Guard, Method, ROUTES, Route};
use super::{
    Access, Limits, MAX_BODY, MAX_CONFIGURATION, MAX_UPLOADS, PROTOCOL_HEADER, REQUEST_HEADER, ServeError,
    Serving, health, hooks, openapi, upload,
};
use crate::access::{admit, required};
use crate::audit::{AuditLog, in_words};
use crate::failure::{Failure, FailureCode};
use crate::request::Request;
use crate::transport::{Caller, PROTOCOL, Way};

/// What every request is answered with.
struct Shared {
    serving: Arc<dyn Serving>,
    access: Access,
    log: AuditLog,
    open_metrics: bool,
    limits: Limits,
    requests: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    under_way: Arc<UnderWay>,
    strangers: Attempts,
    refusals: Attempts,
    document: Bytes,
}

/// Serves where somebody listens already, until `end` becomes true.
pub async fn serve(
    bound: Bound,
    (open_metrics, limits): (bool, Limits),
    (serving, access): (Arc<dyn Serving>, Access),
    end: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let log = AuditLog::new(access.facts.clone(), Arc::clone(&access.environment));
    let shared = Shared {
        serving,
        access,
        log,
        open_metrics,
        limits,
        requests: Arc::new(Semaphore::new(limits.requests)),
        uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
        under_way: Arc::default(),
        strangers: Attempts::default(),
        refusals: Attempts::default(),
        document: openapi::text().into(),
    };
    bound.serve(router(Arc::new(shared)), limits, end).await
}

/// The router that the table says.
fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let handler =
            move |State(shared): State<Arc<Shared>>,
                  ConnectInfo(peer): ConnectInfo<SocketAddr>,
                  request: HttpRequest| async move { respond(route, &shared, peer, request).await };
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Delete => MethodFilter::DELETE,
        };
        router = router.route(route.path, on(filter, handler));
    }
    router
        .fallback(async || unknown())
        .method_not_allowed_fallback(async || not_allowed())
        .layer(map_request(async |request: HttpRequest| request.map(body::lingering)))
        .with_state(shared)
}

fn unknown() -> Refusal {
    Failure::new(FailureCode::Unknown, "nothing is served here; /v1/openapi.json says what is").into()
}

/// The router adds which methods are allowed.
fn not_allowed() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        FailureCode::Invalid,
        "the method is not one that is allowed here",
    )
}

async fn respond(route: &'static Route, shared: &Shared, peer: SocketAddr, request: HttpRequest) -> Response {
    let mut response = match answer(route, shared, peer, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    tracing::debug!(route = route.id, status = response.status().as_u16(), %peer, "answered");
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

async fn answer(
    route: &'static Route,
    shared: &Shared,
    peer: SocketAddr,
    request: HttpRequest,
) -> Result<Response, Refusal> {
    let busy = |_| Refusal::unavailable("there are too many requests at once");
    let place = Arc::clone(&shared.requests).try_acquire_owned().map_err(busy)?;
    let (mut parts, body) = request.into_parts();
    if route.guard == Guard::Signature {
        let values = values(route, &mut parts).await;
        let pushed = hooks::Pushed { headers: parts.headers, body, peer: peer.ip() };
        return Ok(hooks::receive(shared.serving.as_ref(), values, pushed, ordinary(shared.limits)).await);
    }
    let token = shared.token(route, &parts, peer).await?;
    let values = values(route, &mut parts).await?;
    match (route.answer, token) {
        (Answer::Text, _) => Ok(health::health()),
        (Answer::Readiness, _) => health::readiness(shared.serving.as_ref(), &values),
        (Answer::Metrics, _) => Ok(health::metrics(shared.serving.as_ref()).await),
        (Answer::Document, _) => Ok(openapi::response(&shared.document)),
        (Answer::Nothing, Some(token)) => shared.stop(&token, &values),
        (_, Some(token)) => {
            let asked = Asked { route, values, token };
            shared.converse(asked, (parts, body), place).await
        }
        (_, None) => Err(Failure::new(FailureCode::Unauthenticated, "a token is needed").into()),
    }
}

async fn values(route: &'static Route, parts: &mut Parts) -> Result<Values, Refusal> {
    let path = RawPathParams::from_request_parts(parts, &()).await;
    let path = path.map_err(|_| Refusal::invalid("the path is no text"))?;
    Values::read(route, path.iter(), parts.uri.query(), &parts.headers)
}

/// A request of a token's bearer.
struct Asked {
    route: &'static Route,
    values: Values,
    token: Token,
}

impl Shared {
    /// The token of a request, when the route needs one and it suffices.
    async fn token(&self, route: &Route, parts: &Parts, peer: SocketAddr) -> Result<Option<Token>, Refusal> {
        let role = match route.guard {
            Guard::Open | Guard::Signature => return Ok(None),
            Guard::Metrics if self.open_metrics => return Ok(None),
            Guard::Metrics => Some(Role::Read),
            Guard::Role(role) => Some(role),
            Guard::PerRequest => None,
        };
        let peer = peer.ip().to_string();
        let token = authenticate(&parts.headers, &self.access, &self.strangers, &peer).await?;
        if let Some(role) = role {
            self.require(&token, role, route.summary).await?;
        }
        Ok(Some(token))
    }

    /// Refuses whoever does not have a role, and writes that down; of one token no more than a few times a minute, so
    /// that nobody can fill the log.
    async fn require(&self, token: &Token, role: Role, what: &str) -> Result<(), Refusal> {
        if token.allows(role) {
            return Ok(());
        }
        let message = format!("the token `{}` does not have the role {role}", token.name);
        self.refuse(token, what, &message).await;
        Err(Failure::new(FailureCode::Forbidden, message).into())
    }

    async fn refuse(&self, token: &Token, what: &str, why: &str) {
        let now = self.access.environment.now();
        if !self.refusals.is_too_many(token.name.as_str(), now) {
            self.log.refuse(what, &auth::caller(token), why).await;
        }
    }

    /// Asks for an early end of one of the token's own requests.
    fn stop(&self, token: &Token, values: &Values) -> Result<Response, Refusal> {
        let id = values.id("id")?.unwrap_or_default();
        if self.under_way.stop(&(token.name.to_string(), id)) {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Err(Failure::new(FailureCode::Unknown, format!("no request {id} of this token is under way")).into())
    }

    /// Asks the engine.
    async fn converse(
        &self,
        asked: Asked,
        (parts, body): (Parts, axum::body::Body),
        place: OwnedSemaphorePermit,
    ) -> Result<Response, Refusal> {
        let Asked { route, values, token } = asked;
        if parts.headers.contains_key(PROTOCOL_HEADER) {
            speaks_ours(&values)?;
        }
        let id = values.id(REQUEST_HEADER)?;
        let caller = auth::caller(&token);
        let upload = self.place_for_upload(route).await?;
        let read = self.read(route, &parts, body).await?;
        let (mut request, caller) = self.understand(route, values, read, caller).await?;
        if route.body == Body::Request {
            self.require(&token, required(&request), &in_words(&request)).await?;
            if let Err(failure) = admit(&request, Way::Http) {
                self.refuse(&token, &in_words(&request), &failure.message).await;
                return Err(failure.into());
            }
            let root = self.access.root.clone();
            request = beside(move || upload::examine(request, &root)).await?;
        }
        let upload = upload.filter(|_| upload::holds_configuration(&request));
        let (sender, stop) = watch::channel(false);
        let entry = match id {
            Some(id) => {
                let entry = self.under_way.enter((token.name.to_string(), id), sender.clone());
                Some(entry.ok_or_else(|| {
                    Refusal::new(
                        StatusCode::CONFLICT,
                        FailureCode::Invalid,
                        "a request of that name is under way",
                    )
                })?)
            }
            None => None,
        };
        let stall_time = self.limits.stall_time;
        let place = Place { request: place, upload, entry, stop: sender, stall_time };
        let conversation = Conversation::begin(Arc::clone(&self.serving), request, caller, (stop, place));
        match route.answer {
            Answer::Parts => conversation.stream().await,
            answer => answer_of(answer, conversation.whole().await?),
        }
    }

    /// A share of the memory for uploaded configurations, when the route may need it.
    async fn place_for_upload(&self, route: &Route) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        if !matches!(route.body, Body::Configuration | Body::Request) {
            return Ok(None);
        }
        let waiting =
            tokio::time::timeout(self.limits.upload_time, Arc::clone(&self.uploads).acquire_owned());
        match waiting.await {
            Ok(Ok(place)) => Ok(Some(place)),
            _ => Err(Refusal::unavailable("there are too many uploads at once")),
        }
    }

    /// The body, when the route takes one.
    async fn read(
        &self,
        route: &Route,
        parts: &Parts,
        body: axum::body::Body,
    ) -> Result<Option<(Bytes, Media)>, Refusal> {
        let headers = &parts.headers;
        let ordinary = ordinary(self.limits);
        let upload = Bounds { bytes: MAX_CONFIGURATION, time: self.limits.upload_time };
        let (taken, bounds): (&[Media], _) = match route.body {
            Body::None | Body::Push => return Ok(None),
            Body::Configuration => (&[Media::Json, Media::Yaml], upload),
            Body::Request => (&[Media::Json], upload),
            Body::Pause => {
                let bytes = body::read_or_refuse(headers, body, ordinary).await?;
                if bytes.is_empty() {
                    return Ok(None);
                }
                return Ok(Some((bytes, body::media(headers, &[Media::Json])?)));
            }
        };
        let media = body::media(headers, taken)?;
        Ok(Some((body::read_or_refuse(headers, body, bounds).await?, media)))
    }

    /// What is asked. A configuration takes a while to be read, so that is done beside everything else.
    async fn understand(
        &self,
        route: &'static Route,
        values: Values,
        body: Option<(Bytes, Media)>,
        caller: Caller,
    ) -> Result<(Request, Caller), Refusal> {
        let root = self.access.root.clone();
        beside(move || {
            if route.body != Body::Request {
                let from = From { caller: &caller, root: &root };
                return Ok((request_of(route.id, &values, body, from)?, caller));
            }
            let bytes = body.map(|(bytes, _)| bytes).unwrap_or_default();
            Ok((body::json(&bytes)?, caller))
        })
        .await
    }
}

/// Does what takes a while beside everything else.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Refusal::from(Failure::new(FailureCode::Internal, "the request could not be read")))?
}

/// What a body may have that is no configuration.
const fn ordinary(limits: Limits) -> Bounds {
    Bounds { bytes: MAX_BODY, time: limits.body_time }
}

/// Refuses a caller that speaks another version of the protocol, in words.
fn speaks_ours(values: &Values) -> Result<(), Refusal> {
    let spoken: u32 = values.need(PROTOCOL_HEADER)?;
    if spoken == PROTOCOL {
        return Ok(());
    }
    let ours = env!("CARGO_PKG_VERSION");
    let message = format!("the daemon is raccord {ours} and speaks another protocol: use the same version");
    Err(Failure::new(FailureCode::Version, message).into())
}
