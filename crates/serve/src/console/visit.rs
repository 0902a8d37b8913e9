//! A visit: what a person asks of a page, and how the page asks the engine in the person's name.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::reader::Reader;
use super::server::Console;
use super::text::Texts;
use crate::access::{admit, required};
use crate::audit::in_words;
use crate::failure::{Failure, FailureCode};
use crate::request::{Reply, Request};
use crate::transport::Way;

/// How long a page waits for the end of what goes on without it, so that what is refused at once is shown.
const PATIENCE: Duration = Duration::from_millis(500);

/// The parts of a query, a form or a path: names and texts.
pub(super) type Fields = Vec<(String, String)>;

/// What a person asks of a page.
pub(super) struct Visit {
    /// Who.
    pub(super) reader: Reader,
    /// What everything is asked of.
    pub(super) console: Arc<Console>,
    /// The headers of the request.
    pub(super) headers: HeaderMap,
    /// From which network, for what is counted by it.
    pub(super) network: String,
    /// The path and the query.
    pub(super) here: String,
    pub(super) path: Fields,
    pub(super) query: Fields,
    pub(super) form: Fields,
}

impl Visit {
    /// The words of the page.
    pub(super) const fn texts(&self) -> &'static Texts {
        self.reader.texts()
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.console.environment.now()
    }

    /// A part of the path.
    pub(super) fn part<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Failure> {
        parse(name, find(&self.path, name).unwrap_or_default())
    }

    /// A word of the query; none when it is not there or empty.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// A field of the form; none when it is not there or empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        find(&self.form, name)
    }

    /// A field of the form with a form of its own.
    pub(super) fn filled<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.field(name).map(|text| parse(name, text)).transpose()
    }

    /// Asks the engine in the name of the reader, and hands each part of the answer on.
    pub(super) async fn ask(
        &self,
        request: Request,
        mut each: impl FnMut(Reply) + Send,
    ) -> Result<(), Failure> {
        self.permit(&request).await?;
        let (_keep, stop) = watch::channel(false);
        self.console.serving.answer(request, self.reader.caller(), stop, &mut each).await
    }

    /// Those parts of an answer that are wanted.
    pub(super) async fn all<T: Send>(
        &self,
        request: Request,
        mut pick: impl FnMut(Reply) -> Option<T> + Send,
    ) -> Result<Vec<T>, Failure> {
        let mut found = Vec::new();
        self.ask(request, |reply| found.extend(pick(reply))).await?;
        Ok(found)
    }

    /// The one part of an answer that is wanted.
    pub(super) async fn one<T: Send>(
        &self,
        request: Request,
        pick: impl FnMut(Reply) -> Option<T> + Send,
    ) -> Result<T, Failure> {
        let found = self.all(request, pick).await?.pop();
        found.ok_or_else(|| Failure::new(FailureCode::Internal, "there was no answer"))
    }

    /// Begins what goes on without the page: a run. What fails at once is an error.
    pub(super) async fn begin(&self, request: Request) -> Result<(), Failure> {
        self.permit(&request).await?;
        let (serving, caller) = (Arc::clone(&self.console.serving), self.reader.caller());
        let (sender, ended) = oneshot::channel();
        tokio::spawn(async move {
            let (_keep, stop) = watch::channel(false);
            let outcome = serving.answer(request, caller, stop, &mut |_| {}).await;
            // The page is shown by now when it is not waited for any more.
            drop(sender.send(outcome));
        });
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::new(FailureCode::Internal, "the answer broke off")),
            Err(_) => Ok(()),
        }
    }

    /// Whether the reader may ask this; it is written down when not.
    async fn permit(&self, request: &Request) -> Result<(), Failure> {
        let role = required(request.sort());
        if self.reader.has(role) {
            return admit(request.sort(), Way::Http);
        }
        let message = format!("that needs the role {role}");
        self.console.refuse(&self.reader, &in_words(request), &message).await;
        Err(Failure::new(FailureCode::Forbidden, message))
    }
}

fn find<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    let found = fields.iter().find(|(known, _)| known == name).map(|(_, text)| text.trim());
    found.filter(|text| !text.is_empty())
}

fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::new(FailureCode::Invalid, format!("{name}: {error}")))
}
