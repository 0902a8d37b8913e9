//! The connector `http`: executes the component tree of a REST endpoint, page by page.

mod aside;
mod authenticator;
mod by_value;
mod client;
pub(crate) mod complaint;
mod credentials;
mod encoding;
mod ending;
mod fetched;
mod graphql;
mod hmac;
mod hold;
mod lag;
mod limit;
mod link;
mod list;
mod oauth1;
mod origin;
mod paginate;
mod parent;
mod partition;
mod reader;
mod reading;
mod request;
mod retry;
mod said;
mod sign;
mod sigv4;
mod single;
mod strip;
mod sync;
mod token;
mod trail;

use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::HttpStream;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::HttpSettings;
use raccord_model::language::connector::http::Method;
use raccord_model::port::Async;
use raccord_model::port::records::{Mask, Page, Records};
use raccord_model::port::source::{Pages, Read, Source, SourceError};

pub(crate) use self::client::{Exchange, Outgoing};
pub(crate) use self::credentials::StaticCredentials;
use self::fetched::{Fetched, Wanted};
use self::partition::Notes;
use self::reader::Reader;
pub(crate) use self::request::headers;
use self::sync::Since;
use self::token::Place;
use crate::credentials::Credentials;
use crate::open::{Open, Opening};
use crate::shared::SourceShared;

/// How many records `check` asks for, where the service may be told.
const CHECK_SIZE: u64 = 10;

/// A REST endpoint, ready to be read.
#[derive(Debug)]
pub(crate) struct HttpSource {
    stream: Arc<HttpStream>,
    credentials: Arc<dyn Credentials>,
    shared: SourceShared,
}

impl Open for HttpSettings {
    fn open(stream: Arc<HttpStream>, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
        let Opening { credentials, shared, .. } = opening;
        shared.client()?;
        Ok(Box::new(HttpSource { stream, credentials, shared: shared.clone() }))
    }
}

impl HttpSource {
    /// Begins at a place.
    async fn reader(&self, wanted: Wanted, place: Option<Place>) -> Result<Reader, SourceError> {
        let exchange = Arc::new(self.exchange().await?);
        Ok(Reader::new(Arc::clone(&self.stream), exchange, wanted, place))
    }

    async fn exchange(&self) -> Result<Exchange, SourceError> {
        Exchange::begin(&self.stream, &self.shared, Arc::clone(&self.credentials)).await
    }

    async fn check_first_page(&self) -> Result<String, SourceError> {
        let wanted = Wanted { page_size: Some(CHECK_SIZE), ..Wanted::default() };
        let mut reader = self.reader(wanted, None).await?;
        let Some(fetched) = reader.fetch().await? else {
            if let Some(error) = reader.failure {
                return Err(error);
            }
            let parent = self.stream.above().map(|above| above.data_type.to_string());
            return Ok(format!("`{}` has no records to ask with", parent.unwrap_or_default()));
        };
        let method = match self.stream.requester.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let (url, count) = (reader.show(&fetched.url), fetched.spans.len());
        let records = if count == 1 { "record" } else { "records" };
        Ok(format!("{method} {url} answered {}, {count} {records} on the first page", fetched.status))
    }

    async fn open_pages(&self, read: &Read) -> Result<Box<dyn Pages>, SourceError> {
        let since = match (&self.stream.cursor, &read.from) {
            (Some(cursor), Some(from)) => Some(Since::of(cursor, from)),
            _ => None,
        };
        let page_size = read.page_size.and_then(|size| u64::try_from(size).ok());
        let place = read.page.as_ref().map(|token| token::read(token, &self.stream)).transpose()?;
        let wanted = Wanted { since, starts: read.starts.clone(), page_size, is_parent: false };
        let reader = self.reader(wanted, place).await?;
        Ok(Box::new(HttpPages { reader, is_over: false }))
    }
}

impl Source for HttpSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(self.check_first_page())
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(async move { self.open_pages(&read).await })
    }

    fn record<'a>(
        &'a self,
        path: &'a str,
        at: &'a FieldPath,
    ) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        Box::pin(async move { single::fetch(&self.stream, &self.exchange().await?, path, at).await })
    }

    fn mask(&self) -> Async<'_, Option<Mask>> {
        Box::pin(async {
            let credentials = Arc::clone(&self.credentials);
            let is_known = credentials.prepare_masker().await;
            is_known.then(|| Mask::new(move |text| credentials.masker().mask(text)))
        })
    }
}

/// The pages of a REST endpoint under way.
#[derive(Debug)]
struct HttpPages {
    reader: Reader,
    is_over: bool,
}

impl Pages for HttpPages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(async move {
            while !self.is_over {
                let Some(fetched) = self.reader.fetch().await? else {
                    // The page before this could not know that nothing would follow it.
                    self.is_over = true;
                    let end = Page { token: self.reader.ended.take(), ..end_of_window() };
                    return Ok(Some(told(end, &mut self.reader.notes)));
                };
                self.is_over = fetched.next.is_none();
                let has_records = !fetched.spans.is_empty() || !fetched.faults.is_empty();
                // Empty partitions are many; they are told of with the next page that is worth it.
                if has_records || self.is_over || self.reader.notes.are_many() {
                    let page = self.page(fetched)?;
                    return Ok(Some(told(page, &mut self.reader.notes)));
                }
            }
            Ok(None)
        })
    }
}

impl HttpPages {
    /// A page as it is handed on. What is kept of it holds no credential of ours, whatever a service repeats.
    fn page(&self, fetched: Fetched) -> Result<Page, SourceError> {
        let Fetched { url, body, spans, outers, position, next, .. } = fetched;
        let next = next.as_ref().map(token::write);
        if next.as_ref().is_some_and(|next| self.reader.repeats_credential(&next.0)) {
            let message = "the place of the next page repeats a credential of ours, which may not be kept";
            return Err(SourceError::Answer { place: self.reader.show(&url), message: message.to_owned() });
        }
        let records = if outers.is_empty() {
            Records::Json { body, spans }
        } else {
            Records::Nested { body, spans, outers }
        };
        Ok(Page {
            records,
            parent: fetched.parent,
            partition: fetched.partition,
            ends_partition: fetched.ends_partition,
            faults: fetched.faults,
            position,
            spot: fetched.spot,
            next,
            by_position: fetched.by_position,
            total: fetched.total,
            token: fetched.token,
            mask: Some(self.reader.mask()),
            ..Page::empty()
        })
    }
}

/// A page with all that is to be told since the one before.
fn told(page: Page, notes: &mut Notes) -> Page {
    let Notes { passed, faults, shift, expired, varied, more_available, behind } = std::mem::take(notes);
    Page { passed, parent_faults: faults, shift, expired, varied, more_available, behind, ..page }
}

/// The page that only says that the window is complete.
fn end_of_window() -> Page {
    Page { position: "the end".to_owned(), ..Page::empty() }
}
