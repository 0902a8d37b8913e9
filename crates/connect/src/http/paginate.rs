//! From one page to the next: a pure function of the paginator, the page in hand and what it answered.

use raccord_compiler::connector::{HttpStream, Paginator, TokenPlace};
use raccord_compiler::select::{Found, Selector, Slot};
use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, Serialize};
use url::Url;

use super::link::find_relation;

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
}

impl Position {
    pub(crate) const fn first() -> Self {
        Self { page: 1, seen: 0, at: At::First }
    }
}

/// What an answer holds besides its records.
pub(crate) struct View<'a> {
    /// The URL that answered.
    pub(crate) url: &'a Url,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// What the selector found.
    pub(crate) found: &'a Found<'a>,
    /// Makes a URL fit to be kept, or says why it cannot be.
    pub(crate) clean: &'a (dyn Fn(&mut Url) -> Result<(), String> + Sync),
}

/// A paginator with its paths compiled, beside the path of the records.
#[derive(Debug)]
pub(crate) struct Pager {
    paginator: Paginator,
    size: Option<u64>,
    /// Takes the records and everything the paginator asks for out of a body in one pass.
    pub(crate) selector: Selector,
    token: Option<Slot>,
    total: Option<Slot>,
    stop: Option<Slot>,
    last_record: Option<Selector>,
}

impl Pager {
    /// `size` is how many records a full page has, when that is known.
    pub(crate) fn new(stream: &HttpStream, size: Option<u64>) -> Self {
        let paginator = stream.paginator.clone();
        let (token, total, stop) = match &paginator {
            Paginator::NoPagination | Paginator::Link { .. } => (None, None, None),
            Paginator::NextUrl(place) => (Some(place), None, None),
            Paginator::PageIncrement { total, stop, .. } | Paginator::OffsetIncrement { total, stop, .. } => {
                (None, total.as_ref(), stop.as_ref())
            }
            Paginator::CursorPagination { cursor, stop, .. } => (Some(cursor), None, stop.as_ref()),
        };
        let in_body = token.and_then(|place| match place {
            TokenPlace::Body(path) => Some(path),
            TokenPlace::Header(_) | TokenPlace::LastRecord(_) => None,
        });
        let mut paths = Vec::new();
        let [token_slot, total, stop] = [in_body, total, stop].map(|path| {
            paths.push(path?);
            Some(paths.len() - 1)
        });
        let selector = Selector::new(paths).with_list(&stream.extractor.records);
        let last_record = token.and_then(|place| match place {
            TokenPlace::LastRecord(path) => Some(Selector::new([path])),
            TokenPlace::Body(_) | TokenPlace::Header(_) => None,
        });
        Self { size, selector, token: token_slot, total, stop, last_record, paginator }
    }

    /// Where the next page is; `None` after the last one. The error says why the answer cannot be followed.
    pub(crate) fn next(&self, current: &Position, view: &View<'_>) -> Result<Option<Position>, String> {
        let count = u64::try_from(view.found.list.len()).unwrap_or(u64::MAX);
        let seen = current.seen.saturating_add(count);
        let at = match &self.paginator {
            Paginator::NoPagination => None,
            Paginator::NextUrl(TokenPlace::Header(name)) => follow(view, header_text(view.headers, name))?,
            Paginator::NextUrl(_) => follow(view, self.next_url(view)?.as_deref())?,
            Paginator::Link { rel } => {
                let values = view.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
                follow(view, find_relation(values, rel).as_deref())?
            }
            Paginator::PageIncrement { from, .. } => self.has_more(count, seen, view).then(|| {
                At::Page(if let At::Page(page) = current.at { page } else { *from }.saturating_add(1))
            }),
            Paginator::OffsetIncrement { .. } => {
                let offset = if let At::Offset(offset) = current.at { offset } else { 0 };
                // What came counts, not what was asked for: a service may cap the size of a page.
                self.has_more(count, seen, view).then(|| At::Offset(offset.saturating_add(count)))
            }
            Paginator::CursorPagination { cursor, param, .. } => {
                let cursor = if self.stops(view) { None } else { self.cursor(cursor, view)? };
                if let (Some(raw), None) = (&cursor, param)
                    && !raw.starts_with('{')
                {
                    return Err("the cursor is not an object; name the `param` that takes it".to_owned());
                }
                cursor.map(At::Cursor)
            }
        };
        if at.as_ref() == Some(&current.at) {
            return Err("the answer leads to the same page again".to_owned());
        }
        Ok(at.map(|at| Position { page: current.page.saturating_add(1), seen, at }))
    }

    /// Whether counted pages go on: as the service says it, else until a page is not full.
    fn has_more(&self, count: u64, seen: u64, view: &View<'_>) -> bool {
        if count == 0 || self.stops(view) {
            return false;
        }
        match (self.total(view), self.stop, self.size) {
            (Some(total), _, _) => seen < total,
            (None, Some(_), _) | (None, None, None) => true,
            (None, None, Some(size)) => count >= size,
        }
    }

    /// How many records the service says that there are.
    pub(crate) fn total(&self, view: &View<'_>) -> Option<u64> {
        value(self.total, view).and_then(|raw| raw.trim_matches('"').parse().ok())
    }

    /// Whether pages are asked for by their position.
    pub(crate) const fn is_by_position(&self) -> bool {
        matches!(self.paginator, Paginator::PageIncrement { .. } | Paginator::OffsetIncrement { .. })
    }

    /// Whether `while` is there and no longer true.
    fn stops(&self, view: &View<'_>) -> bool {
        self.stop.is_some() && !matches!(value(self.stop, view), Some("true" | "\"true\"" | "1"))
    }

    fn next_url(&self, view: &View<'_>) -> Result<Option<String>, String> {
        match value(self.token, view) {
            None | Some("false") => Ok(None),
            Some(raw) => {
                serde_json::from_str(raw).map(Some).map_err(|_| "`nextUrl` leads to no text".to_owned())
            }
        }
    }

    /// The cursor as raw JSON; null, an empty text, an empty object and false end the pages.
    fn cursor(&self, place: &TokenPlace, view: &View<'_>) -> Result<Option<String>, String> {
        let raw = match place {
            TokenPlace::Body(_) => value(self.token, view).map(str::to_owned),
            TokenPlace::Header(name) => {
                header_text(view.headers, name).map(|text| serde_json::Value::from(text).to_string())
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

/// What a slot holds, unless that is null or an empty text.
fn value<'a>(slot: Option<Slot>, view: &View<'a>) -> Option<&'a str> {
    let raw = view.found.values.get(slot?).copied().flatten()?;
    Some(raw).filter(|raw| !matches!(*raw, "null" | "\"\""))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

/// The URL that an answer leads to, resolved against its own.
fn follow(view: &View<'_>, next: Option<&str>) -> Result<Option<At>, String> {
    let Some(next) = next.map(str::trim).filter(|next| !next.is_empty()) else {
        return Ok(None);
    };
    let mut url = view.url.join(next).map_err(|error| format!("the next page's URL is wrong: {error}"))?;
    // A token is kept in the state, where no credential may be.
    (view.clean)(&mut url)?;
    if url == *view.url {
        return Err("the answer leads to the same page again".to_owned());
    }
    Ok(Some(At::Url(url.into())))
}
