//! One answer, judged: whether it is the expected answer, which records it has, and what follows them.
//!
//! Changes nothing, because an answer that contradicts what the service says is not the last word.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use raccord_compiler::connector::{Decoder, Extractor};
use raccord_compiler::select::{Found, span_of, twice};
use raccord_model::checkpoint::Token;
use raccord_model::language::connector::RecordFormat;
use raccord_model::port::records::Fault;
use raccord_model::port::source::SourceError;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use url::Url;

use super::client::Exchange;
use super::complaint::{Again, Complaint};
use super::ending::Said;
use super::paginate::{Astray, PageView, Pager, Position, Step};
use crate::answer::{Answer, encoding, not_json, to_utf8, unexpected};
use crate::decode::{Whole, whole};

/// One answer, read: its records, and what follows them.
pub(crate) struct Reading {
    pub(crate) status: u16,
    pub(crate) url: Url,
    pub(crate) body: Bytes,
    /// Where what stands in the list is in the body, whether it is a record or not.
    pub(crate) list: Vec<Range<usize>>,
    /// What stood where a record was expected, when that is known before the list is looked at.
    pub(crate) faults: Option<Vec<Fault>>,
    pub(crate) step: Step,
    /// Whether no record continues on the next page.
    pub(crate) is_complete: bool,
    pub(crate) total: Option<u64>,
    /// What says how the pages end and is not in it; `None` where the status alone says that there are no records.
    pub(crate) absent: Option<BTreeSet<String>>,
    /// What says in it that there is more, where nothing leads there.
    pub(crate) left: Option<String>,
    /// The token from which a later reading may go on.
    pub(crate) token: Option<Token>,
    /// By how many seconds the clock of the service is behind ours.
    pub(crate) behind: u64,
}

/// Why an answer is no page.
pub(crate) enum Unsound {
    /// Asking again may help, after the wait if the service names one.
    Doubtful(SourceError, Option<Duration>),
    /// It will be the same again.
    Wrong(SourceError),
}

/// What an answer is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) pager: &'a Pager,
    pub(crate) extractor: &'a Extractor,
    /// How answers become JSON, when they are something else.
    pub(crate) decoder: Option<&'a Decoder>,
    /// The largest answer in bytes.
    pub(crate) max_body: u64,
    /// Where the page is, in words.
    pub(crate) place: &'a str,
    /// From where on the records were asked for.
    pub(crate) since: Option<&'a str>,
    /// Whether the reading goes on from a value that an earlier one ended with.
    pub(crate) continues: bool,
}

impl Judge<'_> {
    /// Takes the records out of an answer, and what follows them. Changes nothing: the answer may not be the last word.
    pub(crate) fn read(&self, answer: Answer, position: &Position) -> Result<Reading, Unsound> {
        let Answer { status, url, headers, body, behind } = answer;
        let exchange = self.exchange;
        let wrong = |message: String| Unsound::Wrong(exchange.wrong_answer(&url, &message));
        let (body, faults) = match self.decoder.filter(|_| status != StatusCode::NO_CONTENT.as_u16()) {
            None => (to_utf8(&headers, body).map_err(wrong)?, None),
            Some(decoder) => {
                let Whole { array, faults } = self.decode(decoder, &url, &headers, body)?;
                (array, Some(faults))
            }
        };
        let mut found = Found::default();
        if status != StatusCode::NO_CONTENT.as_u16() {
            let selected = self.pager.selector.select(&body, &mut found);
            selected.map_err(|error| wrong(not_json(&headers, &body, &error, &exchange.masker())))?;
            if let Some(complaint) = self.pager.complaints.find(&body, &found) {
                let asked = || exchange.asked_wait(&headers, &body);
                return Err(self.complained(&complaint, (status, &url), asked));
            }
            if let Some(name) = self.pager.selector.repeated(&found) {
                return Err(wrong(twice(name, "the answer")));
            }
            self.extractor.expect("answer", &body, &found).map_err(wrong)?;
        }
        let list: Vec<Range<usize>> = found.list.iter().map(|raw| span_of(&body, raw)).collect();
        let clean = |url: &mut Url| exchange.clean(url);
        let view = PageView {
            url: &url,
            headers: &headers,
            found: &found,
            continues: self.continues,
            clean: &clean,
        };
        let said = self.pager.said(&view).map_err(wrong)?;
        let token = self.token(&view).map_err(wrong)?;
        let absent = (status != StatusCode::NO_CONTENT.as_u16()).then(|| self.pager.absent(&view, position));
        let is_complete = status == StatusCode::NO_CONTENT.as_u16() || self.pager.is_complete(&found);
        let step = self.pager.step(position, self.since, &view, said);
        let step = step.map_err(|astray| match astray {
            Astray::Answer(message) => wrong(message),
            Astray::Place(message) => Unsound::Wrong(SourceError::PageRefused { message }),
        })?;
        let says_nothing = matches!(said, Said { total: None, pages: None, more: None | Some(true) });
        let is_lone = step == Step::Last && position.page == 1 && !found.list.is_empty();
        if is_lone
            && says_nothing
            && let Some(why) = self.pager.misled(&view, &body)
        {
            return Err(wrong(why));
        }
        let came = position.seen.saturating_add(u64::try_from(list.len()).unwrap_or(u64::MAX));
        let is_last = matches!(step, Step::Last | Step::Skip(None));
        let left =
            if is_last { self.pager.left_over(&view, &body, (&self.extractor.records, came)) } else { None };
        let total = said.total;
        Ok(Reading { status, url, body, list, faults, step, is_complete, total, absent, left, token, behind })
    }

    /// What follows from an answer that says what went wrong. `asked` is how long the service asks us to wait.
    fn complained(
        &self,
        complaint: &Complaint,
        (status, url): (u16, &Url),
        asked: impl FnOnce() -> Option<Duration>,
    ) -> Unsound {
        let exchange = self.exchange;
        let said = exchange.complained(status, complaint);
        let error = exchange.wrong_answer(url, &said);
        match complaint.again {
            Again::Never => Unsound::Wrong(error),
            Again::MayHelp => Unsound::Doubtful(error, asked()),
            Again::Limited(wait) => {
                let error = SourceError::Limited { place: exchange.show(url), message: said };
                Unsound::Doubtful(error, wait.or_else(asked))
            }
        }
    }

    /// An answer that is no JSON document, as one. What begins like another format is not the expected answer: the first line
    /// of a CSV may be anything, and an error or a login page would pass for one without rows.
    fn decode(
        &self,
        decoder: &Decoder,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Whole, Unsound> {
        let exchange = self.exchange;
        let wrong = |message: &str| Unsound::Wrong(exchange.wrong_answer(url, message));
        let needs_header = decoder.format == RecordFormat::Csv && decoder.columns.is_empty();
        if body.is_empty() && needs_header {
            return Err(wrong("the answer is empty: it lacks even the line that names the columns"));
        }
        let foreign: &[u8] = match decoder.format {
            RecordFormat::Csv => b"{[<",
            RecordFormat::Jsonl | RecordFormat::Json | RecordFormat::Xlsx | RecordFormat::Parquet => b"<",
        };
        if body.trim_ascii_start().first().is_some_and(|byte| foreign.contains(byte)) {
            return Err(wrong(&unexpected(decoder.format, headers, &body, &exchange.masker())));
        }
        let encoding = encoding(headers).map_err(|message| wrong(&message))?;
        let most = self.max_body;
        let read = whole(body, self.place, decoder, encoding, most).map_err(|error| match error {
            SourceError::Answer { message, .. } => wrong(&message),
            SourceError::File { source, .. } => wrong(&source.to_string()),
            SourceError::Limit { message, .. } => {
                Unsound::Wrong(SourceError::Limit { place: exchange.show(url), message })
            }
            other => Unsound::Wrong(other),
        })?;
        let masker = exchange.masker();
        let hidden = |fault: Fault| Fault { payload: masker.mask(&fault.payload), ..fault };
        Ok(Whole { faults: read.faults.into_iter().map(hidden).collect(), ..read })
    }

    /// The token of an answer, fit to be kept.
    fn token(&self, view: &PageView<'_>) -> Result<Option<Token>, String> {
        let Some(reader) = self.pager.sync() else { return Ok(None) };
        let token = reader.read(view)?;
        let repeats = |token: &Token| self.exchange.repeats_credential(token.as_str());
        if token.as_ref().is_some_and(repeats) { Err(reader.repeats_credential()) } else { Ok(token) }
    }
}

/// The bytes from the first record of a list to the last.
pub(crate) fn extent<'a>(body: &'a Bytes, records: &[Range<usize>]) -> &'a [u8] {
    match (records.first(), records.last()) {
        (Some(first), Some(last)) => body.get(first.start..last.end).unwrap_or_default(),
        _ => &[],
    }
}
