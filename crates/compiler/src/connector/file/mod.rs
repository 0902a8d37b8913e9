//! Lowers the settings of the connector `file`: what the name of a file says, made explicit.

mod stream;

use std::path::Path;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::connector::records::RecordsPlace;
use raccord_model::language::connector::{
    Compression, FileDataType, FileSettings, LastLineEnd, RecordFormat,
};

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
    let named = check_path(file, findings)?;
    let Some(format) = file.format.or(named.format) else {
        findings.error_with_help(
            &["format"],
            Code::MissingField,
            format!("`{}` does not say what format it has", file.path),
            "add `format: csv`, `jsonl`, `json`, `xlsx` or `parquet`; known endings are .csv .tsv .jsonl .ndjson .json, and .gz \
             after them, .xlsx .xlsm .parquet",
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
    check_table(file, format, findings);
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
            last_line_end: file.last_line_end,
            sheet: file.sheet.clone(),
            header_row: file.header_row,
            extractor: Extractor::of(&file.records),
        },
    })
}

/// What is wrong with a path, and what it says of its files; nothing where they cannot be read.
fn check_path(file: &FileDataType, findings: &mut Findings) -> Option<NamedFormat> {
    if file.path.is_empty() {
        findings.invalid(&["path"], "a path or a glob is missing");
        return None;
    }
    if let Err(error) = glob::Pattern::new(&file.path) {
        findings.invalid(&["path"], format!("`{}` is not a glob: {error}", file.path));
    }
    if let Err(why) = RemotePath::of(&file.path) {
        findings.invalid(&["path"], why);
        return None;
    }
    let named = NamedFormat::of(&file.path);
    if named.is_spreadsheet {
        findings.error_with_help(
            &["path"],
            Code::InvalidValue,
            format!("`{}` is a document of a spreadsheet program that cannot be read", file.path),
            "save it as XLSX or CSV in that program, and name that file here",
        );
        return None;
    }
    Some(named)
}

/// What goes with workbooks alone, and what does not go with formats that are no text.
fn check_table(file: &FileDataType, format: RecordFormat, findings: &mut Findings) {
    let of_workbooks = [("sheet", file.sheet.is_some()), ("headerRow", file.header_row.is_some())];
    for (member, is_there) in of_workbooks {
        if is_there && format != RecordFormat::Xlsx {
            findings.conflict(&[member], format!("`{member}` goes with the format xlsx alone"));
        }
    }
    if file.header_row.is_some() && !file.columns.is_empty() {
        findings.conflict(
            &["headerRow"],
            "either `headerRow` says where the columns are named, or `columns` names them",
        );
    }
    let is_gzip = file.compression == Some(Compression::Gzip) || NamedFormat::of(&file.path).is_gzip;
    if !format.is_text() && is_gzip {
        let member = if file.compression.is_some() { "compression" } else { "path" };
        findings.conflict(
            &[member],
            "xlsx and parquet are compressed inside; read them without gzip around them",
        );
    }
    if file.last_line_end != LastLineEnd::default() && format != RecordFormat::Csv {
        findings.conflict(&["lastLineEnd"], "`lastLineEnd` goes with the format csv alone");
    }
    if !format.is_text() && file.encoding.is_some() {
        findings.conflict(&["encoding"], "`encoding` goes with csv, jsonl and json alone");
    }
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
    /// Whether it ends in `.gz`.
    is_gzip: bool,
}

impl NamedFormat {
    /// What a path or a glob says.
    pub fn of(path: &str) -> Self {
        let extension = |path: &Path| path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let mut path = Path::new(path.trim_end_matches(['*', '?'])).to_owned();
        let is_gzip = extension(&path).as_deref() == Some("gz");
        if is_gzip {
            path.set_extension("");
        }
        let extension = extension(&path);
        let format = match extension.as_deref() {
            Some("csv" | "tsv") => Some(RecordFormat::Csv),
            Some("jsonl" | "ndjson") => Some(RecordFormat::Jsonl),
            Some("json") => Some(RecordFormat::Json),
            Some("xlsx" | "xlsm") => Some(RecordFormat::Xlsx),
            Some("parquet") => Some(RecordFormat::Parquet),
            _ => None,
        };
        let delimiter = if extension.as_deref() == Some("tsv") { '\t' } else { ',' };
        let is_spreadsheet = matches!(extension.as_deref(), Some("xlsb" | "xls" | "ods" | "numbers"));
        Self { format, delimiter, is_spreadsheet, is_gzip }
    }
}
