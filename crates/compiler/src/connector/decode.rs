//! How the bytes of a file or an answer become records, made explicit. One lowering for every connector.

use std::num::NonZeroU32;

use raccord_model::language::connector::{LastLineEnd, MissingCells, RecordFormat, Sheet};

use super::findings::Findings;
use super::records::Extractor;

/// How bytes become records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoder {
    /// How the text is to be read.
    pub format: RecordFormat,
    /// The encoding, unless a byte order mark says otherwise.
    pub encoding: &'static encoding_rs::Encoding,
    /// CSV: the byte between two columns.
    pub delimiter: u8,
    /// CSV and XLSX: the columns, when no header line names them.
    pub columns: Vec<String>,
    /// CSV: the byte with which lines begin that are comments.
    pub comment: Option<u8>,
    /// CSV: what a row is that has fewer cells than there are columns.
    pub missing_cells: MissingCells,
    /// CSV: whether a text that ends within a line may be one that was cut off.
    pub last_line_end: LastLineEnd,
    /// XLSX: the sheet; the first one where none is named.
    pub sheet: Option<Sheet>,
    /// XLSX: the row that names the columns, from 1; the first that is not empty where none is named.
    pub header_row: Option<NonZeroU32>,
    /// JSON: where the records are.
    pub extractor: Extractor,
}

/// What the settings say of a CSV.
pub(super) struct CsvForm<'a> {
    pub(super) delimiter: Option<char>,
    /// The delimiter where the settings name none.
    pub(super) usual_delimiter: char,
    pub(super) columns: &'a [String],
    pub(super) comment: Option<char>,
    pub(super) missing_cells: MissingCells,
}

/// The bytes of a CSV that mean something.
pub(super) struct CsvBytes {
    pub(super) delimiter: u8,
    pub(super) comment: Option<u8>,
}

/// Lowers what the settings say of a CSV; `at` is the path to it. Without a result there is a finding that says why.
pub(super) fn lower_csv(form: &CsvForm<'_>, at: &[&str], findings: &mut Findings) -> Option<CsvBytes> {
    let delimiter = byte(form.delimiter.unwrap_or(form.usual_delimiter));
    if delimiter.is_none() {
        let message = "the delimiter is one ASCII character, and not a quote or a line end";
        findings.invalid(&[at, &["delimiter"]].concat(), message);
    }
    let comment = form.comment.map(byte);
    if comment.is_some_and(|comment| comment.is_none() || comment == delimiter) {
        let message =
            "comments begin with one ASCII character that is neither a quote, a line end nor the delimiter";
        findings.invalid(&[at, &["comment"]].concat(), message);
    }
    Some(CsvBytes { delimiter: delimiter?, comment: comment.flatten() })
}

fn byte(character: char) -> Option<u8> {
    u8::try_from(character).ok().filter(|byte| byte.is_ascii() && !b"\"\r\n\0".contains(byte))
}

/// What goes with CSV alone, and whether its columns have names.
pub(super) fn check_csv(form: &CsvForm<'_>, format: RecordFormat, at: &[&str], findings: &mut Findings) {
    if !form.columns.is_empty() && !matches!(format, RecordFormat::Csv | RecordFormat::Xlsx) {
        findings.conflict(&[at, &["columns"]].concat(), "`columns` goes with the formats csv and xlsx alone");
    }
    let companions = [
        ("delimiter", form.delimiter.is_some()),
        ("comment", form.comment.is_some()),
        ("missingCells", form.missing_cells != MissingCells::default()),
    ];
    for (member, is_there) in companions {
        if is_there && format != RecordFormat::Csv {
            let message = format!("`{member}` goes with the format csv alone");
            findings.conflict(&[at, &[member]].concat(), message);
        }
    }
    for (place, column) in form.columns.iter().enumerate() {
        if column.is_empty() || form.columns[..place].contains(column) {
            let message = format!("the column `{column}` has no name or stands twice");
            findings.invalid(&[at, &["columns", &place.to_string()]].concat(), message);
        }
    }
}
