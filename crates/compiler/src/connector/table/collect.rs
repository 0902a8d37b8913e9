//! Takes in the rows of a page: their JSON, and the values that the next page is asked for with. It notices two rows that the
//! order cannot tell apart, for one of them could stand behind the end of a page and be missed.

use std::ops::Range;
use std::sync::Arc;

use raccord_model::port::records::{Records, TableRows};

use super::place::Value;
use super::record::RecordText;

/// How many bytes a page has before it ends.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The rows of a page.
#[derive(Debug)]
pub struct Collector {
    positions: Vec<usize>,
    most: usize,
    text: RecordText,
    spans: Vec<Range<usize>>,
    last: Option<Vec<Value>>,
    /// Room for the values of the next row.
    next: Vec<Value>,
    has_more: bool,
    is_twice: bool,
}

impl Collector {
    pub(super) const fn new(positions: Vec<usize>, most: usize) -> Self {
        let text = RecordText::new();
        Self {
            positions,
            most,
            text,
            spans: Vec::new(),
            last: None,
            next: Vec::new(),
            has_more: false,
            is_twice: false,
        }
    }

    /// A collection without an order, which holds any number of rows.
    pub const fn unordered() -> Self {
        Self::new(Vec::new(), usize::MAX)
    }

    /// Adds a row that stands in no order.
    pub fn add<E>(&mut self, write: impl FnOnce(&mut RecordText) -> Result<(), E>) -> Result<(), E> {
        let start = self.text.begin();
        write(&mut self.text)?;
        self.spans.push(start..self.text.end());
        Ok(())
    }

    /// The rows.
    pub fn records(self) -> Records {
        Records::Json { body: self.text.into_parts().0.into(), spans: self.spans }
    }

    /// Takes in a row: what gives its value at a place, and what writes its members. Returns whether another one is wanted.
    pub fn row<E>(
        &mut self,
        value: impl Fn(usize) -> Result<Value, E>,
        write: impl FnOnce(&mut RecordText) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut at = std::mem::take(&mut self.next);
        at.clear();
        for &position in &self.positions {
            at.push(value(position)?);
        }
        self.is_twice |= self.last.as_ref() == Some(&at);
        if self.is_twice || self.spans.len() >= self.most || self.text.len() >= PAGE_BYTES {
            self.has_more = true;
            return Ok(false);
        }
        let start = self.text.begin();
        write(&mut self.text)?;
        self.spans.push(start..self.text.end());
        self.next = self.last.replace(at).unwrap_or_default();
        Ok(true)
    }

    /// The rows, which have these columns, and the values of the last one when others follow. An error where the order cannot
    /// tell two rows apart.
    pub(super) fn end(self, columns: &Arc<[String]>) -> Result<Collected, ()> {
        if self.is_twice {
            return Err(());
        }
        let (text, values) = self.text.into_parts();
        let (spans, last) = (self.spans, self.last.filter(|_| self.has_more));
        let records = if has_all(&spans, &values, columns.len()) {
            Records::Table(TableRows { columns: Arc::clone(columns), text, spans, values })
        } else {
            Records::Json { body: text.into(), spans }
        };
        Ok(Collected { records, last })
    }
}

/// Whether each row has a value of each column, so that values are found by their places.
fn has_all(spans: &[Range<usize>], values: &[Range<usize>], width: usize) -> bool {
    let is_within = |(span, values): (&Range<usize>, &[Range<usize>])| {
        values.iter().all(|value| span.start < value.start && value.end < span.end)
    };
    values.len() == spans.len() * width && spans.iter().zip(values.chunks(width.max(1))).all(is_within)
}

/// The rows of a page, and the values of the last one when others follow.
pub(super) struct Collected {
    pub(super) records: Records,
    pub(super) last: Option<Vec<Value>>,
}
