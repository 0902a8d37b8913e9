//! Records of a document that was read whole, handed out a page at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use raccord_model::port::records::{Fault, Records};
use raccord_model::port::source::SourceError;

use super::{Batch, Decoding, PAGE_BYTES};

/// The records of a document, and what in it is none.
pub(crate) struct ListedRecords {
    pub(crate) document: Bytes,
    pub(crate) spans: VecDeque<Range<usize>>,
    /// Where the record is that each stands in; empty when they stand in none.
    pub(crate) outers: VecDeque<Range<usize>>,
    /// What is no record, with the number that it has among them, from 1; in order.
    pub(crate) faults: VecDeque<(usize, Fault)>,
    /// The names of the columns, where the document is a table.
    pub(crate) columns: Option<Arc<[String]>>,
    /// How many were handed out.
    pub(crate) done: usize,
}

impl Decoding for ListedRecords {
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError> {
        let (mut spans, mut outers, mut faults, mut size) = (Vec::new(), Vec::new(), Vec::new(), 0);
        while spans.len() + faults.len() < most && size < PAGE_BYTES {
            if let Some((number, _)) = self.faults.front()
                && (*number == self.done + 1 || self.spans.is_empty())
            {
                faults.extend(self.faults.pop_front().map(|(_, fault)| fault));
            } else if let Some(span) = self.spans.pop_front() {
                size += span.len();
                spans.push(span);
                outers.extend(self.outers.pop_front());
            } else {
                break;
            }
            self.done += 1;
        }
        let body = self.document.clone();
        let records = if outers.is_empty() {
            Records::Json { body, spans }
        } else {
            Records::Nested { body, spans, outers }
        };
        let is_last = self.spans.is_empty() && self.faults.is_empty();
        Ok(Batch { records, faults, columns: self.columns.clone(), is_last, is_cut: false })
    }
}
