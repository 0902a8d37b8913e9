//! JSON: one document that holds an array of records, read whole within a stated limit.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;

use bytes::Bytes;
use raccord_compiler::connector::FileStream;
use raccord_compiler::select::{Found, Selector, span_of};
use raccord_model::port::records::{Fault, Records};
use raccord_model::port::source::SourceError;

use super::matching::{Matched, file_error};
use super::open::open;
use super::pages::{Batch, FileRecords, PAGE_BYTES};
use crate::mask::excerpt;

/// The largest document, after decompression.
const MAX_DOCUMENT: u64 = 256 << 20;
/// How much of what is not a record is kept.
const MAX_PAYLOAD: usize = 200;

/// The records of a JSON document.
pub(crate) struct JsonRecords {
    name: String,
    document: Bytes,
    spans: VecDeque<Range<usize>>,
    done: usize,
}

impl JsonRecords {
    pub(crate) fn open(file: &Matched, stream: &FileStream) -> Result<Self, SourceError> {
        let document = read_document(file, stream)?;
        let answer = |message: String| SourceError::Answer { place: file.name.clone(), message };
        let mut found = Found::default();
        let selector = Selector::new([]).with_list(&stream.records);
        selector.select(&document, &mut found).map_err(|error| answer(format!("it is {error}")))?;
        if !found.has_list() {
            return Err(answer(format!("`records: {}` leads to no list", stream.records)));
        }
        let spans = found.list.iter().map(|raw| span_of(&document, raw)).collect();
        Ok(Self { name: file.name.clone(), document, spans, done: 0 })
    }
}

fn read_document(file: &Matched, stream: &FileStream) -> Result<Bytes, SourceError> {
    let too_large = || SourceError::Limit {
        place: file.name.clone(),
        message: format!("a JSON document may have {} MB; JSON Lines has no such limit", MAX_DOCUMENT >> 20),
    };
    let content = open(file, stream).map_err(|error| file_error(&file.name, error))?;
    let announced = usize::try_from(file.print.size.min(MAX_DOCUMENT)).unwrap_or(0);
    let mut document = Vec::with_capacity(announced);
    content
        .take(MAX_DOCUMENT + 1)
        .read_to_end(&mut document)
        .map_err(|error| file_error(&file.name, error))?;
    if u64::try_from(document.len()).map_or(true, |length| length > MAX_DOCUMENT) {
        return Err(too_large());
    }
    Ok(Bytes::from(document))
}

impl FileRecords for JsonRecords {
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError> {
        let (mut spans, mut faults, mut size) = (Vec::new(), Vec::new(), 0);
        while spans.len() + faults.len() < most && size < PAGE_BYTES {
            let Some(span) = self.spans.pop_front() else {
                break;
            };
            self.done += 1;
            size += span.len();
            let raw = self.document.get(span.clone()).unwrap_or_default();
            if raw.starts_with(b"{") {
                spans.push(span);
            } else {
                faults.push(Fault {
                    position: format!("{}, record {}", self.name, self.done),
                    reason: "it is not a JSON object".to_owned(),
                    payload: excerpt(&String::from_utf8_lossy(raw), MAX_PAYLOAD),
                });
            }
        }
        let records = Records::Json { body: self.document.clone(), spans };
        Ok(Batch { records, faults, is_last: self.spans.is_empty() })
    }
}
