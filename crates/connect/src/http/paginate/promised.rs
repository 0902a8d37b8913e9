//! What the settings promise of answers and the answers do not hold: a place that is misspelt leads to nothing, as one does
//! that the service leaves out at the end. It tells the two apart where something shows it, and follows no other place.

use std::collections::BTreeSet;

use raccord_compiler::connector::{Paginator, TokenPlace};
use raccord_compiler::envelope;
use raccord_compiler::select::Standing;
use raccord_model::field_path::FieldPath;
use reqwest::header::{HeaderMap, HeaderValue, LINK};

use super::{Number, PageView, Pager, Position};
use crate::http::link::find_relation;

/// The places of `total`, `pages`, `while` and `until` that no answer of a reading has held so far, as the settings write
/// them; `None` before the first answer.
#[derive(Debug, Default)]
pub(crate) struct Absent(Option<BTreeSet<String>>);

impl Absent {
    /// Takes another answer into account, by what is absent in it.
    pub(crate) fn narrow(&mut self, answer: &BTreeSet<String>) {
        self.0 = Some(match self.0.take() {
            None => answer.clone(),
            Some(before) => before.intersection(answer).cloned().collect(),
        });
    }

    /// Why the answers so far do not show where a reading ends.
    pub(crate) fn why(&self) -> Option<String> {
        let words = self.0.as_ref()?.first()?;
        Some(format!(
            "`pagination` says `{words}`, and no answer of the reading holds that; is it spelled right? If the service says nothing of the kind, take it away"
        ))
    }
}

impl Pager {
    /// What says how the pages end and is not in an answer, as the settings write it. Null and an empty text are something, and
    /// so is a number that a page before it has told.
    pub(crate) fn absent(&self, view: &PageView<'_>, position: &Position) -> BTreeSet<String> {
        let is_in_body = |slot| view.found.values.get(slot).copied().flatten().is_some();
        let is_absent = |number: &&Number| match number.slot {
            Some(slot) => !is_in_body(slot),
            None => !view.headers.contains_key(&number.header),
        };
        let total = self.total.as_ref().filter(|_| position.total.is_none()).filter(is_absent);
        let pages = self.pages.as_ref().filter(|_| position.pages.is_none()).filter(is_absent);
        let numbers = total.into_iter().chain(pages).map(|number| &number.words);
        let more = self.more.iter().filter(|more| !is_in_body(more.slot)).map(|more| &more.words);
        numbers.chain(more).cloned().collect()
    }

    /// Why a first page that leads to no next one has one all the same. Where the service leads, the last page may leave out what
    /// leads on, so that only what the answer itself shows is told.
    pub(crate) fn misled(&self, view: &PageView<'_>, body: &[u8]) -> Option<String> {
        let in_header = |way: &str, name: &str| {
            (!view.headers.contains_key(name)).then(|| format!("{way}: {{header: {name}}}"))
        };
        let in_body = |way: &str, path: &FieldPath| {
            let raw = view.found.values.get(self.token?).copied().flatten();
            raw.is_none().then(|| format!("{way}: {path}"))
        };
        let (words, path) = match &self.paginator {
            Paginator::NextUrl(TokenPlace::Body(path)) => (in_body("nextUrl", path)?, Some(path)),
            Paginator::NextUrl(TokenPlace::Header(name)) => (in_header("nextUrl", name)?, None),
            Paginator::CursorPagination { cursor, .. } => match cursor {
                TokenPlace::Body(path) => (in_body("cursor", path)?, Some(path)),
                TokenPlace::Header(name) => (in_header("cursor", name)?, None),
                TokenPlace::LastRecord(_) => return None,
            },
            Paginator::Link { rel } if !leads(view.headers, rel) => (format!("link: {rel}"), None),
            _ => return None,
        };
        let meant = path.and_then(|path| envelope::meant(body, path));
        let meant = meant.map(|meant| format!("`{meant}` holds a value"));
        let shown = meant
            .or_else(|| {
                leads(view.headers, "next").then(|| "its header `Link` has the relation `next`".to_owned())
            })
            // Where the members of an object are the records, a member of theirs says nothing of the pages.
            .or_else(|| envelope::says_more(body).filter(|_| view.found.standing != Standing::Object))?;
        Some(format!("`{words}` leads to nothing in the answer, but {shown}; is it spelled right?"))
    }

    /// What says in the last answer of a chain that there is more than the records that came, this page included, when the settings
    /// do not say what says it.
    pub(crate) fn left_over(
        &self,
        view: &PageView<'_>,
        body: &[u8],
        (records, count): (&FieldPath, u64),
    ) -> Option<String> {
        // Where the members of an object are the records, a member of theirs says nothing of the pages.
        if view.found.standing != Standing::List {
            return None;
        }
        let is_more = |(_, total): &(&str, u64)| *total > count;
        let below = || {
            let (name, total) = total(view.headers).filter(is_more)?;
            Some(format!("the header `{name}` is {total}, and {count} records came"))
        };
        match self.paginator {
            Paginator::NoPagination { is_declared: false } => {}
            _ if self.is_by_position() && self.is_counted_by_nothing() => {
                return below().or_else(|| envelope::falls_short(body, records, count));
            }
            _ => return None,
        }
        if leads(view.headers, "next") {
            return Some("the header `Link` has the relation `next`".to_owned());
        }
        if let Some(page) = text(view.headers, "x-next-page").filter(|page| !page.is_empty()) {
            return Some(format!("the header `X-Next-Page` is {page}"));
        }
        below().or_else(|| envelope::left_over(body, records, count))
    }

    /// Whether the settings name nothing that says how many records or pages there are, and do not say either that nothing does.
    const fn is_counted_by_nothing(&self) -> bool {
        self.total.is_none() && self.pages.is_none() && !self.is_uncounted
    }
}

/// Headers that hold how many records there are in all pages.
const TOTALS: [&str; 3] = ["x-total-count", "x-total", "x-wp-total"];

/// How many records there are, by the headers. `Content-Range` says it of a part (RFC 9110): `0-24/573`.
fn total(headers: &HeaderMap) -> Option<(&'static str, u64)> {
    let range = || Some(("content-range", text(headers, "content-range")?.rsplit_once('/')?.1.parse().ok()?));
    let read = |name: &'static str| Some((name, text(headers, name)?.parse().ok()?));
    TOTALS.into_iter().find_map(read).or_else(range)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether the headers `Link` lead on by a relation.
fn leads(headers: &HeaderMap, relation: &str) -> bool {
    let values = headers.get_all(LINK).iter().map(HeaderValue::as_bytes);
    find_relation(values, relation).is_ok_and(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_how_many_records_there_are() {
        for (name, value, expected) in [
            ("x-total-count", "7", Some(("x-total-count", 7))),
            ("X-WP-Total", " 7 ", Some(("x-wp-total", 7))),
            ("content-range", "0-2/11", Some(("content-range", 11))),
            ("content-range", "items 0-2/11", Some(("content-range", 11))),
            ("content-range", "0-2/*", None),
            ("x-total-count", "many", None),
        ] {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            let headers = [(name, value.parse().unwrap())].into_iter().collect();
            assert_eq!(total(&headers), expected, "{value}");
        }
    }

    #[test]
    fn what_one_answer_has_held_is_not_absent() {
        for (answers, expected) in [
            (&[][..], None),
            (&[&[][..]][..], None),
            (&[&["total: n"]], Some("total: n")),
            (&[&["total: n"], &["total: n", "while: m"]], Some("total: n")),
            (&[&["total: n"], &[]], None),
            (&[&["total: n"], &["while: m"]], None),
        ] {
            let mut absent = Absent::default();
            for answer in answers {
                absent.narrow(&answer.iter().map(|words| (*words).to_owned()).collect());
            }
            let why = absent.why();
            assert_eq!(why.as_deref().and_then(|why| why.split('`').nth(3)), expected, "{answers:?}");
        }
    }
}
