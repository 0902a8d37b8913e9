//! JSON Lines: one object a line, handed on as the bytes that stand there.

use std::io::{BufRead, Read};

use bytes::Bytes;
use raccord_model::port::records::{Fault, Records};
use raccord_model::port::source::SourceError;
use serde_json::value::RawValue;

use super::text::Content;
use super::{Batch, Decoding, MAX_RECORD, PAGE_BYTES, Spot, record_too_long, unreadable};
use crate::mask::excerpt;

/// How much of a line that is not a record is kept.
const MAX_PAYLOAD: usize = 200;

/// The records of JSON Lines.
pub(crate) struct LineRecords {
    name: String,
    content: Content,
    line: u64,
    /// The byte at which the next line begins.
    byte: u64,
    /// Whether no line with anything on it was read of the text so far.
    is_beginning: bool,
}

impl LineRecords {
    pub(crate) fn new(content: Content, name: &str) -> Self {
        Self { name: name.to_owned(), content, line: 0, byte: 0, is_beginning: true }
    }

    /// The lines from a spot on.
    pub(crate) fn from(content: Content, name: &str, spot: Spot) -> Self {
        Self { name: name.to_owned(), content, line: spot.line - 1, byte: spot.byte, is_beginning: false }
    }

    /// Appends the next line to `body`. Returns whether there was one.
    fn read_line(&mut self, body: &mut Vec<u8>) -> Result<bool, SourceError> {
        let limit = u64::try_from(MAX_RECORD).unwrap_or(u64::MAX) + 1;
        let mut limited = (&mut self.content).take(limit);
        let length = limited.read_until(b'\n', body).map_err(|error| unreadable(&self.name, error))?;
        self.line += 1;
        self.byte += u64::try_from(length).unwrap_or_default();
        if length > MAX_RECORD {
            return Err(record_too_long(&self.name, self.line));
        }
        Ok(length > 0)
    }
}

impl Decoding for LineRecords {
    fn batch(&mut self, most: usize) -> Result<Batch, SourceError> {
        let (mut body, mut spans, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_last = false;
        while spans.len() + faults.len() < most && body.len() < PAGE_BYTES {
            let start = body.len();
            if !self.read_line(&mut body)? {
                is_last = true;
                break;
            }
            let line = body.get(start..).unwrap_or_default();
            let leading = line.len() - line.trim_ascii_start().len();
            let trimmed = line.trim_ascii();
            if trimmed.is_empty() {
                body.truncate(start);
                continue;
            }
            if std::mem::take(&mut self.is_beginning) && begins_document(trimmed) {
                let message = "it is not JSON Lines: it begins as one document over several lines, or as an array of objects; \
                               write `format: json`";
                return Err(SourceError::Answer { place: self.name.clone(), message: message.to_owned() });
            }
            match why_no_object(trimmed) {
                None => spans.push(start + leading..start + leading + trimmed.len()),
                Some(reason) => {
                    let payload = excerpt(&String::from_utf8_lossy(trimmed), MAX_PAYLOAD);
                    faults.push(Fault {
                        position: format!("{}, line {}", self.name, self.line),
                        reason,
                        payload,
                    });
                    body.truncate(start);
                }
            }
        }
        // Knowing the end now spares a page without records later.
        is_last =
            is_last || self.content.fill_buf().map_err(|error| unreadable(&self.name, error))?.is_empty();
        Ok(Batch {
            records: Records::Json { body: Bytes::from(body), spans },
            faults,
            columns: None,
            is_cut: false,
            is_last,
        })
    }

    fn spot(&self) -> Option<Spot> {
        Some(Spot { byte: self.byte, line: self.line + 1 })
    }
}

/// Why a line is not a JSON object; `None` when it is one.
fn why_no_object(line: &[u8]) -> Option<String> {
    if let Err(error) = serde_json::from_slice::<&RawValue>(line) {
        return Some(format!("it is not JSON: {error}"));
    }
    (!line.starts_with(b"{")).then(|| "it is not a JSON object".to_owned())
}

/// Whether the first line of a text is that of one JSON document: an array of objects, or one that goes on, or an object that
/// goes on where programs break lines. Taken for JSON Lines, some of its lines could pass for records, and the others would
/// be rejected.
fn begins_document(line: &[u8]) -> bool {
    match line {
        [b'[', elements @ ..] => elements.trim_ascii_start().starts_with(b"{") || is_cut(line),
        [b'{', .., b'{' | b'[' | b','] | b"{" => is_cut(line),
        _ => false,
    }
}

/// Whether a line is JSON as far as it goes.
fn is_cut(line: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(line).is_err_and(|error| error.is_eof())
}
