//! A reading that goes on where an earlier run stopped: behind a page that was asked for by its position, nothing may have
//! moved since. Whatever came or went before that page moves all that follow, and one that stands still shows it.
//!
//! It asks for nothing but that page, and never changes where the reading goes on.

use std::ops::Range;

use bytes::Bytes;
use raccord_model::port::source::SourceError;

use super::super::aside::aside;
use super::super::paginate::{Before, Position};
use super::super::reading::{Unsound, extent};
use super::Reader;

/// How much of a digest tells a page from others, in hexadecimal digits.
const DIGITS: usize = 32;

/// What a page is known by again.
pub(super) fn digest(body: &Bytes, records: &[Range<usize>]) -> String {
    blake3::hash(extent(body, records)).to_hex().chars().take(DIGITS).collect()
}

/// What a page behind this one remembers of it; one without records leaves what is remembered of the one before.
pub(super) fn before(position: &Position, body: &Bytes, records: &[Range<usize>]) -> Option<Box<Before>> {
    if records.is_empty() {
        return position.before.clone();
    }
    Some(Box::new(Before { at: position.at.clone(), digest: digest(body, records) }))
}

impl Reader {
    /// Makes sure, before the first page of a reading that goes on, that the page before it is what it was.
    pub(super) async fn stands_still(&mut self, position: &Position) -> Result<(), SourceError> {
        let Some(before) = position.before.clone().filter(|_| self.resumed) else { return Ok(()) };
        let page = position.page.saturating_sub(1).max(1);
        let earlier = Position { at: before.at, page, before: None, ..position.clone() };
        let Some(answer) = self.ask(&earlier).await? else { return Err(moved()) };
        let since = self.since(&earlier).map(|since| since.text.clone());
        let place = self.describe(&earlier);
        let read = aside(answer.body.len(), || {
            self.judge(&earlier, since.as_deref(), &place).read(answer, &earlier)
        });
        let reading = read.map_err(|unsound| match unsound {
            Unsound::Wrong(error) | Unsound::Doubtful(error, _) => error,
        })?;
        if digest(&reading.body, &reading.list) == before.digest { Ok(()) } else { Err(moved()) }
    }
}

fn moved() -> SourceError {
    SourceError::PageRefused {
        message: "the page before the one where the last run had stopped is not what it was".to_owned(),
    }
}
