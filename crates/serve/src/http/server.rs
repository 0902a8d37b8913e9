//! The way of a request: a token, its parameters, its body, a place, the engine, an answer.
//!
//! Each step may refuse, in this order; nothing is read of a body before it is known who sends it, and no more of it
//! than its sender's role may send. Health and readiness need none of it, and are answered whatever else is going on.

mod question;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts as _, RawPathParams, Request as HttpRequest, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use raccord_model::fact::{Role, Token};
use tokio::sync::{Semaphore, watch};

use self::question::Question;
pub(super) use self::question::small;
use super::answer::answer_of;
use super::auth::{self, authenticate};
use super::body::{self, Incoming};
use super::connections::Connections;
use super::conversation::{Conversation, Place, UnderWay};
use super::intake::Intake;
use super::listener::Bound;
use super::parameter::Values;
use super::problem::Refusal;
use super::route::{Guard, Handler, Method, Operation, ROUTES, Route};
use super::{
    Access, Limits, MAX_UNPROVED, MAX_UNPROVED_OF_ONE, MAX_UPLOADS, MAX_UPLOADS_OF_ONE, Open,
    PROTOCOL_HEADER, REQUEST_HEADER, ServeError, Serving, health, hooks, openapi, pages, upload,
};
use crate::access::{admit, required};
use crate::attempts::Attempts;
use crate::audit::{AuditLog, in_words};
use crate::console::{self, Console};
use crate::failure::{Failure, FailureCode};
use crate::network::Network;
use crate::places::Places;
use crate::request::{Request, Sort};
use crate::transport::{PROTOCOL, Way};

/// What every request is answered with.
pub(super) struct Shared {
    serving: Arc<dyn Serving>,
    access: Access,
    log: AuditLog,
    open: Open,
    pub(super) limits: Limits,
    pub(super) connections: Arc<Connections>,
    pub(super) intake: Arc<Intake>,
    pub(super) requests: Places,
    uploads: Places,
    /// Configurations are read and planned one after the other: that takes many times the memory of their texts.
    turns: Arc<Semaphore>,
    under_way: Arc<UnderWay>,
    strangers: Arc<Attempts>,
    refusals: Arc<Attempts>,
    document: Bytes,
}

/// Serves on an address that is listened on already, until `end` becomes true.
pub async fn serve(
    bound: Bound,
    (open, limits): (Open, Limits),
    (serving, access): (Arc<dyn Serving>, Access),
    end: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let log = AuditLog::new(access.facts.clone(), Arc::clone(&access.environment));
    let connections = Arc::new(Connections::new(limits.connections, limits.connections_of_one));
    let shared = Shared {
        serving,
        access,
        log,
        open,
        limits,
        connections: Arc::clone(&connections),
        intake: Arc::new(Intake::new(MAX_UNPROVED, MAX_UNPROVED_OF_ONE)),
        requests: Places::new(limits.requests, limits.requests_of_one),
        uploads: Places::new(MAX_UPLOADS, MAX_UPLOADS_OF_ONE),
        turns: Arc::new(Semaphore::new(1)),
        under_way: Arc::default(),
        strangers: Arc::default(),
        refusals: Arc::default(),
        document: openapi::text().into(),
    };
    let shared = Arc::new(shared);
    let pages = pages::within(
        Arc::clone(&shared),
        console::router(console_of(&shared, bound.is_encrypted(), end.clone())),
    );
    bound.serve(router(shared).merge(pages), (limits, connections), end).await
}

/// The console beside the API: it counts what is tried in vain together with it.
fn console_of(shared: &Shared, is_tls: bool, end: watch::Receiver<bool>) -> Console {
    let Access { facts, environment, .. } = shared.access.clone();
    Console {
        serving: Arc::clone(&shared.serving),
        log: AuditLog::new(facts.clone(), Arc::clone(&environment)),
        facts,
        environment,
        openid: shared.access.openid.clone(),
        strangers: Arc::clone(&shared.strangers),
        refusals: Arc::clone(&shared.refusals),
        streams: Console::streams(),
        end,
        is_tls,
        is_public: shared.open.console,
    }
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
    shared.connections.answered(peer);
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
    let (mut parts, body) = request.into_parts();
    let entered = shared.enter(route, &mut parts, peer).await;
    let serving = shared.serving.as_ref();
    let operation = match route.handler {
        Handler::Delivery => {
            let values = entered.map(|entered| entered.values);
            return Ok(shared.push(values, parts, (body, peer)).await);
        }
        Handler::Health => return entered.map(|_| health::health()),
        Handler::Readiness => {
            let Entered { token, values } = entered?;
            let is_known = token.is_some_and(|token| token.allows(Role::Read));
            return health::readiness(serving, &values, is_known);
        }
        Handler::Metrics => {
            entered?;
            return Ok(health::metrics(serving, &parts.headers).await);
        }
        Handler::Document => return entered.map(|_| openapi::response(&shared.document)),
        Handler::Stop => {
            let (token, values) = entered?.with_token()?;
            return shared.stop(&token, &values);
        }
        Handler::Operation(operation) => Some(operation),
        Handler::Conversation => None,
    };
    let (token, values) = entered?.with_token()?;
    shared.converse(Asked { route, operation, values, token, peer }, (parts, body)).await
}

/// A request whose token and parameters are as its route wants them.
struct Entered {
    token: Option<Token>,
    values: Values,
}

impl Entered {
    fn with_token(self) -> Result<(Token, Values), Refusal> {
        let token =
            self.token.ok_or_else(|| Failure::new(FailureCode::Unauthenticated, "a token is needed"))?;
        Ok((token, self.values))
    }
}

async fn values(route: &'static Route, parts: &mut Parts, query: Option<&str>) -> Result<Values, Refusal> {
    let path = RawPathParams::from_request_parts(parts, &()).await;
    let path = path.map_err(|_| Refusal::invalid("the path is no text"))?;
    Values::read(route, path.iter(), query, &parts.headers)
}

/// A request of a token's bearer.
struct Asked {
    route: &'static Route,
    /// What the route asks the engine; none where the body says it.
    operation: Option<Operation>,
    values: Values,
    token: Token,
    peer: SocketAddr,
}

impl Shared {
    /// Who asks, and with which parameters.
    async fn enter(
        &self,
        route: &'static Route,
        parts: &mut Parts,
        peer: SocketAddr,
    ) -> Result<Entered, Refusal> {
        let token = self.token(route, parts, peer).await?;
        // The query of a delivery is the service's own: a key may stand in it.
        let query = parts.uri.query().filter(|_| route.guard != Guard::Signature).map(str::to_owned);
        let values = values(route, parts, query.as_deref()).await?;
        Ok(Entered { token, values })
    }

    /// The token of a request, when the route needs one and it suffices.
    async fn token(&self, route: &Route, parts: &Parts, peer: SocketAddr) -> Result<Option<Token>, Refusal> {
        let role = match route.guard {
            Guard::Open | Guard::Signature => return Ok(None),
            Guard::Metrics if self.open.metrics => return Ok(None),
            // A caller without a token sees less.
            Guard::Details if !parts.headers.contains_key(AUTHORIZATION) => return Ok(None),
            Guard::Metrics => Some(Role::Metrics),
            Guard::Role(role) => Some(role),
            Guard::Details | Guard::PerRequest => None,
        };
        let peer = Network::of(peer.ip()).to_string();
        let token = authenticate(&parts.headers, &self.access, &self.strangers, &peer).await?;
        if let Some(role) = role {
            self.require(&token, role, route.summary).await?;
        }
        Ok(Some(token))
    }

    /// Refuses a caller that does not have a role, and writes that down; of one token no more than a few times a minute, so
    /// that no caller can fill the log.
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

    /// Takes a webhook delivery in.
    async fn push(
        &self,
        values: Result<Values, Refusal>,
        parts: Parts,
        (body, peer): (axum::body::Body, SocketAddr),
    ) -> Response {
        let serving = self.serving.as_ref();
        let share = self.intake.enter(Network::of(peer.ip()));
        let query = parts.uri.query().map(str::to_owned);
        let pushed = hooks::Pushed { headers: parts.headers, query, body, peer: peer.ip() };
        let whole = match hooks::read(serving, values, pushed, (share, self.limits.body_time)).await {
            Ok(whole) => whole,
            Err(refused) => return refused,
        };
        let Some(_place) = self.requests.try_take(None) else { return hooks::busy() };
        let _busy = self.connections.busy(peer);
        hooks::receive(serving, whole).await
    }

    /// Asks the engine.
    async fn converse(
        &self,
        asked: Asked,
        (parts, body): (Parts, axum::body::Body),
    ) -> Result<Response, Refusal> {
        let Asked { route, operation, values, token, peer } = asked;
        if parts.headers.contains_key(PROTOCOL_HEADER) {
            speaks_ours(&values)?;
        }
        let id = values.id(REQUEST_HEADER)?;
        let caller = auth::caller(&token);
        let share = self.intake.enter(Network::of(peer.ip()));
        let incoming = Incoming::new(&parts.headers, body, share, self.limits.body_time);
        let Question { body, upload } = self.read((route, &token), &parts, incoming).await?;
        let busy = self.connections.busy(peer);
        let place = self.requests.try_take(Some(token.name.as_str()));
        let place = place.ok_or_else(|| Refusal::unavailable("there are too many requests at once"))?;
        let turn = if upload.is_some() { Some(self.turn().await?) } else { None };
        let (mut request, caller) = self.understand((operation, values), body, caller).await?;
        if operation.is_none() {
            self.permit(&token, &request).await?;
            if upload.is_some() {
                let root = self.access.root.clone();
                request = beside(move || upload::examine(request, &root)).await?;
            }
        }
        // What looks at a source takes its time, and little memory beside the configuration.
        let turn = turn.filter(|_| matches!(request.sort(), Sort::Plan | Sort::Apply));
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
        let place = Place { request: place, upload, turn, busy, entry, stop: sender, stall_time };
        let conversation = Conversation::begin(Arc::clone(&self.serving), request, caller, (stop, place));
        match operation {
            Some(operation) => answer_of(operation.answer(), conversation.whole().await?),
            None => conversation.stream().await,
        }
    }

    /// Whether the bearer of a token may ask something over HTTP; it is written down when not.
    async fn permit(&self, token: &Token, request: &Request) -> Result<(), Refusal> {
        self.require(token, required(request.sort()), &in_words(request)).await?;
        if let Err(failure) = admit(request.sort(), Way::Http) {
            self.refuse(token, &in_words(request), &failure.message).await;
            return Err(failure.into());
        }
        Ok(())
    }
}

/// Does what takes a while beside everything else.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Refusal::from(Failure::new(FailureCode::Internal, "the request could not be read")))?
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
