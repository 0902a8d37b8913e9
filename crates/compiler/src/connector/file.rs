//! Lowers the settings of the connector `file`: what the name of a file says, made explicit.

use std::path::Path;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::http::RecordsPlace;
use raccord_model::language::connector::{FileDataType, FileFormat, FileSettings, MissingCells};

use super::component::{Extractor, FileStream};
use super::findings::Findings;
use super::{records, unknown_data_type};

/// Lowers one data type. Without an error among the findings there is a stream.
pub fn lower_file(settings: &FileSettings, data_type: &DataTypeName) -> (Option<FileStream>, Vec<Finding>) {
    let Some(file) = settings.data_types.get(data_type) else {
        return (None, vec![unknown_data_type(data_type)]);
    };
    let mut findings = Findings::under(&["dataTypes", data_type.as_str()]);
    let stream = lower_one(data_type, file, &mut findings).filter(|_| !findings.has_error());
    (stream, findings.into_vec())
}

fn lower_one(name: &DataTypeName, file: &FileDataType, findings: &mut Findings) -> Option<FileStream> {
    if file.path.is_empty() {
        findings.invalid(&["path"], "a path or a glob is missing");
        return None;
    }
    if let Err(error) = glob::Pattern::new(&file.path) {
        findings.invalid(&["path"], format!("`{}` is not a glob: {error}", file.path));
    }
    let named = NamedFormat::of(&file.path);
    if named.is_spreadsheet {
        findings.error_with_help(
            &["path"],
            Code::InvalidValue,
            format!("`{}` is a document of a spreadsheet program, which cannot be read", file.path),
            "save the sheet as CSV in that program, and name the CSV file here",
        );
        return None;
    }
    let Some(format) = file.format.or(named.format) else {
        findings.error_with_help(
            &["format"],
            Code::MissingField,
            format!("`{}` does not say what format it has", file.path),
            "add `format: csv`, `jsonl` or `json`; known endings are .csv .tsv .jsonl .ndjson .json, and .gz after them",
        );
        return None;
    };
    check_format(file, format, findings);
    records::check(&file.records, findings);
    let delimiter = file.delimiter.unwrap_or(named.delimiter);
    let delimiter =
        u8::try_from(delimiter).ok().filter(|byte| byte.is_ascii() && !b"\"\r\n\0".contains(byte));
    if delimiter.is_none() {
        findings
            .invalid(&["delimiter"], "the delimiter is one ASCII character, and not a quote or a line end");
    }
    let comment = lower_comment(file, delimiter, findings);
    let label = file.encoding.as_deref().unwrap_or("utf-8");
    let encoding = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
    if encoding.is_none() {
        let message = format!("`{label}` is not a label of the WHATWG Encoding Standard");
        findings.invalid(&["encoding"], message);
    }
    Some(FileStream {
        data_type: name.clone(),
        path: file.path.clone(),
        format,
        compression: file.compression,
        delimiter: delimiter?,
        encoding: encoding?,
        columns: file.columns.clone(),
        comment,
        missing_cells: file.missing_cells,
        extractor: Extractor::of(&file.records),
    })
}

/// The character with which comments begin.
fn lower_comment(file: &FileDataType, delimiter: Option<u8>, findings: &mut Findings) -> Option<u8> {
    let comment = file.comment?;
    let byte = u8::try_from(comment).ok().filter(|byte| byte.is_ascii() && !b"\"\r\n\0".contains(byte));
    if byte.is_none() || byte == delimiter {
        let message =
            "comments begin with one ASCII character that is neither a quote, a line end nor the delimiter";
        findings.invalid(&["comment"], message);
    }
    byte
}

/// What goes with one format alone.
fn check_format(file: &FileDataType, format: FileFormat, findings: &mut Findings) {
    let companions = [
        ("columns", !file.columns.is_empty(), FileFormat::Csv, "csv"),
        ("delimiter", file.delimiter.is_some(), FileFormat::Csv, "csv"),
        ("comment", file.comment.is_some(), FileFormat::Csv, "csv"),
        ("missingCells", file.missing_cells != MissingCells::default(), FileFormat::Csv, "csv"),
        ("records", file.records != RecordsPlace::default(), FileFormat::Json, "json"),
    ];
    for (member, is_there, owner, name) in companions {
        if is_there && format != owner {
            findings.conflict(&[member], format!("`{member}` goes with the format {name} alone"));
        }
    }
    for (at, column) in file.columns.iter().enumerate() {
        if column.is_empty() || file.columns[..at].contains(column) {
            let message = format!("the column `{column}` has no name or stands twice");
            findings.invalid(&["columns", &at.to_string()], message);
        }
    }
}

/// What the name of a file says about it. A glob may end in wildcards: `*.jsonl*` matches plain and gzip.
#[derive(Debug, Clone, Copy)]
pub struct NamedFormat {
    /// The format, when the name tells it.
    pub format: Option<FileFormat>,
    /// The character between two columns, should there be columns.
    pub delimiter: char,
    /// Whether it is a document of a spreadsheet program.
    is_spreadsheet: bool,
}

impl NamedFormat {
    /// What a path or a glob says.
    pub fn of(path: &str) -> Self {
        let extension = |path: &Path| path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let mut path = Path::new(path.trim_end_matches(['*', '?'])).to_owned();
        if extension(&path).as_deref() == Some("gz") {
            path.set_extension("");
        }
        let extension = extension(&path);
        let format = match extension.as_deref() {
            Some("csv" | "tsv") => Some(FileFormat::Csv),
            Some("jsonl" | "ndjson") => Some(FileFormat::Jsonl),
            Some("json") => Some(FileFormat::Json),
            _ => None,
        };
        let delimiter = if extension.as_deref() == Some("tsv") { '\t' } else { ',' };
        let is_spreadsheet =
            matches!(extension.as_deref(), Some("xlsx" | "xlsm" | "xlsb" | "xls" | "ods" | "numbers"));
        Self { format, delimiter, is_spreadsheet }
    }
}
