//! Walks through the pages of a data type: through one chain of pages, or through one a parent record.
//!
//! A page that contradicts what the service says is asked for again, and then fails the reading: a page is passed on only when
//! it is known what follows it.

mod asking;
mod continued;
mod since;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::HttpStream;
use raccord_compiler::select::{Listed, Other, RecordList};
use raccord_model::bytes_size::ByteSize;
use raccord_model::checkpoint::{PartitionId, Shift, Spot, Token};
use raccord_model::port::Async;
use raccord_model::port::records::{Fault, How, Mask};
use raccord_model::port::source::SourceError;
use reqwest::StatusCode;
use url::Url;

use super::aside::aside;
use super::client::Exchange;
use super::fetched::{Fetched, Partition, Wanted};
use super::hold::{Held, HoldError};
use super::paginate::{Absent, Pager, Position, Step};
use super::parent::{Parent, Settled};
use super::partition::{Health, Notes};
use super::reading::{Reading, extent};
use super::sync::Since;
use super::token::Place;
use super::trail::Trail;

/// How much of what is not a record is kept.
pub(super) const MAX_PAYLOAD: usize = 200;
/// How many empty pages may follow each other, where the service says each time that there is more.
pub(crate) const MAX_EMPTY_PAGES: u64 = 1_000;

/// Whole records, in a body of their own.
type Whole = (Bytes, Vec<Range<usize>>);

/// Walks through the pages of one data type.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: Arc<HttpStream>,
    exchange: Arc<Exchange>,
    pager: Pager,
    records: RecordList,
    wanted: Wanted,
    size: Option<u64>,
    /// The page to ask for; `None` when all were.
    position: Option<Position>,
    parent: Option<Parent>,
    /// The partition in hand.
    partition: Option<Partition>,
    health: Health,
    /// What there is to tell beside the records.
    pub(super) notes: Notes,
    /// The first error that was about one partition alone.
    pub(super) failure: Option<SourceError>,
    /// What was read of the chain in hand, to notice a service that repeats itself.
    trail: Trail,
    /// Records that continue on the next page.
    held: Option<Held>,
    /// What says how the pages end and was in no answer so far.
    absent: Absent,
    /// How many pages in a row were empty.
    empty: u64,
    requests: u64,
    /// Whether the page to ask for comes from a token.
    resumed: bool,
    /// Whether the chain in hand was begun by an earlier run.
    continued: bool,
    /// Where the very first reading begins.
    initial: Option<Since>,
    /// The token that counted at the end of the chain, where there are no partitions.
    pub(super) ended: Option<Token>,
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
        let pager = Pager::new(&stream, size, !wanted.is_parent);
        let records = stream.extractor.list();
        let most = stream.limits.max_body;
        let held = stream.completion.as_ref().map(|completion| Held::new(completion, most));
        let position = Some(position);
        let (trail, absent, empty, requests) = (Trail::default(), Absent::default(), 0, 0);
        let initial = Since::initial(&stream);
        Self {
            stream,
            exchange,
            pager,
            records,
            wanted,
            size,
            position,
            parent,
            partition: None,
            health: Health::default(),
            notes: Notes::default(),
            failure: None,
            trail,
            held,
            absent,
            empty,
            requests,
            resumed,
            continued: resumed,
            initial,
            ended: None,
        }
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

    /// Asks for one page; `None` when there is nothing left to ask for. Records that continue on the next page come with it.
    /// What concerns one partition alone is noted, and the next one has its turn; a page without records comes in between
    /// when there is much to tell.
    pub(crate) fn fetch(&mut self) -> Async<'_, Result<Option<Fetched>, SourceError>> {
        Box::pin(async move {
            while let Some(position) = self.position.clone() {
                if self.parent.is_some() && self.partition.is_none() && !self.settle().await? {
                    self.position = None;
                    return Ok(None);
                }
                self.count_page()?;
                match self.page(&position).await {
                    Ok(Some(fetched)) => return Ok(Some(fetched)),
                    Ok(None) => {}
                    Err(error) => self.pass_over(error)?,
                }
                // While records continue there is no place at which another run could go on.
                if self.notes.are_many() && !self.is_holding() {
                    return Ok(self.position.is_some().then(|| self.pause()));
                }
            }
            Ok(None)
        })
    }

    /// Whether records are held that continue on the next page.
    fn is_holding(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_empty())
    }

    /// Makes sure that there is a partition in hand; returns whether there is one.
    async fn settle(&mut self) -> Result<bool, SourceError> {
        let Some(parent) = &mut self.parent else { return Ok(false) };
        let settled = parent.settle().await;
        parent.tell(&mut self.notes);
        let Some(Settled { record, fields, place }) = settled? else { return Ok(false) };
        let id = PartitionId::of(&self.stream.data_type, &fields);
        let since = match (&self.wanted.starts, &self.stream.cursor) {
            (Some(starts), Some(cursor)) => {
                let start = starts.of(id).await.map_err(SourceError::Start)?;
                start.map(|start| Since::of(cursor, &start))
            }
            _ => self.wanted.since.clone(),
        };
        self.partition = Some(Partition { id, record, fields, place, since });
        Ok(true)
    }

    /// Asks for a page of the partition in hand; `None` when there is no such page, or its records continue on the next.
    async fn page(&mut self, position: &Position) -> Result<Option<Fetched>, SourceError> {
        let still = self.stands_still(position).await;
        still.map_err(|error| self.refused(error, position))?;
        let sound = self.sound(position).await;
        if let Err(error) = &sound
            && let Some(begun) = self.after_expiry(error, position)
        {
            self.begin_again(begun, error);
            return Ok(None);
        }
        let sound = sound.map_err(|error| self.refused(error, position))?;
        self.resumed = false;
        let Some(reading) = sound else {
            self.keeps_promises(position.seen > 0)
                .map_err(|why| self.exchange.wrong_answer(&self.stream.requester.url_base, &why))?;
            let token = self.token_without_page(position);
            self.advance(None, token);
            return Ok(None);
        };
        let fetched = aside(reading.body.len(), || self.pass(reading, position))?;
        self.health.answered();
        Ok(fetched.map(|fetched| Fetched { next: self.place(), ..fetched }))
    }

    /// Notes an error that concerns the partition in hand alone and moves on to the next one; any other is returned.
    fn pass_over(&mut self, error: SourceError) -> Result<(), SourceError> {
        let (Some(router), Some(partition)) = (&self.stream.partition_router, self.partition.take()) else {
            return Err(error);
        };
        let Some(how) = self.health.judge(&error, router) else { return Err(error) };
        if let How::Failed { .. } = how {
            tracing::warn!(%error, "the children of a parent record cannot be read; the next one has its turn");
            self.failure.get_or_insert(error);
        }
        self.notes.passed.push(partition.passed(how, None));
        self.resumed = false;
        // What it held of records that continue is not whole.
        let most = self.stream.limits.max_body;
        self.held = self.stream.completion.as_ref().map(|completion| Held::new(completion, most));
        self.advance(None, None);
        Ok(())
    }

    /// A page without records.
    fn pause(&self) -> Fetched {
        Fetched {
            status: StatusCode::NO_CONTENT.as_u16(),
            url: self.stream.requester.url_base.clone(),
            body: Bytes::new(),
            spans: Vec::new(),
            outers: Vec::new(),
            faults: Vec::new(),
            position: "between two parent records".to_owned(),
            parent: None,
            partition: None,
            ends_partition: false,
            spot: None,
            next: self.place(),
            by_position: self.pager.is_by_position(),
            total: None,
            token: None,
        }
    }

    fn count_page(&mut self) -> Result<(), SourceError> {
        let most = self.stream.limits.max_pages;
        if self.requests >= most {
            let name = &self.stream.data_type;
            let message = format!("`{name}` has more than {most} pages; raise `maxPages` if that is right");
            return Err(SourceError::Limit { place: self.base(), message });
        }
        self.requests += 1;
        Ok(())
    }

    /// Whether a text that is to be kept holds a credential of ours.
    pub(crate) fn repeats_credential(&self, text: &str) -> bool {
        self.exchange.repeats_credential(text)
    }

    /// What takes our credentials out of what is kept of records.
    pub(crate) fn mask(&self) -> Mask {
        let exchange = Arc::clone(&self.exchange);
        Mask::new(move |text| exchange.masker().mask(text))
    }

    /// A URL as it may be shown.
    pub(crate) fn show(&self, url: &Url) -> String {
        self.exchange.show(url)
    }

    fn base(&self) -> String {
        self.exchange.show(&self.stream.requester.url_base)
    }

    /// Moves on over an answer that makes sense; `None` while its records are held.
    fn pass(&mut self, reading: Reading, position: &Position) -> Result<Option<Fetched>, SourceError> {
        let exchange = Arc::clone(&self.exchange);
        let shown = reading.url.clone();
        let wrong = |message: String| exchange.wrong_answer(&shown, &message);
        self.notice(&reading, position).map_err(wrong)?;
        let Reading { status, url, body, list, faults, step, is_complete, total, token, .. } = reading;
        let by_position = self.pager.is_by_position();
        let before = if by_position { continued::before(position, &body, &list) } else { None };
        let (body, list) = match self.hold(&body, &list, is_complete) {
            Ok(Some(whole)) => whole,
            Ok(None) => (body, list),
            Err(message) => return Err(wrong(message)),
        };
        let text = self.describe(position);
        let Listed { body: whole, spans, outers, others } = self.records.list(&body, list);
        // What was decoded has told its own faults, of which the list has the places alone.
        let faults = faults
            .unwrap_or_else(|| others.into_iter().map(|other| self.fault(&body, other, &text)).collect());
        let next = match step {
            Step::On(next) => Some(next),
            Step::Skip(next) => next,
            Step::Last | Step::Contradiction(_) => None,
        };
        let token = self.token_after(position, token);
        let next = next.map(|next| Position { before, token: token.clone(), ..next });
        let (parent, partition) = self.partition.as_ref().map(|it| (it.record.clone(), it.id)).unzip();
        let is_one_of_several = position.page > 1 || next.is_some();
        let spot = Spot { partition, page: position.page };
        let spot = (is_one_of_several && by_position).then_some(spot);
        let ends_partition = partition.is_some() && next.is_none();
        self.advance(next, token.clone());
        Ok(is_complete.then(|| Fetched {
            status,
            url,
            body: whole,
            spans,
            outers,
            faults,
            position: text,
            parent,
            partition,
            ends_partition,
            spot,
            next: None,
            by_position,
            total,
            token,
        }))
    }

    /// Keeps what an answer says of the service and of the chain; an error where the chain cannot be trusted.
    fn notice(&mut self, reading: &Reading, position: &Position) -> Result<(), String> {
        self.notes.behind = self.notes.behind.max(reading.behind);
        if self.notes.more_available.is_none() {
            self.notes.more_available.clone_from(&reading.left);
        }
        self.trace(&reading.body, &reading.list, &reading.step)?;
        if let Some(absent) = &reading.absent {
            self.absent.narrow(absent);
        }
        if matches!(reading.step, Step::Last | Step::Skip(None)) {
            self.keeps_promises(position.seen > 0 || !reading.list.is_empty())?;
        }
        if let (true, Some(before), Some(after)) =
            (self.pager.is_by_position(), position.total, reading.total)
            && before != after
        {
            self.notes.shift.get_or_insert(Shift::Total { before, after });
        }
        Ok(())
    }

    /// What the settings say of every answer must have been in one of them before a chain with records is at its end. Of one that an
    /// earlier run began, not all answers are known.
    fn keeps_promises(&self, has_records: bool) -> Result<(), String> {
        let why = if has_records && !self.continued { self.absent.why() } else { None };
        why.map_or(Ok(()), Err)
    }

    /// Notices a chain that leads in a circle, or nowhere.
    fn trace(&mut self, body: &Bytes, list: &[Range<usize>], step: &Step) -> Result<(), String> {
        let is_new = list.is_empty() || self.trail.pass(extent(body, list));
        // Records that continue, and those at the end of a page by value, may well be the same again.
        if !is_new && self.held.is_none() && !self.pager.is_by_value() {
            return Err(
                "the service returned the same page twice: it ignores what asks for another one, or repeats its last one; in that case say what ends the reading (`total`, `pages`, `while` or `until`)"
                    .to_owned(),
            );
        }
        self.empty = if list.is_empty() { self.empty + 1 } else { 0 };
        if self.empty > MAX_EMPTY_PAGES {
            return Err(format!(
                "{MAX_EMPTY_PAGES} empty pages follow each other, and each says that there is more; say what ends the reading (`while`, `until`, `total` or `pages`)"
            ));
        }
        if let Step::On(next) | Step::Skip(Some(next)) = step
            && !self.trail.go(&next.at)
        {
            return Err("the answer leads back to a page that was read before".to_owned());
        }
        Ok(())
    }

    /// Keeps records that continue on the next page; gives the whole ones out when nothing is missing any more.
    fn hold(
        &mut self,
        body: &Bytes,
        list: &[Range<usize>],
        is_complete: bool,
    ) -> Result<Option<Whole>, String> {
        let Some(held) = &mut self.held else { return Ok(None) };
        if is_complete && held.is_empty() {
            return Ok(None);
        }
        let raw: Vec<&str> =
            list.iter().filter_map(|span| std::str::from_utf8(body.get(span.clone())?).ok()).collect();
        held.take(&raw).map_err(|error| match error {
            HoldError::Keyless(key) => {
                format!("a record that continues on the next page has no `{key}`; name its key: `complete: {{path: …, key: …}}`")
            }
            HoldError::TooLarge => format!(
                "the records that continue on the next page come to more than `maxBody` of {}",
                ByteSize(self.stream.limits.max_body)
            ),
        })?;
        Ok(is_complete.then(|| held.release()))
    }

    /// The next page of the chain, else the first page of the next parent record, else none. At the end of a chain the token
    /// counts.
    fn advance(&mut self, next: Option<Position>, token: Option<Token>) {
        self.position = next;
        if self.position.is_none() {
            self.trail.clear();
            (self.empty, self.continued) = (0, false);
            match self.partition.take() {
                Some(partition) => self.notes.passed.push(partition.passed(How::Read, token)),
                None => self.ended = token,
            }
            if let Some(parent) = &mut self.parent
                && parent.advance()
            {
                self.position = Some(Position::first());
            }
        }
    }

    pub(super) fn describe(&self, position: &Position) -> String {
        let page = format!("page {}", position.page);
        match &self.parent {
            Some(parent) => format!("{}, {page}", parent.describe()),
            None => page,
        }
    }

    /// What stood where a record was expected.
    fn fault(&self, body: &Bytes, other: Other, position: &str) -> Fault {
        let Other { number, reason, span } = other;
        let raw = body.get(span).unwrap_or_default();
        Fault {
            position: format!("{position}, record {number}"),
            reason,
            payload: self.exchange.masker().excerpt(raw, MAX_PAYLOAD),
        }
    }
}
