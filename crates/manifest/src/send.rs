//! Sends the request of a page, as often as its error handler wants: what a manifest calls a requester. It decides
//! nothing itself: `request` says what is sent, `failure` what an answer means.

use std::sync::Arc;

use serde_json::Value;

use crate::authenticate::Authenticator;
use crate::cache::{Asker, CacheUse, Key};
use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::exchange::{Additions, Ask, Outcome, Requester, Role};
use crate::failure::{Action, ErrorHandler, Moment, Seen, Tries, Verdict, Wait, message_of};
use crate::request::{Asked, RequestBuilder, url};
use crate::service::Service;
use crate::transport::{Async, Request, Response, TransportError};

/// An `HttpRequester`, compiled.
#[derive(Debug)]
pub struct HttpRequester {
    service: Arc<Service>,
    builder: RequestBuilder,
    authenticator: Arc<Authenticator>,
    errors: ErrorHandler,
    cache_use: CacheUse,
    asker: Asker,
}

/// A request on its way: what it was sent with, and how often.
struct Attempts<'a> {
    request: Request,
    credentials: Additions,
    url: &'a str,
    count: u32,
    tries: Tries,
    refreshed: Option<bool>,
}

/// The wait in seconds where other credentials can be used at once.
const ROTATION_WAIT: f64 = 0.1;

impl HttpRequester {
    /// The requester that a component describes. Its role decides whether its answers are kept.
    ///
    /// # Errors
    /// When it, its authenticator or its error handler is wrong, or cannot be used here.
    pub fn new(component: &Component, service: &Arc<Service>, role: Role) -> Result<Self, Problem> {
        if component.kind() != "HttpRequester" {
            return Err(component.unsupported());
        }
        Ok(Self {
            service: service.clone(),
            builder: RequestBuilder::new(component)?,
            authenticator: service.authenticator(component.child("authenticator").as_ref())?,
            errors: ErrorHandler::new(component.child("error_handler").as_ref(), &service.context())?,
            cache_use: cache_use(component, role),
            asker: service.answers().asker(),
        })
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Outcome, ReadError> {
        let credentials = self.authenticator.credentials(&self.service).await?;
        let properties = ask.slice.extra.get("query_properties").and_then(Value::as_array);
        let properties: Option<Vec<String>> = properties
            .map(|names| names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect());
        let asked = Asked {
            additions: ask.additions,
            credentials: &credentials,
            path: ask.path,
            properties: properties.as_deref(),
        };
        let request = self.builder.request(&ask.context(&self.service.context()), asked)?;
        let url = self.service.masks().mask(&url::shown(&request.url));
        let hidden: Vec<&str> = credentials.headers.keys().map(String::as_str).collect();
        let key = Key::of(&request, &hidden).filter(|_| self.cache_use != CacheUse::Never);
        if let Some(known) = key.and_then(|key| self.kept(key, &url)) {
            return Ok(known);
        }
        let tries = Tries::new(self.errors.max_retries());
        let attempts = Attempts { request, credentials, url: &url, count: 0, tries, refreshed: None };
        let outcome = self.attempt(attempts).await?;
        if let (Some(key), Outcome::Answer(answer) | Outcome::Ignored(answer)) = (key, &outcome) {
            self.service.answers().keep(key, self.asker, answer);
        }
        Ok(outcome)
    }

    /// What the same request was answered before. It is nothing new where this requester would not take it as it is.
    fn kept(&self, key: Key, url: &str) -> Option<Outcome> {
        let answer = self.service.answers().answer(key, self.asker, self.cache_use)?;
        let verdict = self.errors.verdict(&Seen::new(Ok(&answer), url), &self.service.context()).ok()?;
        match verdict.action {
            Action::Success => Some(Outcome::Answer(answer)),
            Action::Ignore => Some(Outcome::Ignored(answer)),
            _ => None,
        }
    }

    async fn attempt(&self, mut attempts: Attempts<'_>) -> Result<Outcome, ReadError> {
        let transport = self.service.transport();
        loop {
            attempts.count += 1;
            self.authenticator.sign(&mut attempts.request, &self.service).await?;
            let answer = self.service.send(&attempts.request).await;
            if let Ok(answer) = &answer {
                self.authenticator.learn(&attempts.request, answer).await;
            }
            let verdict = {
                let seen = Seen::new(answer.as_ref(), attempts.url);
                self.errors.verdict(&seen, &self.service.context())?
            };
            let wait = match verdict.action {
                Action::RefreshThenRetry => {
                    self.refresh(&mut attempts, &answer).await?;
                    Wait::Standard
                }
                Action::RateLimited => Wait::RateLimited,
                Action::Retry => Wait::Standard,
                Action::Fail => return Err(self.failed(answer, attempts.url, verdict)),
                Action::Success | Action::Ignore => {
                    let is_ignored = verdict.action == Action::Ignore;
                    return answer
                        .map(if is_ignored { Outcome::Ignored } else { Outcome::Answer })
                        .map_err(|source| ReadError::Transport { url: attempts.url.to_owned(), source });
                }
                Action::ResetPagination => return Ok(Outcome::ResetPagination),
                Action::ReducePageSize => return Ok(Outcome::ReducePageSize(self.masked(verdict.message))),
                Action::SplitWindow => return Ok(Outcome::SplitWindow(self.masked(verdict.message))),
            };
            let wait =
                if wait == Wait::RateLimited && self.authenticator.has_alternative(&attempts.request).await {
                    Wait::Stated(ROTATION_WAIT)
                } else {
                    self.wait(&answer, &attempts, wait)?
                };
            let Some(duration) = attempts.tries.next(wait) else {
                // Too many requests pass by themselves, however they were judged.
                let is_passing = answer.as_ref().is_ok_and(|answer| answer.status == 429);
                let failure = if is_passing { FailureKind::Transient } else { verdict.failure };
                return Err(self.failed(answer, attempts.url, Verdict { failure, ..verdict }));
            };
            transport.sleep(duration).await;
            self.sign_again(&mut attempts).await?;
        }
    }

    /// The wait before the next attempt: the manifest's, or the given one.
    fn wait(
        &self,
        answer: &Result<Response, TransportError>,
        attempts: &Attempts<'_>,
        otherwise: Wait,
    ) -> Result<Wait, ReadError> {
        let transport = self.service.transport();
        let config = self.service.context();
        let at = Moment {
            config: &config,
            attempt: attempts.count,
            now: transport.now().as_duration().as_secs_f64(),
            random: transport.random(),
        };
        let stated = self.errors.wait(&Seen::new(answer.as_ref(), attempts.url), at)?;
        Ok(stated.map_or(otherwise, Wait::Stated))
    }

    /// Replaces the token, once a request.
    async fn refresh(
        &self,
        attempts: &mut Attempts<'_>,
        answer: &Result<Response, TransportError>,
    ) -> Result<(), ReadError> {
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let rejected = |message: &str, failure: FailureKind| ReadError::Status {
            status,
            url: attempts.url.to_owned(),
            message: message.to_owned(),
            failure,
        };
        match attempts.refreshed {
            Some(true) => return Err(rejected("the new access token is not accepted", FailureKind::Config)),
            Some(false) => {
                return Err(rejected("the access token cannot be replaced now", FailureKind::Transient));
            }
            None => {}
        }
        if !self.authenticator.can_refresh() {
            return Ok(());
        }
        match self.authenticator.refresh(&attempts.credentials, &self.service).await {
            Ok(()) => attempts.refreshed = Some(true),
            Err(error @ ReadError::Status { failure: FailureKind::Config, .. }) => return Err(error),
            // Whatever passes by itself is tried again with the token that there is.
            Err(_) => attempts.refreshed = Some(false),
        }
        Ok(())
    }

    /// Puts the credentials of now into the headers, for a token may have been replaced.
    async fn sign_again(&self, attempts: &mut Attempts<'_>) -> Result<(), ReadError> {
        let credentials = self.authenticator.credentials(&self.service).await?;
        for (name, value) in &credentials.headers {
            let value = crate::request::text::python_text(value);
            let headers = &mut attempts.request.headers;
            match headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, known)) => *known = value,
                None => headers.push((name.clone(), value)),
            }
        }
        attempts.credentials = credentials;
        Ok(())
    }

    fn masked(&self, message: Option<String>) -> Option<String> {
        message.map(|message| self.service.masks().mask(&message))
    }

    /// The error of an answer that is a failure, or stayed one.
    fn failed(&self, answer: Result<Response, TransportError>, url: &str, verdict: Verdict) -> ReadError {
        let url = url.to_owned();
        match answer {
            Err(source) => ReadError::Transport { url, source },
            Ok(answer) => {
                let message = verdict.message.or_else(|| message_of(&answer)).unwrap_or_default();
                ReadError::Status {
                    status: answer.status,
                    url,
                    message: self.service.masks().mask(&message),
                    failure: verdict.failure,
                }
            }
        }
    }
}

/// What a requester's component says of the cache: parents are read through it unless it says otherwise.
fn cache_use(requester: &Component, role: Role) -> CacheUse {
    match (role, requester.bool("use_cache")) {
        (Role::Status, _) | (_, Some(false)) | (Role::Pages, None) => CacheUse::Never,
        (Role::Pages | Role::ParentPages, Some(true)) => CacheUse::All,
        (Role::ParentPages, None) => CacheUse::OfOthers,
    }
}

impl Requester for HttpRequester {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Async<'a, Result<Outcome, ReadError>> {
        Box::pin(self.send(ask))
    }
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "send_reference_tests.rs"]
mod reference_tests;
