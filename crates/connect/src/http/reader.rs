//! Walks through the pages of a data type: through one chain of pages, or through one a parent record.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::HttpStream;
use raccord_compiler::select::{Found, span_of};
use raccord_model::port::Async;
use raccord_model::port::records::{Fault, Mask};
use raccord_model::port::source::SourceError;
use reqwest::StatusCode;
use url::Url;

use super::answer::{Answer, not_json, to_utf8};
use super::client::Exchange;
use super::paginate::{At, Pager, Position, View};
use super::parent::Parent;
use super::request::{Asked, build};
use super::token::Place;

/// How much of what is not a record is kept.
const MAX_PAYLOAD: usize = 200;

/// What one request brought.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) url: Url,
    pub(crate) body: Bytes,
    /// Where each record is in the body.
    pub(crate) spans: Vec<Range<usize>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) position: String,
    /// The parent record.
    pub(crate) parent: Option<Bytes>,
    /// Where the next page is; `None` when there can be no more.
    pub(crate) next: Option<Place>,
    /// Whether pages are asked for by their position.
    pub(crate) by_position: bool,
    /// How many records the service says that all pages of this chain have.
    pub(crate) total: Option<u64>,
}

/// What is to be read of a data type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// From where on records are wanted, as the parameter is sent it.
    pub(crate) since: Option<String>,
    /// The most records of a page, where the service may be told.
    pub(crate) page_size: Option<u64>,
}

/// Walks through the pages of one data type.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: Arc<HttpStream>,
    exchange: Arc<Exchange>,
    pager: Pager,
    wanted: Wanted,
    size: Option<u64>,
    /// The page to ask for; `None` when all were.
    position: Option<Position>,
    parent: Option<Parent>,
    /// The records of the page before, to notice a service that repeats itself.
    previous: Option<Bytes>,
    requests: u64,
    /// Whether the page to ask for comes from a token.
    resumed: bool,
}

impl Reader {
    /// Begins at a place, or at the beginning.
    pub(crate) fn new(
        stream: Arc<HttpStream>,
        exchange: Arc<Exchange>,
        wanted: Wanted,
        place: Option<Place>,
    ) -> Self {
        let size = stream.page_size.as_ref().map(|size| size.size);
        let size = size.map(|size| wanted.page_size.map_or(size, |most| size.min(most.max(1))));
        let resumed = place.is_some();
        let (position, above) = match place {
            Some(place) => (place.position, place.parent),
            None => (Position::first(), None),
        };
        let parent = Parent::above(&stream, &exchange, above.map(|above| *above));
        let pager = Pager::new(&stream, size);
        let position = Some(position);
        Self { stream, exchange, pager, wanted, size, position, parent, previous: None, requests: 0, resumed }
    }

    /// Where the next page is; `None` when there is none.
    pub(crate) fn place(&self) -> Option<Place> {
        let position = self.position.clone()?;
        Some(Place { position, parent: self.parent.as_ref().map(|parent| Box::new(parent.place())) })
    }

    /// Whether another page can be asked for.
    pub(crate) const fn has_more(&self) -> bool {
        self.position.is_some()
    }

    /// Asks for one page; `None` when there is nothing left to ask for.
    pub(crate) fn fetch(&mut self) -> Async<'_, Result<Option<Fetched>, SourceError>> {
        Box::pin(async move {
            let Some(position) = self.position.clone() else {
                return Ok(None);
            };
            let mut fields = Vec::new();
            let mut record = None;
            if let Some(parent) = &mut self.parent {
                let Some(settled) = parent.settle().await? else {
                    self.position = None;
                    return Ok(None);
                };
                (record, fields) = (Some(settled.record), settled.fields);
            }
            let answer = self.ask(&position, &fields).await?;
            let mut fetched = self.read(answer, &position)?;
            fetched.parent = record;
            fetched.next = self.place();
            Ok(Some(fetched))
        })
    }

    async fn ask(&mut self, position: &Position, fields: &[String]) -> Result<Answer, SourceError> {
        let limits = &self.stream.limits;
        if self.requests >= limits.max_pages {
            let message = format!(
                "`{}` has more than {} pages; raise `maxPages` if that is right",
                self.stream.data_type, limits.max_pages
            );
            return Err(SourceError::Limit { place: self.base(), message });
        }
        let since = self.wanted.since.as_deref();
        let asked = Asked { at: &position.at, since, size: self.size, parent: fields };
        let outgoing = build(&self.stream, &asked)
            .map_err(|message| SourceError::Answer { place: self.base(), message })?;
        let answer =
            self.exchange.send(&outgoing).await.map_err(|error| self.refused(error, &position.at))?;
        self.requests += 1;
        self.resumed = false;
        Ok(answer)
    }

    /// An error of the page itself means that its token is no longer accepted.
    fn refused(&self, error: SourceError, at: &At) -> SourceError {
        match error {
            SourceError::Status { status, url, message }
                if (self.resumed && matches!(status, 400 | 404 | 410 | 422))
                    || (status == 410 && *at != At::First) =>
            {
                SourceError::PageRefused { message: format!("{url} answered {status}: {message}") }
            }
            other => other,
        }
    }

    /// Whether a text that is to be kept holds a credential of ours.
    pub(crate) fn repeats_credential(&self, text: &str) -> bool {
        self.exchange.repeats_credential(text)
    }

    /// What takes our credentials out of what is kept of records.
    pub(crate) fn mask(&self) -> Mask {
        let exchange = Arc::clone(&self.exchange);
        Mask::new(move |text| exchange.authenticator.masker.mask(text))
    }

    /// A URL as it may be shown.
    pub(crate) fn show(&self, url: &Url) -> String {
        self.exchange.show(url)
    }

    fn base(&self) -> String {
        self.exchange.show(&self.stream.requester.url_base)
    }

    /// Takes the records out of an answer and moves on to the next page.
    fn read(&mut self, answer: Answer, position: &Position) -> Result<Fetched, SourceError> {
        let Answer { status, url, headers, body } = answer;
        let exchange = Arc::clone(&self.exchange);
        let wrong = |message: String| exchange.wrong_answer(&url, &message);
        let body = to_utf8(&headers, body).map_err(wrong)?;
        let mut found = Found::default();
        if status != StatusCode::NO_CONTENT.as_u16() {
            let selected = self.pager.selector.select(&body, &mut found);
            selected
                .map_err(|error| wrong(not_json(&headers, &body, &error, &exchange.authenticator.masker)))?;
        }
        let clean = |url: &mut Url| exchange.clean(url);
        let view = View { url: &url, headers: &headers, found: &found, clean: &clean };
        let next = self.pager.next(position, &view).map_err(wrong)?;
        let total = self.pager.total(&view);
        // Services leave an empty list out; where everything is read, that must not pass for "nothing there".
        let may_be_missing = status == 204 || next.is_some() || self.wanted.since.is_some();
        if !found.has_list && !may_be_missing {
            let path = &self.stream.extractor.records;
            return Err(wrong(format!("`records: {path}` leads to no list in the answer")));
        }
        let position_text = self.describe(position);
        let (spans, faults) = self.split(&body, &found, &position_text);
        self.compare_with_previous(&body, &spans).map_err(wrong)?;
        self.advance(next);
        let by_position = self.pager.is_by_position();
        let position = position_text;
        Ok(Fetched {
            status,
            url,
            body,
            spans,
            faults,
            position,
            parent: None,
            next: None,
            by_position,
            total,
        })
    }

    /// The next page of the chain, else the first page of the next parent record, else none.
    fn advance(&mut self, next: Option<Position>) {
        self.position = next;
        if self.position.is_none() {
            self.previous = None;
            if let Some(parent) = &mut self.parent
                && parent.advance()
            {
                self.position = Some(Position::first());
            }
        }
    }

    fn describe(&self, position: &Position) -> String {
        let page = format!("page {}", position.page);
        match &self.parent {
            Some(parent) => format!("{}, {page}", parent.describe()),
            None => page,
        }
    }

    /// Tells the records from what only stands where a record was expected.
    fn split(&self, body: &Bytes, found: &Found<'_>, position: &str) -> (Vec<Range<usize>>, Vec<Fault>) {
        let mut spans = Vec::with_capacity(found.list.len());
        let mut faults = Vec::new();
        for (at, raw) in found.list.iter().enumerate() {
            if raw.starts_with('{') {
                spans.push(span_of(body, raw));
            } else {
                faults.push(Fault {
                    position: format!("{position}, record {}", at + 1),
                    reason: "it is not a JSON object".to_owned(),
                    payload: self.exchange.authenticator.masker.excerpt(raw.as_bytes(), MAX_PAYLOAD),
                });
            }
        }
        (spans, faults)
    }

    /// Remembers the bytes of the records, which costs nothing but keeping the page a little longer.
    fn compare_with_previous(&mut self, body: &Bytes, spans: &[Range<usize>]) -> Result<(), String> {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return Ok(());
        };
        let records = body.slice(first.start..last.end);
        if self.previous.as_ref() == Some(&records) {
            return Err("the service returned the same page twice".to_owned());
        }
        self.previous = Some(records);
        Ok(())
    }
}
