//! The body of a request: how large it may be, its place among the uploads, and what it asks. Nothing is answered here.

use std::sync::Arc;

use axum::http::request::Parts;
use bytes::Bytes;
use raccord_model::fact::Token;
use tokio::sync::OwnedSemaphorePermit;

use super::super::body::{self, Incoming, Media};
use super::super::operation::{From, request_of};
use super::super::parameter::Values;
use super::super::problem::Refusal;
use super::super::route::{Body, Operation, Route};
use super::super::{MAX_CONFIGURATION, MAX_QUESTION, upload};
use super::{Shared, beside};
use crate::access::required;
use crate::places::Taken;
use crate::request::{Request, Sort};
use crate::transport::Caller;

/// The body of a request, its place among the uploads when it needs one.
pub(super) struct Question {
    pub(super) body: Option<(Bytes, Media)>,
    pub(super) upload: Option<Taken>,
}

impl Shared {
    /// The body, when the route takes one.
    pub(super) async fn read(
        &self,
        (route, token): (&Route, &Token),
        parts: &Parts,
        incoming: Incoming,
    ) -> Result<Question, Refusal> {
        let headers = &parts.headers;
        let fits = incoming.announces_at_most(MAX_CONFIGURATION);
        fits.map_err(|error| body::refuse(error, MAX_CONFIGURATION))?;
        match route.body {
            Body::None | Body::Push => Ok(Question { body: None, upload: None }),
            Body::Configuration => {
                let media = body::media(headers, &[Media::Json, Media::Yaml])?;
                self.upload(token, incoming, media).await
            }
            Body::Request => {
                let media = body::media(headers, &[Media::Json])?;
                self.question(token, incoming, media).await
            }
            Body::Pause => {
                let bytes = small(incoming).await?;
                if bytes.is_empty() {
                    return Ok(Question { body: None, upload: None });
                }
                let media = body::media(headers, &[Media::Json])?;
                Ok(Question { body: Some((bytes, media)), upload: None })
            }
        }
    }

    /// The body of any request: how large it may be depends on what it asks, and that stands at its beginning.
    async fn question(
        &self,
        token: &Token,
        mut incoming: Incoming,
        media: Media,
    ) -> Result<Question, Refusal> {
        let refuse = |error| body::refuse(error, MAX_QUESTION);
        let beginning = incoming.beginning(Sort::LONGEST).await.map_err(refuse)?;
        // What asks nothing that is known is small, and refused with what is wrong with it.
        let asked = Sort::of_beginning(beginning).and_then(|sort| Some((sort, sort.with_configuration()?)));
        let Some((sort, what)) = asked else {
            return Ok(Question { body: Some((small(incoming).await?, media)), upload: None });
        };
        self.require(token, required(sort), what).await?;
        self.upload(token, incoming, media).await
    }

    /// A configuration. Its bearer may send one: it has a place among those that do once it is no small one.
    async fn upload(&self, token: &Token, mut incoming: Incoming, media: Media) -> Result<Question, Refusal> {
        let refuse = |error| body::refuse(error, MAX_CONFIGURATION);
        incoming.beginning(MAX_QUESTION).await.map_err(refuse)?;
        let place = self.uploads.take(token.name.as_str(), self.limits.upload_time).await;
        let place = place.ok_or_else(|| Refusal::unavailable("there are too many uploads at once"))?;
        incoming.prove(self.limits.upload_time);
        let (bytes, _) = incoming.whole(MAX_CONFIGURATION).await.map_err(refuse)?;
        Ok(Question { body: Some((bytes, media)), upload: Some(place) })
    }

    /// What is asked. A configuration takes a while to be read, so that is done beside everything else.
    pub(super) async fn understand(
        &self,
        (operation, values): (Option<Operation>, Values),
        body: Option<(Bytes, Media)>,
        caller: Caller,
    ) -> Result<(Request, Caller), Refusal> {
        let root = self.access.root.clone();
        beside(move || {
            if let Some((bytes, Media::Json)) = &body {
                upload::is_bounded(bytes)?;
            }
            if let Some(operation) = operation {
                let from = From { caller: &caller, root: &root };
                return Ok((request_of(operation, &values, body, from)?, caller));
            }
            let bytes = body.map(|(bytes, _)| bytes).unwrap_or_default();
            Ok((body::json(&bytes)?, caller))
        })
        .await
    }

    /// The turn of a configuration to be read.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(self.limits.upload_time, turn).await;
        turn.ok()
            .and_then(Result::ok)
            .ok_or_else(|| Refusal::unavailable("there are too many uploads at once"))
    }
}

/// The whole of a body that carries no configuration.
pub(crate) async fn small(incoming: Incoming) -> Result<Bytes, Refusal> {
    let read = incoming.whole(MAX_QUESTION).await;
    read.map(|(bytes, _)| bytes).map_err(|error| body::refuse(error, MAX_QUESTION))
}
