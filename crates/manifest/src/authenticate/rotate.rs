//! `RateLimitedMultipleTokenAuthenticator`: several tokens of equal rights, of which the next is used once nothing is
//! left of one. The service is asked how much is left before the first request, and again after a wait.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::grant::date_of;
use super::quota::{Ledger, Next, Quota, Reserve, Said};
use crate::budget::Matcher;
use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::exchange::{Additions, Ask, Outcome, Requester, Role};
use crate::request::text::python_text;
use crate::request::url;
use crate::select::path::{Segment, get, shown};
use crate::send::HttpRequester;
use crate::service::Service;
use crate::slice::Slice;
use crate::transport::{Request, Response};

/// Several tokens, compiled, and what is left of them.
pub struct Rotation {
    tokens: Vec<SecretString>,
    kinds: Vec<Kind>,
    status: HttpRequester,
    unavailable: Vec<u16>,
    prefix: String,
    header: String,
    longest: Duration,
    reserve: Reserve,
    ledger: Mutex<Option<Ledger>>,
}

/// A kind of request that the service counts.
struct Kind {
    matchers: Vec<Matcher>,
    left: Vec<Segment>,
    reset: Vec<Segment>,
    limit: Option<Vec<Segment>>,
    left_header: Option<String>,
    reset_header: Option<String>,
    limit_header: Option<String>,
    exhausted: Vec<u16>,
}

/// The shortest wait for tokens to be full again.
const MIN_WAIT: Duration = Duration::from_secs(5);

impl Rotation {
    pub(super) fn new(component: &Component, service: &Arc<Service>) -> Result<Self, Problem> {
        let tokens = tokens(component, service)?;
        let source = component.required("quota_status_source", component.child("quota_status_source"))?;
        let unavailable = statuses(&source, "unavailable_status_codes");
        let kinds = component.children("quotas");
        let kinds: Vec<Kind> = kinds.iter().map(|it| Kind::new(it, service)).collect::<Result<_, _>>()?;
        if tokens.is_empty() || kinds.is_empty() {
            return Err(component.invalid("", "it needs tokens and quotas"));
        }
        let text = |name: &str, otherwise: &str| component.str(name).unwrap_or(otherwise).to_owned();
        let number = |name: &str, otherwise| component.get(name).and_then(Value::as_f64).unwrap_or(otherwise);
        Ok(Self {
            tokens,
            kinds,
            status: status_requester(&source, &unavailable, service)?,
            unavailable,
            prefix: text("auth_method", "Bearer"),
            header: text("header", "Authorization"),
            longest: crate::budget::period(component, "max_wait_time", &service.context(), "PT2H")?,
            reserve: Reserve {
                share: number("budget_reserve_fraction", 0.1),
                least: number("budget_min_reserve", 50.0),
            },
            ledger: Mutex::new(None),
        })
    }

    /// Puts the next token into a request, after a wait where the service wants one.
    pub(super) async fn sign(&self, request: &mut Request, service: &Service) -> Result<(), ReadError> {
        let kind = self.kind(request);
        let mut left = self.longest;
        loop {
            let next = {
                let mut ledger = self.ledger.lock().await;
                let known = match ledger.take() {
                    Some(known) => known,
                    None => self.seeded(0, service).await?,
                };
                ledger.insert(known).take(kind, service.transport().now(), self.reserve)
            };
            match next {
                Next::Token(token, wait) => {
                    if !wait.is_zero() {
                        service.transport().sleep(wait).await;
                    }
                    self.set(request, token);
                    return Ok(());
                }
                Next::Wait(until) => {
                    let until = Duration::try_from(until).unwrap_or_default();
                    if until >= left {
                        return Err(exhausted(request));
                    }
                    let wait = until.max(MIN_WAIT).min(left);
                    service.transport().sleep(wait).await;
                    left = left.saturating_sub(wait);
                    self.seed_again(service).await?;
                }
            }
        }
    }

    /// Learns from an answer what is left of the token that the request went out with.
    pub(super) async fn learn(&self, request: &Request, answer: &Response) {
        let kind = self.kind(request);
        let (Some(token), Some(rules)) = (self.token_of(request), self.kinds.get(kind)) else { return };
        let header = |wanted: &Option<String>| {
            let wanted = wanted.as_ref()?;
            let found = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(found.1.trim().to_owned())
        };
        let number = |wanted| header(wanted)?.parse().ok();
        let said = Said {
            left: number(&rules.left_header),
            reset: header(&rules.reset_header).and_then(|text| date_of(&text)),
            limit: number(&rules.limit_header),
            is_exhausted: rules.exhausted.contains(&answer.status),
        };
        if let Some(ledger) = self.ledger.lock().await.as_mut() {
            ledger.learn(token, kind, said);
        }
    }

    /// Whether nothing is left of the token of a request, and something of another.
    pub(super) async fn has_alternative(&self, request: &Request) -> bool {
        let Some(token) = self.token_of(request) else { return false };
        let ledger = self.ledger.lock().await;
        ledger.as_ref().is_some_and(|ledger| ledger.has_alternative(token, self.kind(request)))
    }

    /// The kind of a request: the first whose matchers it fits, else the first without any.
    fn kind(&self, request: &Request) -> usize {
        let fits = |kind: &Kind| kind.matchers.iter().any(|matcher| matcher.matches(request));
        let otherwise = || self.kinds.iter().position(|kind| kind.matchers.is_empty());
        self.kinds.iter().position(fits).or_else(otherwise).unwrap_or(0)
    }

    fn signature(&self, token: usize) -> String {
        let token = self.tokens.get(token).map_or("", |token| token.expose_secret());
        format!("{} {token}", self.prefix).trim().to_owned()
    }

    fn set(&self, request: &mut Request, token: usize) {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&self.header));
        request.headers.push((self.header.clone(), self.signature(token)));
    }

    fn token_of(&self, request: &Request) -> Option<usize> {
        let (_, sent) = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.header))?;
        (0..self.tokens.len()).find(|token| self.signature(*token) == *sent)
    }

    async fn seed_again(&self, service: &Service) -> Result<(), ReadError> {
        let mut ledger = self.ledger.lock().await;
        let active = ledger.as_ref().map_or(0, Ledger::active);
        *ledger = Some(self.seeded(active, service).await?);
        Ok(())
    }

    /// Asks how much is left of every token.
    async fn seeded(&self, active: usize, service: &Service) -> Result<Ledger, ReadError> {
        let mut quotas = Vec::with_capacity(self.tokens.len());
        for (at, token) in self.tokens.iter().enumerate() {
            service.masks().add(token.expose_secret());
            let signature = (self.header.clone(), Value::from(self.signature(at)));
            let additions = Additions { headers: crate::object([signature]), ..Additions::default() };
            let slice = Slice::default();
            let ask = Ask { slice: &slice, token: None, path: None, additions: &additions };
            let fail =
                |message: String| ReadError::Answer { url: "the status of the tokens".to_owned(), message };
            let (Outcome::Answer(answer) | Outcome::Ignored(answer)) = self.status.ask(ask).await? else {
                return Err(fail("it was not answered".to_owned()));
            };
            if self.unavailable.contains(&answer.status) {
                let reset = service.transport().now();
                quotas.push(vec![Quota { left: 0, reset, limit: 0, is_counted: false }; self.kinds.len()]);
                continue;
            }
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let of = |kind: &Kind| kind.quota(&body).map_err(fail);
            quotas.push(self.kinds.iter().map(of).collect::<Result<_, _>>()?);
        }
        Ok(Ledger::new(quotas, active))
    }
}

impl Kind {
    fn new(component: &Component, service: &Service) -> Result<Self, Problem> {
        let path = |name: &str| -> Result<Option<Vec<Segment>>, Problem> {
            let segments = component.get(name).and_then(Value::as_array);
            Ok(segments.map(|segments| segments.iter().map(Segment::of).collect()))
        };
        let header = |name: &str| component.str(name).map(str::to_owned);
        let matchers = component.children("matchers");
        let context = service.context();
        Ok(Self {
            matchers: matchers.iter().map(|it| Matcher::new(it, &context)).collect::<Result<_, _>>()?,
            left: component.required("remaining_path", path("remaining_path")?)?,
            reset: component.required("reset_path", path("reset_path")?)?,
            limit: path("limit_path")?,
            left_header: header("remaining_header"),
            reset_header: header("reset_header"),
            limit_header: header("limit_header"),
            exhausted: statuses(component, "exhaustion_status_codes"),
        })
    }

    /// What an answer says is left.
    fn quota(&self, body: &Value) -> Result<Quota, String> {
        let at = |path: &[Segment]| match get(body, path) {
            Ok(Some(value)) => Ok(python_text(value)),
            _ => Err(format!("its answer has no `{}`", shown(path))),
        };
        let number = |path: &[Segment]| -> Result<i64, String> {
            at(path)?.trim().parse().map_err(|_| format!("`{}` is no number", shown(path)))
        };
        let left = number(&self.left)?;
        let reset: Timestamp =
            date_of(&at(&self.reset)?).ok_or_else(|| format!("`{}` is no date", shown(&self.reset)))?;
        let limit = self.limit.as_deref().map_or(Ok(left), number)?;
        Ok(Quota { left, reset, limit, is_counted: true })
    }
}

/// Nothing is left of any token, for longer than the manifest waits.
fn exhausted(request: &Request) -> ReadError {
    ReadError::Status {
        status: 429,
        url: url::shown(&request.url),
        message: "nothing is left of any token, for longer than may be waited".to_owned(),
        failure: FailureKind::Transient,
    }
}

/// The tokens of the config: a list, or a text with separators.
fn tokens(component: &Component, service: &Service) -> Result<Vec<SecretString>, Problem> {
    let context = service.context();
    let text = |text: &str| -> Result<String, Problem> {
        let template = component.template_of("tokens", text)?;
        template.text(&context).map_err(|error| component.invalid("tokens", error))
    };
    let texts: Vec<String> = match component.get("tokens") {
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(text).collect::<Result<_, _>>()?
        }
        Some(Value::String(all)) => {
            let delimiter = component.str("token_delimiter").unwrap_or(",");
            text(all)?.split(delimiter).map(str::to_owned).collect()
        }
        _ => return Err(component.invalid("tokens", "it is required and missing")),
    };
    Ok(texts
        .iter()
        .map(|token| token.trim())
        .filter(|token| !token.is_empty())
        .map(SecretString::from)
        .collect())
}

/// What asks how much is left.
fn status_requester(
    source: &Component,
    unavailable: &[u16],
    service: &Arc<Service>,
) -> Result<HttpRequester, Problem> {
    let filter = json!({"type": "HttpResponseFilter", "http_codes": unavailable, "action": "IGNORE"});
    let mut members = json!({
        "type": "HttpRequester",
        "url_base": source.required("url", source.str("url"))?,
        "http_method": source.str("http_method").unwrap_or("GET"),
        "error_handler": {"type": "DefaultErrorHandler", "response_filters": [filter]},
    });
    members["request_headers"] = source.get("request_headers").cloned().unwrap_or_default();
    let members = members.as_object().cloned().unwrap_or_default();
    HttpRequester::new(&Component::new(members, source.path()), service, Role::Status)
}

fn statuses(component: &Component, member: &str) -> Vec<u16> {
    let codes = component.get(member).and_then(Value::as_array);
    codes.into_iter().flatten().filter_map(|code| u16::try_from(code.as_u64()?).ok()).collect()
}
