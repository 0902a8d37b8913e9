//! JSON: one document that holds an array of records, read whole within a stated limit.

use std::collections::VecDeque;
use std::io::Read;

use bytes::Bytes;
use raccord_compiler::connector::Decoder;
use raccord_compiler::select::{Found, Listed, Other, Selector, span_of, twice};
use raccord_model::port::records::Fault;
use raccord_model::port::source::SourceError;
use serde_json::value::RawValue;

use super::listed::ListedRecords;
use super::text::Content;
use super::unreadable;
use crate::mask::excerpt;

/// The largest document, after decompression.
const MAX_DOCUMENT: u64 = 256 << 20;
/// How much of what is not a record is kept.
const MAX_PAYLOAD: usize = 200;

/// Reads a document and finds its records.
pub(crate) fn open(
    content: Content,
    name: &str,
    size: Option<u64>,
    decoder: &Decoder,
) -> Result<ListedRecords, SourceError> {
    let document = read_document(content, name, size)?;
    let answer = |message: String| SourceError::Answer { place: name.to_owned(), message };
    let mut found = Found::default();
    let extractor = &decoder.extractor;
    let selector = Selector::new([]).with_list(&extractor.records);
    selector.select(&document, &mut found).map_err(|error| {
        let lines = if is_lines(&document) { "; it is JSON Lines: write `format: jsonl`" } else { "" };
        answer(format!("it is {error}{lines}"))
    })?;
    if let Some(name) = selector.repeated(&found) {
        return Err(answer(twice(name, "the file")));
    }
    extractor.expect("file", &document, &found).map_err(answer)?;
    let spans = found.list.iter().map(|raw| span_of(&document, raw)).collect();
    let Listed { body, spans, outers, others } = extractor.list().list(&document, spans);
    let fault = |Other { number, reason, span }| {
        let raw = document.get(span).unwrap_or_default();
        let payload = excerpt(&String::from_utf8_lossy(raw), MAX_PAYLOAD);
        (number, Fault { position: format!("{name}, record {number}"), reason, payload })
    };
    let mut faults: VecDeque<_> = others.into_iter().map(fault).collect();
    faults.make_contiguous().sort_by_key(|(number, _)| *number);
    Ok(ListedRecords {
        document: body,
        spans: spans.into(),
        outers: outers.into(),
        faults,
        columns: None,
        done: 0,
    })
}

fn read_document(content: Content, name: &str, size: Option<u64>) -> Result<Bytes, SourceError> {
    let too_large = || SourceError::Limit {
        place: name.to_owned(),
        message: format!("a JSON document may have {} MB; JSON Lines has no such limit", MAX_DOCUMENT >> 20),
    };
    let announced = usize::try_from(size.unwrap_or(0).min(MAX_DOCUMENT)).unwrap_or(0);
    let mut document = Vec::with_capacity(announced);
    content.take(MAX_DOCUMENT + 1).read_to_end(&mut document).map_err(|error| unreadable(name, error))?;
    if u64::try_from(document.len()).map_or(true, |length| length > MAX_DOCUMENT) {
        return Err(too_large());
    }
    Ok(Bytes::from(document))
}

/// Whether a text that is no JSON document begins with a line that is one object.
fn is_lines(document: &[u8]) -> bool {
    let begin = document.trim_ascii_start();
    let line = begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok()
}
