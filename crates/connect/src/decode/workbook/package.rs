//! The file of a workbook before anything in it is parsed: a zip archive within the stated limits, whose parts are whole.
//! It knows nothing of sheets.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use raccord_model::port::source::SourceError;
use zip::ZipArchive;

use crate::decode::blob::Blob;
use crate::decode::unreadable;

/// The largest file.
const MAX_FILE: u64 = 64 << 20;
/// How much XML it may hold once it is decompressed. A small archive may come to terabytes.
const MAX_XML: u64 = 256 << 20;

/// What old and what encrypted workbooks begin with.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0";
/// What a zip archive begins with.
const ZIP: &[u8] = b"PK\x03\x04";

/// Reads a workbook's file whole and makes sure that its parts are as they were written.
pub(super) fn read(blob: &dyn Blob, name: &str) -> Result<Bytes, SourceError> {
    if blob.len() > MAX_FILE {
        let message = format!(
            "it has {} bytes, and a workbook may have {} MB; save the sheet as CSV, which has no such limit",
            blob.len(),
            MAX_FILE >> 20
        );
        return Err(SourceError::Limit { place: name.to_owned(), message });
    }
    let length = usize::try_from(blob.len()).unwrap_or(usize::MAX);
    let file = blob.read_at(0, length).map_err(|error| unreadable(name, error))?;
    let answer = |message: String| SourceError::Answer { place: name.to_owned(), message };
    if file.starts_with(COMPOUND) {
        let message =
            "it is encrypted with a password, or an XLS of before 2007; save it as XLSX without a password";
        return Err(answer(message.to_owned()));
    }
    if !file.starts_with(ZIP) {
        return Err(answer("it is no XLSX: it does not begin like one".to_owned()));
    }
    verify(&file, name)?;
    Ok(file)
}

/// Decompresses every part that is XML, which checks its checksum and counts its size.
fn verify(file: &Bytes, name: &str) -> Result<(), SourceError> {
    let damaged = |message: String| SourceError::Answer { place: name.to_owned(), message };
    let archive = ZipArchive::new(Cursor::new(file.clone()));
    let mut archive = archive.map_err(|error| damaged(format!("it is damaged or cut off: {error}")))?;
    let mut left = MAX_XML;
    for at in 0..archive.len() {
        let part = archive.by_index(at);
        let part = part.map_err(|error| damaged(format!("it is damaged: part {}: {error}", at + 1)))?;
        let part_name = part.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let extension = part_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        if !matches!(extension.as_deref(), Some("xml" | "rels")) {
            continue;
        }
        let length = io::copy(&mut part.take(left + 1), &mut io::sink())
            .map_err(|error| damaged(format!("it is damaged: {part_name}: {error}")))?;
        left = left.checked_sub(length).ok_or_else(|| SourceError::Limit {
            place: name.to_owned(),
            message: format!(
                "its sheets and texts come to more than {} MB; save the sheet as CSV, which has no such limit",
                MAX_XML >> 20
            ),
        })?;
    }
    Ok(())
}
