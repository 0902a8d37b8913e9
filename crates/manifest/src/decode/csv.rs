//! CSV with a header: one object a row. It follows Python's `csv.DictReader`, cells that no header names included.

use bytes::Bytes;
use encoding_rs::Encoding;
use serde_json::{Map, Value};

use super::DecodeError;
use crate::component::{Component, Problem};
use crate::record::Record;

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub(super) encoding: &'static Encoding,
    delimiter: u8,
    /// The cells that are null.
    nulls: Vec<String>,
}

/// The name of the cells that have no header.
const NAMELESS: &str = "null";

impl Shape {
    /// The shape of what a job made, whose cells are null where they say so in one of many ways, or are empty alone.
    pub(super) fn of_job(keeps_words: bool) -> Self {
        let nulls = if keeps_words { &NOTHING[..1] } else { &NOTHING[..] };
        let nulls = nulls.iter().map(|null| (*null).to_owned()).collect();
        Self { encoding: encoding_rs::UTF_8, delimiter: b',', nulls }
    }

    pub(super) fn new(component: &Component, encoding: &'static Encoding) -> Result<Self, Problem> {
        let delimiter = match component.str("delimiter").unwrap_or(",") {
            "\\t" => "\t",
            "\\x01" | "\\u0001" => "\u{1}",
            other => other,
        };
        let &[delimiter] = delimiter.as_bytes() else {
            return Err(component.invalid("delimiter", "one character is expected"));
        };
        let nulls = component.get("set_values_to_none").and_then(Value::as_array);
        let nulls = nulls.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self { encoding, delimiter, nulls })
    }
}

/// The cells that pandas takes for nothing.
const NOTHING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// The rows of a file.
pub(super) fn rows(text: &Bytes, shape: &Shape) -> Result<Vec<Record>, DecodeError> {
    // Whatever ends a line is one line feed, within quotes too.
    let text = match memchr::memchr(b'\r', text) {
        Some(_) => {
            let text = std::str::from_utf8(text).map_err(|_| DecodeError("no UTF-8".to_owned()))?;
            Bytes::from(text.replace("\r\n", "\n").replace('\r', "\n"))
        }
        None => text.clone(),
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(shape.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_ref());
    let mut records = reader.records();
    let wrong = |error: csv::Error| DecodeError(format!("no CSV: {error}"));
    let Some(header) = records.next().transpose().map_err(wrong)? else { return Ok(Vec::new()) };
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        row.map(|row| Record::Value(Value::Object(object(&header, &row, shape)))).map_err(wrong)
    };
    records.map(row).collect()
}

fn object(header: &csv::StringRecord, row: &csv::StringRecord, shape: &Shape) -> Map<String, Value> {
    let cell = |text: &str| {
        if shape.nulls.iter().any(|null| null == text) { Value::Null } else { Value::from(text) }
    };
    let mut members = Map::new();
    for (at, name) in header.iter().enumerate() {
        members.insert(name.to_owned(), row.get(at).map_or(Value::Null, cell));
    }
    if row.len() > header.len() {
        let rest = row.iter().skip(header.len()).map(Value::from).collect();
        members.insert(NAMELESS.to_owned(), Value::Array(rest));
    }
    members
}
