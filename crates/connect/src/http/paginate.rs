//! From one page to the next: a pure function of the paginator, the page in hand and what it answered.

mod promised;

pub(crate) use promised::Absent;

use raccord_compiler::connector::{
    HttpStream, IncrementalCursor, NumberPlace, Paginator, Target, TokenPlace,
};
use raccord_compiler::select::{Found, Selector, Slot};
use raccord_model::checkpoint::Token;
use raccord_model::field_path::FieldPath;
use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, Serialize};
use url::Url;

use super::by_value::ByValue;
use super::complaint::Complaints;
use super::ending::{Came, Said, Verdict, by_next, by_position};
use super::link::{find_relation, in_ascii};
use super::said::{flag, header_text, number_in_body, number_in_header, value};
use super::sync::{Begun, TokenReader};

/// Where a page is, in the way of its paginator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum At {
    /// Where the settings lead.
    First,
    /// The page with a number.
    Page(u64),
    /// After so many records.
    Offset(u64),
    /// At a URL, which never holds a credential.
    Url(String),
    /// At a cursor, as raw JSON.
    Cursor(String),
    /// From a value of the incremental field on, as the parameter is sent it.
    Since(String),
}

/// Where a page is and what came before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Position {
    /// Its number among the pages that follow each other, from 1.
    pub(crate) page: u64,
    /// How many records came before it.
    pub(crate) seen: u64,
    /// Where it is.
    pub(crate) at: At,
    /// How many records the longest page before it had.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) longest: u64,
    /// How many records the service said last that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
    /// How many pages the service said last that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pages: Option<u64>,
    /// Where pages follow values: how many records of the page before have the value that this one begins with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) level: u64,
    /// The page before it, where pages are asked for by their position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Box<Before>>,
    /// The token that counts of those that the pages before it have shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Token>,
    /// From where its chain was asked for.
    #[serde(default, skip_serializing_if = "Begun::is_wanted")]
    pub(crate) begun: Begun,
}

/// A page as it was, to see later whether its records have moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Before {
    /// Where it is.
    pub(crate) at: At,
    /// What it is known by again.
    pub(crate) digest: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Position {
    pub(crate) const fn first() -> Self {
        Self {
            page: 1,
            seen: 0,
            at: At::First,
            longest: 0,
            total: None,
            pages: None,
            level: 0,
            before: None,
            token: None,
            begun: Begun::Wanted,
        }
    }

    /// The position after this one.
    fn after(&self, came: Came, said: Said, at: At) -> Self {
        Self {
            page: self.page.saturating_add(1),
            seen: came.seen,
            at,
            longest: self.longest.max(came.count),
            total: said.total,
            pages: said.pages,
            level: 0,
            before: None,
            token: None,
            begun: self.begun,
        }
    }
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it was the last one.
    Last,
    /// Another page.
    On(Position),
    /// Another page or none, although this one is empty and the service says that it should not be.
    Skip(Option<Position>),
    /// What was said and what came contradict each other.
    Contradiction(String),
}

/// Why an answer leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Astray {
    /// It is not what the settings say.
    Answer(String),
    /// The place where this page began is no longer there, so that its chain has to begin again.
    Place(String),
}

impl From<String> for Astray {
    fn from(message: String) -> Self {
        Self::Answer(message)
    }
}

/// What an answer holds besides its records.
pub(crate) struct PageView<'a> {
    /// The URL that answered.
    pub(crate) url: &'a Url,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// What the selector found.
    pub(crate) found: &'a Found<'a>,
    /// Whether the reading goes on from a value that an earlier one ended with.
    pub(crate) continues: bool,
    /// Makes a URL fit to be kept, or says why it cannot be.
    pub(crate) clean: &'a (dyn Fn(&mut Url) -> Result<(), String> + Sync),
}

/// A paginator with its paths compiled, beside the path of the records.
#[derive(Debug)]
pub(crate) struct Pager {
    paginator: Paginator,
    size: Option<u64>,
    /// Takes the records and everything that is asked for beside them out of a body in one pass.
    pub(crate) selector: Selector,
    /// Where errors are looked for.
    pub(crate) complaints: Complaints,
    token: Option<Slot>,
    total: Option<Number>,
    pages: Option<Number>,
    more: Option<More>,
    complete: Option<Slot>,
    last_record: Option<Selector>,
    by_value: Option<ByValue>,
    sync: Option<TokenReader>,
    statuses: std::collections::BTreeSet<u16>,
    /// Whether the settings say that no answer counts the records.
    is_uncounted: bool,
}

/// Where a number is: in a slot of the body or in a header, with the words of the settings for messages.
#[derive(Debug)]
struct Number {
    slot: Option<Slot>,
    header: String,
    words: String,
}

#[derive(Debug)]
struct More {
    slot: Slot,
    /// What it is while there are more.
    when: bool,
    words: String,
}

impl Pager {
    /// `size` is how many records a full page has, when that is known; `goes_on`, whether a later reading goes on from where
    /// this one ends.
    pub(crate) fn new(stream: &HttpStream, size: Option<u64>, goes_on: bool) -> Self {
        let paginator = stream.paginator.clone();
        let mut paths = Vec::new();
        let complaints = Complaints::new(stream, &mut paths);
        let mut add = |path: &FieldPath| {
            paths.push(path.clone());
            paths.len() - 1
        };
        let token = match &paginator {
            Paginator::NextUrl(TokenPlace::Body(path))
            | Paginator::CursorPagination { cursor: TokenPlace::Body(path), .. } => Some(add(path)),
            _ => None,
        };
        let sync = stream.cursor.as_ref().and_then(IncrementalCursor::token).filter(|_| goes_on);
        let sync = sync.map(|token| TokenReader::new(token, &mut add));
        let mut number = |name: &str, place: &NumberPlace| match place {
            NumberPlace::Body(path) => {
                Number { slot: Some(add(path)), header: String::new(), words: format!("{name}: {path}") }
            }
            NumberPlace::Header(header) => {
                let words = format!("{name}: {{header: {header}}}");
                Number { slot: None, header: header.clone(), words }
            }
        };
        let ending = &stream.ending;
        let total = ending.total.as_ref().map(|place| number("total", place));
        let pages = ending.pages.as_ref().map(|place| number("pages", place));
        let more = ending.more.as_ref().map(|flag| {
            let name = if flag.more_when { "while" } else { "until" };
            More { slot: add(&flag.path), when: flag.more_when, words: format!("{name}: {}", flag.path) }
        });
        let complete = stream.completion.as_ref().map(|completion| add(&completion.path));
        let selector = Selector::new(&paths).with_list(&stream.extractor.records);
        let last_record = match &paginator {
            Paginator::CursorPagination { cursor: TokenPlace::LastRecord(path), .. } => {
                Some(Selector::new([path]))
            }
            _ => None,
        };
        let by_value = matches!(paginator, Paginator::ByValue);
        let field = stream.cursor.as_ref().and_then(IncrementalCursor::field).filter(|_| by_value);
        let by_value = field.map(|field| ByValue::new(field.clone(), size));
        let statuses = ending.statuses.clone();
        Self {
            paginator,
            size,
            selector,
            complaints,
            token,
            total,
            pages,
            more,
            complete,
            last_record,
            by_value,
            sync,
            statuses,
            is_uncounted: ending.is_uncounted,
        }
    }

    /// Whether pages are asked for by their position.
    pub(crate) const fn is_by_position(&self) -> bool {
        self.paginator.is_by_position()
    }

    /// Whether pages follow the values of the incremental field.
    pub(crate) const fn is_by_value(&self) -> bool {
        self.by_value.is_some()
    }

    /// Whether the values that pages follow are numbers.
    pub(crate) fn has_numbers(&self) -> bool {
        self.by_value.as_ref().is_some_and(ByValue::has_numbers)
    }

    /// What reads the token from which a later reading goes on.
    pub(crate) const fn sync(&self) -> Option<&TokenReader> {
        self.sync.as_ref()
    }

    /// What an answer says about the pages of its chain. The error names what is there and cannot be read.
    pub(crate) fn said(&self, view: &PageView<'_>) -> Result<Said, String> {
        let number = |number: Option<&Number>| {
            let Some(number) = number else { return Ok(None) };
            match number.slot {
                Some(slot) => number_in_body(&number.words, value(Some(slot), view.found)),
                None => number_in_header(&number.words, view.headers, &number.header),
            }
        };
        let more = match &self.more {
            Some(more) => flag(&more.words, value(Some(more.slot), view.found))?,
            None => None,
        };
        let more = more.map(|more| self.more.as_ref().is_some_and(|flag| flag.when == more));
        Ok(Said { total: number(self.total.as_ref())?, pages: number(self.pages.as_ref())?, more })
    }

    /// Whether the records of an answer are complete; true where nothing says that they may not be.
    pub(crate) fn is_complete(&self, found: &Found<'_>) -> bool {
        let Some(slot) = self.complete else { return true };
        let mark = found.values.get(slot).copied().flatten();
        mark.is_some_and(|mark| !matches!(mark, "null" | "false" | "0" | "\"false\"" | "\"0\""))
    }

    /// What follows a page. The error says why the answer cannot be followed.
    pub(crate) fn step(
        &self,
        current: &Position,
        since: Option<&str>,
        view: &PageView<'_>,
        mut said: Said,
    ) -> Result<Step, Astray> {
        said.total = said.total.or(current.total);
        said.pages = said.pages.or(current.pages);
        let count = u64::try_from(view.found.list.len()).unwrap_or(u64::MAX);
        let came = Came {
            page: current.page,
            count,
            seen: current.seen.saturating_add(count),
            longest: current.longest,
            size: self.size,
        };
        let mut level = 0;
        let (verdict, at) = match &self.paginator {
            Paginator::NoPagination { .. } => (Verdict::Last, None),
            Paginator::PageIncrement { from, .. } => {
                let page = if let At::Page(page) = current.at { page } else { *from };
                (by_position(said, came), Some(At::Page(page.saturating_add(1))))
            }
            Paginator::OffsetIncrement { from, .. } => {
                let offset = if let At::Offset(offset) = current.at { offset } else { *from };
                // What came counts, not what was asked for: a service may cap the size of a page.
                let step = if came.count == 0 { self.size } else { Some(came.count) };
                (by_position(said, came), step.map(|step| At::Offset(offset.saturating_add(step))))
            }
            Paginator::ByValue => match &self.by_value {
                Some(by_value) => {
                    let (verdict, at);
                    (verdict, at, level) = by_value.step(current, since, view, (said, came))?;
                    (verdict, at)
                }
                None => (Verdict::Last, None),
            },
            Paginator::NextUrl(_) | Paginator::Link { .. } | Paginator::CursorPagination { .. } => {
                self.lead(&mut said, came, view)?
            }
        };
        Ok(match (verdict, at) {
            (Verdict::Last, _) => Step::Last,
            (Verdict::Unlikely, _) => Step::Skip(None),
            (Verdict::Contradiction(reason), _) => Step::Contradiction(reason),
            (_, Some(at)) if at == current.at => return Err(again().into()),
            (Verdict::More, Some(at)) => Step::On(Position { level, ..current.after(came, said, at) }),
            (Verdict::Skip, Some(at)) => Step::Skip(Some(current.after(came, said, at))),
            (_, None) => Step::Contradiction(format!(
                "page {} is empty although the service says that there is more, and without `size` nothing says where that is",
                current.page
            )),
        })
    }

    /// Judges a page that leads to the next one itself.
    fn lead(
        &self,
        said: &mut Said,
        came: Came,
        view: &PageView<'_>,
    ) -> Result<(Verdict, Option<At>), String> {
        // Where the service says that this is the last page, what leads on is not looked at.
        let next = if said.more == Some(false) { None } else { self.next_at(view, said)? };
        Ok((by_next(*said, came, next.is_some()), next))
    }

    fn next_at(&self, view: &PageView<'_>, said: &mut Said) -> Result<Option<At>, String> {
        match &self.paginator {
            Paginator::NextUrl(TokenPlace::Header(name)) => {
                let next = view.headers.get(name).map(|value| in_ascii(value.as_bytes()));
                follow(view, next.as_deref())
            }
            Paginator::NextUrl(_) => follow(view, self.next_url(view)?.as_deref()),
            Paginator::Link { rel } => {
                let values = view.headers.get_all(LINK).iter().map(reqwest::header::HeaderValue::as_bytes);
                let next = find_relation(values, rel)
                    .map_err(|header| format!("the header `Link` cannot be read: `{}`", short(&header)))?;
                match next {
                    None => Ok(None),
                    Some(next) if next.is_empty && said.more.is_none() => {
                        said.more = Some(false);
                        Ok(None)
                    }
                    Some(next) => resolve(view, &next.url).map(Some),
                }
            }
            Paginator::CursorPagination { cursor, param, .. } => {
                let cursor = self.cursor(cursor, view)?;
                if let (Some(raw), None) = (&cursor, param)
                    && !raw.starts_with('{')
                {
                    return Err("the cursor is not an object; name the `param` that takes it".to_owned());
                }
                if let (Some(raw), Some(Target::Query(name))) = (&cursor, param)
                    && (raw.starts_with(['[', '{']) || raw == "true")
                {
                    return Err(format!(
                        "the cursor `{}` is no text and no number, and the query parameter `{name}` takes nothing else",
                        short(raw)
                    ));
                }
                Ok(cursor.map(At::Cursor))
            }
            _ => Ok(None),
        }
    }

    /// Whether a status ends the chain that a page was asked for in: what is answered beyond the last page.
    pub(crate) fn ends(&self, status: u16, position: &Position) -> bool {
        let is_below = position.total.is_some_and(|total| position.seen < total)
            || position.pages.is_some_and(|pages| position.page <= pages);
        let is_declared = self.statuses.contains(&status);
        let is_reached =
            matches!(status, 400 | 404) && (position.total.is_some() || position.pages.is_some());
        self.is_by_position() && position.seen > 0 && !is_below && (is_declared || is_reached)
    }

    fn next_url(&self, view: &PageView<'_>) -> Result<Option<String>, String> {
        match value(self.token, view.found) {
            None | Some("false") => Ok(None),
            Some(raw) => serde_json::from_str(raw)
                .map(Some)
                .map_err(|_| format!("`nextUrl` leads to no text but `{}`", short(raw))),
        }
    }

    /// The cursor as raw JSON; null, an empty text, an empty object and false end the pages.
    fn cursor(&self, place: &TokenPlace, view: &PageView<'_>) -> Result<Option<String>, String> {
        let raw = match place {
            TokenPlace::Body(_) => value(self.token, view.found).map(str::to_owned),
            TokenPlace::Header(name) => {
                header_text(view.headers, name)?.map(|text| serde_json::Value::from(text).to_string())
            }
            TokenPlace::LastRecord(path) => match (view.found.list.last(), &self.last_record) {
                (Some(record), Some(selector)) => {
                    let mut found = Found::default();
                    let read = selector.select(record.as_bytes(), &mut found);
                    let raw = read.ok().and_then(|()| found.values.first().copied().flatten());
                    let raw = raw.filter(|raw| !matches!(*raw, "null" | "\"\""));
                    Some(raw.ok_or_else(|| format!("the last record has no `{path}`"))?.to_owned())
                }
                _ => None,
            },
        };
        Ok(raw.filter(|raw| !matches!(raw.as_str(), "false" | "\"\"" | "{}")))
    }
}

/// The beginning of what cannot be read, for a message.
pub(super) fn short(text: &str) -> String {
    crate::mask::excerpt(text, 80)
}

fn again() -> String {
    "the answer leads to the same page again".to_owned()
}

/// The URL that an answer leads to, when there is one.
fn follow(view: &PageView<'_>, next: Option<&str>) -> Result<Option<At>, String> {
    let next = next.map(str::trim).filter(|next| !next.is_empty());
    next.map(|next| resolve(view, next)).transpose()
}

/// The URL that an answer leads to, resolved against its own.
fn resolve(view: &PageView<'_>, next: &str) -> Result<At, String> {
    let mut url = view.url.join(next).map_err(|error| format!("the next page's URL is wrong: {error}"))?;
    // A token is kept in the state, where no credential may be.
    (view.clean)(&mut url)?;
    if url == *view.url {
        return Err(again());
    }
    Ok(At::Url(url.into()))
}
