//! A slice, or a part of one that is read by itself: which page is asked next, and what is done when the service wants
//! pages smaller, from the first again, or the slice in parts.

use std::borrow::Cow;

use serde_json::Value;

use super::pages::Way;
use super::properties;
use super::track::{Track, now};
use crate::error::ReadError;
use crate::exchange::{Additions, AnswerKind, Ask, Outcome, Selected};
use crate::paginate::{PageSeen, Reducer, ResetAction, header_variable};
use crate::record::Record;
use crate::slice::Slice;
use crate::stream::{KnownRecords, SliceOn};
use crate::time::DateTime;
use crate::transport::Response;

/// So often a slice is halved.
const MOST_HALVINGS: u32 = 10;

/// A slice, or a part of one that is read by itself.
pub(super) struct Part {
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
    /// Whether a page came.
    pub(super) has_pages: bool,
    /// The status of an answer that was ignored since the page before.
    pub(super) ignored: Option<u16>,
}

/// A record, and its date where the cursor reads one.
pub(super) struct Dated {
    pub(super) record: Record,
    pub(super) date: Option<DateTime>,
}

/// A page that was taken.
struct Taken<'a> {
    answer: &'a Response,
    extracted: usize,
    is_json: bool,
    records: &'a [Dated],
}

/// What came when a page was asked for.
pub(super) enum Fetched {
    /// An answer, and its records.
    Page(Response, Selected),
    /// An error that is ignored.
    Nothing,
    /// The pages are to be read again.
    ResetPagination,
    /// The slice is to be read in parts.
    SplitWindow(Option<String>),
}

impl Part {
    pub(super) fn new(slice: Slice, halvings: u32, way: Way<'_>) -> Self {
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
            has_pages: false,
            ignored: None,
        }
    }

    fn reduced(&self) -> Option<u32> {
        self.reducer.as_ref().and_then(Reducer::reduced)
    }

    /// The same with a first page that is known already.
    pub(super) fn beginning_with(self, first: Option<Response>) -> Self {
        Self { first, ..self }
    }

    /// Gets the page.
    pub(super) async fn fetch(&mut self, way: Way<'_>) -> Result<Fetched, ReadError> {
        if let Some(answer) = self.first.take() {
            // It stands in a parent's record, and is what it is.
            return self.select(answer, way);
        }
        if let Some(properties) = &way.pages.properties {
            return properties::fetch(self, properties, way).await;
        }
        self.request(None, way).await
    }

    /// Gets the page by one request. `property` is what its slice says beside its own.
    pub(super) async fn request(
        &mut self,
        property: Option<(String, Value)>,
        way: Way<'_>,
    ) -> Result<Fetched, ReadError> {
        match self.ask(property, way).await? {
            Outcome::Answer(answer) | Outcome::Ignored(answer) if answer.status >= 400 => {
                self.ignored = Some(answer.status);
                Ok(Fetched::Nothing)
            }
            Outcome::Ignored(answer) => self.ignored(answer, way),
            Outcome::Answer(answer) => match self.select(answer, way)? {
                Fetched::Page(answer, selected) => sound(answer, selected, way),
                other => Ok(other),
            },
            Outcome::ResetPagination | Outcome::ReducePageSize(_) => Ok(Fetched::ResetPagination),
            Outcome::SplitWindow(message) => Ok(Fetched::SplitWindow(message)),
        }
    }

    /// An answer that the manifest ignores although its status is none of an error: its records count where it has any.
    fn ignored(&mut self, answer: Response, way: Way<'_>) -> Result<Fetched, ReadError> {
        let status = answer.status;
        let found = match self.select(answer, way) {
            Ok(Fetched::Page(answer, selected)) => sound(answer, selected, way),
            other => other,
        };
        match found {
            Err(ReadError::Answer { .. } | ReadError::Missing { .. }) => {
                self.ignored = Some(status);
                Ok(Fetched::Nothing)
            }
            other => other,
        }
    }

    fn select(&self, answer: Response, way: Way<'_>) -> Result<Fetched, ReadError> {
        let selected = way.pages.selector.select(&answer, &self.slice, self.token.as_ref())?;
        Ok(Fetched::Page(answer, selected))
    }

    /// Asks for the page, and again where the service wants it smaller.
    async fn ask(&mut self, property: Option<(String, Value)>, way: Way<'_>) -> Result<Outcome, ReadError> {
        loop {
            let additions = self.additions(way)?;
            let path = way.pages.paginator.path(self.token.as_ref());
            let mut slice = Cow::Borrowed(&self.asked);
            if let Some((name, value)) = &property {
                slice.to_mut().extra.insert(name.clone(), value.clone());
            }
            let ask = Ask {
                slice: &slice,
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

    /// Takes the records of an answer, and says whether it was the last page.
    pub(super) fn take(
        &mut self,
        answer: &Response,
        selected: Selected,
        way: Way<'_>,
        track: &Track,
    ) -> Result<(Vec<Dated>, bool), ReadError> {
        self.has_pages = true;
        if let Some(reducer) = &mut self.reducer {
            reducer.succeeded();
        }
        let Selected { records, extracted, is_json, .. } = selected;
        let known = way.pages.rules.known;
        let new = match known {
            KnownRecords::Taken => None,
            KnownRecords::LeftOut | KnownRecords::EndPages => track.new_records(&self.slice, now(way.stream)),
        };
        let is_new = |dated: &Dated| new.is_none_or(|new| new.have(dated.date));
        let dated = |record| Dated { date: track.date_of(&record), record };
        let mut records: Vec<_> = records.into_iter().map(dated).collect();
        if known == KnownRecords::LeftOut {
            records.retain(is_new);
        }
        self.count += u64::try_from(records.len()).unwrap_or(u64::MAX);
        self.newest = records.iter().map(|dated| dated.date).max().flatten().max(self.newest);
        let limit = way.pages.rules.reset.and_then(|reset| reset.limit);
        let is_last = if limit.is_some_and(|limit| self.count >= limit) {
            self.begin_again(way, track)?;
            false
        } else {
            let stops = known == KnownRecords::EndPages && records.last().is_some_and(|last| !is_new(last));
            self.token = if stops {
                None
            } else {
                self.next_token(&Taken { answer, extracted, is_json, records: &records }, way)?
            };
            self.token.is_none()
        };
        if known == KnownRecords::EndPages {
            records.retain(is_new);
        }
        Ok((records, is_last))
    }

    fn next_token(&self, taken: &Taken<'_>, way: Way<'_>) -> Result<Option<Value>, ReadError> {
        let Taken { answer, extracted, is_json, records } = *taken;
        let last = records.last().map(|dated| dated.record.value());
        way.pages.paginator.next(&PageSeen {
            slice: &self.asked,
            token: self.token.as_ref(),
            extracted,
            kept: records.len(),
            last_record: last.as_ref(),
            reduced: self.reduced(),
            response: &|members| way.pages.selector.variable(answer, is_json, members),
            headers: &|| header_variable(&answer.headers),
        })
    }

    /// The pages begin again, where possible with a slice that begins at the newest record.
    pub(super) fn begin_again(&mut self, way: Way<'_>, track: &Track) -> Result<(), ReadError> {
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
    pub(super) fn halves(
        &self,
        way: Way<'_>,
        track: &Track,
        message: Option<&str>,
    ) -> Result<[Self; 2], ReadError> {
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

/// A page, unless what came is no answer to what was asked.
fn sound(answer: Response, selected: Selected, way: Way<'_>) -> Result<Fetched, ReadError> {
    let place = || format!("the answer of the stream `{}`", way.stream.name());
    match &selected.answer_kind {
        AnswerKind::Wrong(message) => Err(ReadError::Answer { url: place(), message: message.clone() }),
        AnswerKind::Missing(message) => Err(ReadError::Missing { url: place(), message: message.clone() }),
        AnswerKind::List | AnswerKind::One | AnswerKind::Empty => Ok(Fetched::Page(answer, selected)),
    }
}
