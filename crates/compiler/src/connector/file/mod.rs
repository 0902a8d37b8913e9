//! Lowers the settings of the connector `file`: what the name of a file says, made explicit.

mod stream;

use std::path::Path;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::records::RecordsPlace;
use raccord_model::language::connector::{FileDataType, FileSettings, RecordFormat};

use crate::connector::decode::{self, CsvForm, Decoder};
use crate::connector::findings::Findings;
use crate::connector::records::{self, Extractor};
use crate::connector::registry::Lower;
use crate::connector::unknown_data_type;

pub use stream::FileStream;

impl Lower for FileSettings {
    type Stream = FileStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<FileStream>, Vec<Finding>) {
        lower_file(self, data_type)
    }
}

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
    let form = CsvForm {
        delimiter: file.delimiter,
        usual_delimiter: named.delimiter,
        columns: &file.columns,
        comment: file.comment,
        missing_cells: file.missing_cells,
    };
    decode::check_csv(&form, format, &[], findings);
    if format != RecordFormat::Json && file.records != RecordsPlace::default() {
        findings.conflict(&["records"], "`records` goes with the format json alone");
    }
    records::check(&file.records, findings);
    let bytes = decode::lower_csv(&form, &[], findings);
    let label = file.encoding.as_deref().unwrap_or("utf-8");
    let encoding = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
    if encoding.is_none() {
        let message = format!("`{label}` is not a label of the WHATWG Encoding Standard");
        findings.invalid(&["encoding"], message);
    }
    Some(FileStream {
        data_type: name.clone(),
        path: file.path.clone(),
        compression: file.compression,
        decoder: Decoder {
            format,
            encoding: encoding?,
            delimiter: bytes.as_ref()?.delimiter,
            columns: file.columns.clone(),
            comment: bytes?.comment,
            missing_cells: file.missing_cells,
            extractor: Extractor::of(&file.records),
        },
    })
}

/// What the name of a file says about it. A glob may end in wildcards: `*.jsonl*` matches plain and gzip.
#[derive(Debug, Clone, Copy)]
pub struct NamedFormat {
    /// The format, when the name tells it.
    pub format: Option<RecordFormat>,
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
            Some("csv" | "tsv") => Some(RecordFormat::Csv),
            Some("jsonl" | "ndjson") => Some(RecordFormat::Jsonl),
            Some("json") => Some(RecordFormat::Json),
            _ => None,
        };
        let delimiter = if extension.as_deref() == Some("tsv") { '\t' } else { ',' };
        let is_spreadsheet =
            matches!(extension.as_deref(), Some("xlsx" | "xlsm" | "xlsb" | "xls" | "ods" | "numbers"));
        Self { format, delimiter, is_spreadsheet }
    }
}
