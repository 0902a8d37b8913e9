//! A data type of a manifest as a source: its pages, with the state from which another reading goes on as page token and as
//! state of the source. What the manifest means is none of its business.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use bytes::{Bytes, BytesMut};
use raccord_compiler::connector::ManifestStream;
use raccord_manifest::connector::Connector;
use raccord_manifest::load::Manifest;
use raccord_manifest::read::{Page as Read, Reading};
use raccord_manifest::service::{Masks, Service};
use raccord_manifest::spec::{Specification, Violation};
use raccord_manifest::stream::Stream;
use raccord_manifest::transport::Transport;
use raccord_model::checkpoint::{PageToken, SourceState};
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::connector::manifest::Setting;
use raccord_model::language::connector::records::MissingList;
use raccord_model::port::Async;
use raccord_model::port::records::{Mask, Page, Records};
use raccord_model::port::source::{Pages, Read as Wanted, Source, SourceError};
use raccord_model::secret::SecretRef;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::complaints::Usual;
use super::failure::told;
use super::partial::Partial;
use super::read::configured;
use crate::credentials::Credentials;
use crate::open::{Open, Opening};
use crate::shared::SourceShared;

/// A data type of a manifest, ready to be read.
struct ManifestSource {
    stream: Arc<ManifestStream>,
    shared: SourceShared,
    credentials: Arc<dyn Credentials>,
    masks: Masks,
}

impl Open for ManifestSettings {
    fn open(stream: Arc<ManifestStream>, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
        let Opening { credentials, shared, .. } = opening;
        Ok(Box::new(ManifestSource { stream, shared: shared.clone(), credentials, masks: Masks::default() }))
    }
}

impl ManifestSource {
    /// The stream with its configuration: secrets are read now.
    async fn built(&self) -> Result<Arc<Stream>, SourceError> {
        let (manifest, failed) = (&self.stream.manifest, |error| told(error, &self.masks));
        let config = configured(manifest, self.config().await?).map_err(failed)?;
        let specification = Specification::of(manifest).map_err(|problem| failed(problem.into()))?;
        if let Some(Violation { path, message }) = specification.check(&config).map_err(failed)?.first() {
            let place = "config".to_owned();
            return Err(SourceError::Settings { place, message: format!("`{path}`: {message}") });
        }
        let transport: Arc<dyn Transport> = self.transport().await?;
        let may_be_missing = self.stream.settings.records.missing == MissingList::Empty;
        let mut service = Service::new(transport.clone(), &Arc::new(config))
            .with_masks(self.masks.clone())
            .with_complaints(Arc::new(Usual))
            .with_missing_lists(may_be_missing);
        if let Some(tokens) = &self.shared.tokens {
            service = service.with_tokens(Arc::clone(tokens));
        }
        let connector = Connector::new(Manifest::clone(manifest), service, transport);
        connector.stream(&self.stream.name).map_err(|problem| failed(problem.into()))
    }

    /// The way to the service: shared by all data types, unless it shows a certificate, which is read now.
    async fn transport(&self) -> Result<Arc<dyn Transport>, SourceError> {
        let limits = super::Limits::default();
        let connections = self.credentials.connections();
        let own = connections.client("manifest", || super::HttpTransport::builder(limits)).await?;
        let Some(own) = own else { return self.shared.transport() };
        let (now, seed) = (self.shared.now.clone(), self.shared.seed());
        Ok(Arc::new(super::HttpTransport::over(own, now, seed, limits)))
    }

    /// The settings with their secrets.
    async fn config(&self) -> Result<Value, SourceError> {
        let settings = &self.stream.settings.settings;
        let mut secrets: BTreeMap<SecretRef, SecretString> = BTreeMap::new();
        for reference in settings.values().flat_map(references) {
            let secret = self.shared.secrets.read(&reference).await?;
            self.masks.add(secret.expose_secret());
            secrets.insert(reference, secret);
        }
        let mut read = |reference: &SecretRef| {
            secrets.get(reference).map_or(Value::Null, |secret| Value::from(secret.expose_secret()))
        };
        let config: Map<String, Value> =
            settings.iter().map(|(name, value)| (name.clone(), value.to_json(&mut read))).collect();
        Ok(Value::Object(config))
    }

    async fn begin(&self, wanted: &Wanted) -> Result<ManifestPages, SourceError> {
        let page = wanted.page.as_ref().map(Mark::of).transpose()?.and_then(|mark| mark.state);
        let state = page.or_else(|| wanted.state.as_ref().map(|state| state.as_str().to_owned()));
        let state: Option<Value> =
            state.map(|state| serde_json::from_str(&state)).transpose().map_err(|_| {
                SourceError::PageRefused { message: "what was read before cannot be understood".to_owned() }
            })?;
        let reading = self.built().await?.read(state.as_ref()).map_err(|error| told(error, &self.masks))?;
        Ok(ManifestPages {
            reading,
            keeps_state: self.stream.is_incremental(),
            mark: Mark { state: state.map(|state| state.to_string()) },
            masks: self.masks.clone(),
            number: 0,
            partial: Partial::default(),
        })
    }
}

impl Source for ManifestSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(async {
            let mut pages = self.begin(&Wanted::default()).await?;
            let page = pages.next().await?;
            let records = page.map_or(0, |page| page.records.len());
            Ok(format!("the first page of `{}` has {records} records", self.stream.name))
        })
    }

    fn open(&self, read: Wanted) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(async move {
            let pages: Box<dyn Pages> = Box::new(self.begin(&read).await?);
            Ok(pages)
        })
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        let message = "a manifest does not say how one record is fetched".to_owned();
        Box::pin(std::future::ready(Err(SourceError::Answer { place: self.stream.name.clone(), message })))
    }

    fn mask(&self) -> Async<'_, Option<Mask>> {
        Box::pin(std::future::ready(Some(mask(&self.masks))))
    }
}

/// The references in a setting.
fn references(setting: &Setting) -> Vec<SecretRef> {
    let mut found = Vec::new();
    setting.to_json(&mut |reference| {
        found.push(reference.clone());
        Value::Null
    });
    found
}

fn mask(masks: &Masks) -> Mask {
    let masks = masks.clone();
    Mask::new(move |text| super::masked(&masks, text))
}

/// Where a reading stands: the state after the last slice that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    state: Option<String>,
}

impl Mark {
    /// How a token of this form begins.
    const VERSION: &'static str = "v1:";

    fn token(&self) -> PageToken {
        PageToken(format!("{}{}", Self::VERSION, self.state.as_deref().unwrap_or_default()))
    }

    fn of(token: &PageToken) -> Result<Self, SourceError> {
        let refused = || SourceError::PageRefused { message: "it is of another version".to_owned() };
        let state = token.0.strip_prefix(Self::VERSION).ok_or_else(refused)?;
        Ok(Self { state: (!state.is_empty()).then(|| state.to_owned()) })
    }
}

/// Pages of a manifest's stream under way.
struct ManifestPages {
    reading: Reading,
    keeps_state: bool,
    mark: Mark,
    masks: Masks,
    number: u64,
    partial: Partial,
}

impl ManifestPages {
    /// The next page. A partition that cannot be read does not keep others from being read; the reading fails at its end.
    async fn read(&mut self) -> Result<Option<Read>, SourceError> {
        loop {
            match self.reading.next().await {
                Ok(Some(page)) => {
                    self.partial.answered();
                    return Ok(Some(page));
                }
                Ok(None) => {
                    let Some((error, failed)) = self.partial.failure() else { return Ok(None) };
                    return Err(lacking(told(error, &self.masks), failed));
                }
                Err(error) if self.reading.has_others() => {
                    self.partial.take_in(error).map_err(|error| told(error, &self.masks))?;
                }
                Err(error) => return Err(told(error, &self.masks)),
            }
        }
    }

    /// A page of ours with what was read.
    fn page(&mut self, read: Option<&Read>) -> Result<Page, SourceError> {
        let is_last = read.is_none() || self.reading.is_done();
        if self.keeps_state && read.is_none_or(|read| read.is_checkpoint) {
            let kept = |state: Value| super::kept(&state, &self.masks);
            let state = self.reading.state().map(kept).transpose();
            self.mark = Mark { state: state.map_err(|error| told(error, &self.masks))? };
        }
        self.number += 1;
        Ok(Page {
            records: read.map_or_else(|| Page::empty().records, records),
            position: format!("page {}", self.number),
            next: (!is_last).then(|| self.mark.token()),
            state: self.mark.state.clone().filter(|_| self.keeps_state).map(SourceState::new),
            passed_over: self.reading.take_passed_over().map(|what| {
                let what = format!("{what}, which the manifest ignores (`action: IGNORE`)");
                super::masked(&self.masks, &what)
            }),
            mask: Some(mask(&self.masks)),
            ..Page::empty()
        })
    }
}

/// Why a reading has failed that has read what it could, where several partitions could not be read.
fn lacking(error: SourceError, failed: u64) -> SourceError {
    match error {
        SourceError::Status { status, url, message } if failed > 1 => {
            let message = format!("{message} (the first of {failed} partitions that could not be read)");
            SourceError::Status { status, url, message }
        }
        SourceError::Answer { place, message } if failed > 1 => {
            let message = format!("{message} (the first of {failed} partitions that could not be read)");
            SourceError::Answer { place, message }
        }
        other => other,
    }
}

impl Pages for ManifestPages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(async {
            if self.reading.is_done() && self.number > 0 {
                return Ok(None);
            }
            let read = self.read().await?;
            self.page(read.as_ref()).map(Some)
        })
    }
}

/// The records of a page, one after the other in one body.
fn records(read: &Read) -> Records {
    let mut body = BytesMut::new();
    let mut spans = Vec::with_capacity(read.records.len());
    for record in &read.records {
        let start = body.len();
        body.extend_from_slice(&record.text());
        spans.push(start..body.len());
    }
    Records::Json { body: body.freeze(), spans }
}

impl SourceShared {
    /// The way to the service of a manifest, shared by all of its data types.
    fn transport(&self) -> Result<Arc<dyn Transport>, SourceError> {
        let mut known = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = &*known {
            return Ok(transport.clone());
        }
        let transport = super::HttpTransport::new(self.now.clone(), self.seed(), super::Limits::default());
        let transport: Arc<dyn Transport> = Arc::new(transport.map_err(|error| {
            SourceError::Unreachable { url: "the service".to_owned(), message: error.to_string() }
        })?);
        *known = Some(transport.clone());
        Ok(transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for state in [None, Some(r#"{"updated_at":"2025-01-01"}"#)] {
            let mark = Mark { state: state.map(str::to_owned) };
            assert_eq!(Mark::of(&mark.token()).unwrap(), mark);
        }
        assert!(Mark::of(&PageToken("7".to_owned())).is_err());
    }
}
