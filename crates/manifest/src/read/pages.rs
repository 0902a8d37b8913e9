//! The pages of one slice: which one is asked next, and what is done when the service wants them smaller, from the
//! first again, or the slice in parts.

use serde_json::Value;

use super::track::{Newest, Track, now};
use crate::error::ReadError;
use crate::exchange::{Additions, Ask, Outcome, Selected};
use crate::paginate::{PageSeen, Reducer, ResetAction, header_variable};
use crate::partition::CHILD;
use crate::record::Record;
use crate::slice::Slice;
use crate::stream::{PageRetrieval, SliceOn, Stream};
use crate::time::DateTime;
use crate::transport::Response;

/// So often a slice is halved.
const MOST_HALVINGS: u32 = 10;

/// How pages are got.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) stream: &'a Stream,
    pub(super) pages: &'a PageRetrieval,
}

/// The pages of a slice.
pub(super) struct Pages {
    slice: Slice,
    newest: Newest,
    /// What is left of the slice, the next part last.
    parts: Vec<Part>,
}

/// A slice, or a part of one that is read by itself.
struct Part {
    slice: Slice,
    halvings: u32,
    /// What is asked for: the slice, or less of it once its pages began again.
    asked: Slice,
    token: Option<Value>,
    reducer: Option<Reducer>,
    /// How many records came since the pages began.
    count: u64,
    attempts: u32,
    newest: Option<DateTime>,
    first: Option<Response>,
}

/// A record, and its date where the cursor reads one.
struct Dated {
    record: Record,
    date: Option<DateTime>,
}

impl Pages {
    pub(super) fn begin(mut slice: Slice, way: Way<'_>, is_lazy: bool) -> Self {
        let child = slice.extra.remove(CHILD).filter(|_| is_lazy);
        let first =
            child.map(|child| Response { status: 200, headers: Vec::new(), body: child.to_string().into() });
        let part = Part { first, ..Part::new(slice.clone(), 0, way) };
        Self { slice, newest: Newest::default(), parts: vec![part] }
    }

    pub(super) fn slice(&self) -> &Slice {
        &self.slice
    }

    pub(super) fn newest(&self) -> &Newest {
        &self.newest
    }

    pub(super) fn is_done(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn finish(self) -> (Slice, Newest) {
        (self.slice, self.newest)
    }

    /// The next page's records.
    pub(super) async fn next(&mut self, way: Way<'_>, track: &mut Track) -> Result<Vec<Record>, ReadError> {
        let Some(mut part) = self.parts.pop() else { return Ok(Vec::new()) };
        let outcome = match part.first.take() {
            Some(answer) => Outcome::Answer(answer),
            None => part.ask(way).await?,
        };
        let records = match outcome {
            Outcome::Answer(answer) if answer.status >= 400 => return Ok(Vec::new()),
            Outcome::Answer(answer) => {
                let (records, is_last) = part.take(&answer, way, track)?;
                if is_last { (records, None) } else { (records, Some(part)) }
            }
            Outcome::ResetPagination => {
                part.begin_again(way, track)?;
                (Vec::new(), Some(part))
            }
            Outcome::SplitWindow(message) => {
                let halves = part.halves(way, track, message.as_deref())?;
                self.parts.extend(halves.into_iter().rev());
                (Vec::new(), None)
            }
            // It is asked again before it comes here.
            Outcome::ReducePageSize(_) => (Vec::new(), Some(part)),
        };
        let (records, rest) = records;
        self.parts.extend(rest);
        for dated in &records {
            track.observe(&mut self.newest, &dated.record, dated.date);
        }
        Ok(records.into_iter().map(|dated| dated.record).collect())
    }
}

impl Part {
    fn new(slice: Slice, halvings: u32, way: Way<'_>) -> Self {
        let size = way.pages.paginator.page_size().ok().flatten();
        Self {
            asked: slice.clone(),
            slice,
            halvings,
            token: way.pages.paginator.first(),
            reducer: way.pages.rules.reduction.as_ref().map(|reduction| reduction.begin(size)),
            count: 0,
            attempts: 0,
            newest: None,
            first: None,
        }
    }

    fn reduced(&self) -> Option<u32> {
        self.reducer.as_ref().and_then(Reducer::reduced)
    }

    /// Asks for the page, and again where the service wants it smaller.
    async fn ask(&mut self, way: Way<'_>) -> Result<Outcome, ReadError> {
        loop {
            let additions = self.additions(way)?;
            let path = way.pages.paginator.path(self.token.as_ref());
            let ask = Ask {
                slice: &self.asked,
                token: self.token.as_ref(),
                path: path.as_deref(),
                additions: &additions,
            };
            let outcome = way.pages.requester.ask(ask).await?;
            let Outcome::ReducePageSize(_) = outcome else { return Ok(outcome) };
            let Some(reducer) = &mut self.reducer else {
                let message =
                    "the service wants smaller pages, and the retriever has no `page_size_reduction`";
                return Err(ReadError::Settings(message.to_owned()));
            };
            way.stream.transport().sleep(reducer.shrink()?).await;
        }
    }

    fn additions(&self, way: Way<'_>) -> Result<Additions, ReadError> {
        let mut additions = way.pages.paginator.additions(self.token.as_ref(), self.reduced())?;
        let carries_slice = match way.pages.rules.slice_on {
            SliceOn::Every => true,
            SliceOn::First => self.token.is_none(),
            SliceOn::None => false,
        };
        if carries_slice {
            additions.merge(way.stream.slice_additions(&self.asked)?)?;
        }
        Ok(additions)
    }

    /// Takes the records out of an answer, and says whether it was the last page.
    fn take(
        &mut self,
        answer: &Response,
        way: Way<'_>,
        track: &Track,
    ) -> Result<(Vec<Dated>, bool), ReadError> {
        let selected = way.pages.selector.select(answer, &self.slice, self.token.as_ref())?;
        if let Some(reducer) = &mut self.reducer {
            reducer.succeeded();
        }
        let Selected { records, extracted } = selected;
        let now = now(way.stream);
        let dated = |record| Dated { date: track.date_of(&record), record };
        let mut records: Vec<_> = records.into_iter().map(dated).collect();
        if way.stream.filters_pages() {
            records.retain(|dated| track.is_new(&self.slice, dated.date, now));
        }
        self.count += u64::try_from(records.len()).unwrap_or(u64::MAX);
        self.newest = records.iter().map(|dated| dated.date).max().flatten().max(self.newest);
        let limit = way.pages.rules.reset.and_then(|reset| reset.limit);
        let is_last = if limit.is_some_and(|limit| self.count >= limit) {
            self.begin_again(way, track)?;
            false
        } else {
            let is_known = |dated: &Dated| !track.is_new(&self.slice, dated.date, now);
            let stops = way.stream.is_feed() && records.last().is_some_and(is_known);
            let next = if stops { None } else { self.next_token(answer, extracted, &records, way)? };
            self.token = next;
            self.token.is_none()
        };
        if way.stream.is_feed() {
            records.retain(|dated| track.is_new(&self.slice, dated.date, now));
        }
        Ok((records, is_last))
    }

    fn next_token(
        &self,
        answer: &Response,
        extracted: usize,
        records: &[Dated],
        way: Way<'_>,
    ) -> Result<Option<Value>, ReadError> {
        let last = records.last().map(|dated| dated.record.value());
        way.pages.paginator.next(&PageSeen {
            slice: &self.asked,
            token: self.token.as_ref(),
            extracted,
            kept: records.len(),
            last_record: last.as_ref(),
            reduced: self.reduced(),
            response: &|| way.pages.selector.variable(answer),
            headers: &|| header_variable(&answer.headers),
        })
    }

    /// The pages begin again, where possible with a slice that begins at the newest record.
    fn begin_again(&mut self, way: Way<'_>, track: &Track) -> Result<(), ReadError> {
        let splits = way.pages.rules.reset.is_some_and(|reset| reset.action == ResetAction::Split);
        let cursor = track.dates().filter(|_| splits);
        let (asked, most) = match cursor {
            Some(cursor) => (cursor.shortened(&self.slice, self.newest), 1),
            None => (self.asked.clone(), 2),
        };
        if asked == self.asked {
            self.attempts += 1;
            if self.attempts >= most {
                let message = "the pages began again, and there is nothing that would make them end";
                return Err(ReadError::Settings(message.to_owned()));
            }
        } else {
            self.attempts = 0;
        }
        self.asked = asked;
        self.token = way.pages.paginator.first();
        self.count = 0;
        Ok(())
    }

    /// The two halves of the slice.
    fn halves(&self, way: Way<'_>, track: &Track, message: Option<&str>) -> Result<[Self; 2], ReadError> {
        let fail = |why: &str| {
            let own = way.pages.rules.splitting.as_ref().and_then(|rule| rule.failure_message.as_deref());
            let more = own.map(str::trim).filter(|text| !text.is_empty()).or(message);
            ReadError::Settings(more.map_or_else(|| why.to_owned(), |more| format!("{why}. {more}")))
        };
        let Some(rule) = &way.pages.rules.splitting else {
            return Err(fail(
                "the service wants smaller slices, and the retriever has no `request_window_splitting`",
            ));
        };
        if self.halvings >= MOST_HALVINGS {
            return Err(fail("the service refused slices of every length that was tried"));
        }
        let halves = track.dates().and_then(|cursor| cursor.halves(&self.slice, rule.least));
        let halves = halves.ok_or_else(|| fail("the service refused a slice that cannot be made smaller"))?;
        Ok(halves.map(|half| Self::new(half, self.halvings + 1, way)))
    }
}
