//! One page's way through the mapping: pure, from records to changes and rejects.

use raccord_compiler::connector::IncrementalCursor;
use raccord_compiler::mapping::{Mapped, PageMapper, Rejection};
use raccord_compiler::scalar::Scalar;
use raccord_model::checkpoint::Cursor;
use raccord_model::fact::{Reject, RunId};
use raccord_model::language::transfer::Payload;
use raccord_model::port::records::{Page, Record, Records};
use raccord_model::port::sink::{Change, Changes};

use super::job::Job;

/// What a page became.
#[derive(Debug, Default)]
pub struct MappedPage {
    /// Rows on their way into the sink.
    pub changes: Changes,
    /// Records that could not be mapped.
    pub rejects: Vec<Reject>,
    /// The greatest cursor value.
    pub greatest: Option<Cursor>,
}

/// Maps the records of a page.
pub fn map_page(job: &Job, page: &Page, run: RunId, at: jiff::Timestamp) -> MappedPage {
    let mut mapped = MappedPage { changes: Changes::with_capacity(estimate(page)), ..MappedPage::default() };
    let header = match &page.records {
        Records::Rows(rows) => Some(&rows.header),
        Records::Json { .. } => None,
    };
    let keep = job.spec.rejects.payload == Payload::Keep;
    let new_reject = |position: String, reason: String, payload: String| Reject {
        transfer: job.uid,
        run,
        at,
        position,
        field: None,
        reason,
        key: None,
        payload: keep.then_some(payload),
        parent: if keep {
            page.parent.as_ref().map(|raw| String::from_utf8_lossy(raw).into_owned())
        } else {
            None
        },
    };
    for fault in &page.faults {
        mapped.rejects.push(new_reject(fault.position.clone(), fault.reason.clone(), fault.payload.clone()));
    }
    let mut records = job.program.page(header, page.parent.as_deref());
    let mut out = Mapped::default();
    let cursor = job.stream.cursor();
    for (number, record) in page.records.iter().enumerate() {
        match records.map(record, &mut out) {
            Ok(intent) => {
                mapped.changes.push(Change {
                    intent,
                    key: &out.key,
                    patch: &out.patch,
                    version: &out.version,
                });
            }
            Err(rejection) => {
                let position = position(page, number);
                let reject = new_reject(position, rejection.reason.clone(), record_text(&record, keep));
                mapped.rejects.push(with_blame(reject, &rejection, &out));
            }
        }
        mapped.greatest = mapped.greatest.max(cursor.and_then(|cursor| cursor_of(cursor, &records)));
    }
    mapped
}

/// About how many bytes the changes will take: records shrink when only some fields are mapped.
fn estimate(page: &Page) -> usize {
    match &page.records {
        Records::Json { body, .. } => body.len() / 2,
        Records::Rows(rows) => rows.text.len(),
    }
}

fn cursor_of(cursor: &IncrementalCursor, mapper: &PageMapper<'_>) -> Option<Cursor> {
    match mapper.cursor()? {
        // The cursor reads JSON, and a text is quoted there.
        Scalar::Text(text) => cursor.read(&serde_json::Value::from(text.as_ref()).to_string()),
        other => cursor.read(&other.to_json()),
    }
}

fn record_text(record: &Record<'_>, keep: bool) -> String {
    if keep { record.to_json() } else { String::new() }
}

fn position(page: &Page, number: usize) -> String {
    match &page.records {
        Records::Rows(rows) => {
            format!("{}, line {}", page.position, rows.lines.get(number).copied().unwrap_or_default())
        }
        Records::Json { .. } => format!("{}, record {}", page.position, number + 1),
    }
}

fn with_blame(mut reject: Reject, rejection: &Rejection, out: &Mapped) -> Reject {
    reject.field.clone_from(&rejection.field);
    if rejection.has_key {
        reject.key = Some(hexadecimal(&out.key));
    }
    reject
}

/// Bytes as hexadecimal text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
