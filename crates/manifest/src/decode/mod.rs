//! From the body of an answer to the documents in it. A document stays a span of the body as long as it can; nothing
//! here knows where records stand in it.

mod archive;
mod csv;
mod json;
mod xml;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use serde_json::Value;

use crate::component::{Component, Problem};
use crate::record::Record;
use crate::transport::Response;

/// How a body is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoder {
    /// JSON. What is no JSON is an empty object, as in the reference.
    Json,
    /// XML, as an object. What is no XML is an empty object, as in the reference.
    Xml,
    /// One text a line.
    Lines,
    /// A format for what is large, or packed.
    Format(Format),
    /// The files of a ZIP archive.
    Zip(Format),
    /// CSV that a job of the service made, packed or not, in the encoding that the answer states.
    Table(csv::Shape),
}

/// A format that a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// JSON. What is no JSON is an error.
    Json,
    /// JSON a line. A line that is no JSON is an error.
    JsonLines,
    /// The elements of a list that stands in a JSON document, by the names that lead to it.
    JsonItems {
        /// The names, with dots between them.
        path: String,
        /// The encoding of the text.
        encoding: &'static Encoding,
    },
    /// CSV with a header.
    Csv(csv::Shape),
    /// Packed with gzip, or not.
    Gzip(Box<Format>),
}

/// A body that is not what the manifest says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is {0}")]
pub struct DecodeError(pub String);

impl Decoder {
    /// The decoder that a component describes; JSON where there is none.
    ///
    /// # Errors
    /// When it is wrong, or none that can be used here.
    pub fn new(component: Option<&Component>) -> Result<Self, Problem> {
        let Some(component) = component else { return Ok(Self::Json) };
        match component.kind() {
            "JsonDecoder" => Ok(Self::Json),
            "XmlDecoder" => Ok(Self::Xml),
            "IterableDecoder" => Ok(Self::Lines),
            "ZipfileDecoder" => {
                let inner = component.required("decoder", component.child("decoder"))?;
                Ok(Self::Zip(Format::new(&inner)?))
            }
            _ => Format::new(component).map(Self::Format),
        }
    }

    /// What reads the files of a job: a `ResponseToFileExtractor`.
    pub(crate) fn of_job(extractor: &Component) -> Self {
        Self::Table(csv::Shape::of_job(extractor.bool("preserve_na_values").unwrap_or(false)))
    }

    /// The documents of a body, in their order. A list at the root is one document an element. A JSON document that
    /// is no list is not looked into: it may turn out to be no JSON, and is to be taken for `{}` then.
    ///
    /// # Errors
    /// When the body is not what this decoder reads.
    pub fn documents(&self, answer: &Response) -> Result<Vec<Record>, DecodeError> {
        match self {
            Self::Json => Ok(json::lenient(&answer.body)),
            Self::Xml => Ok(vec![Record::Value(xml::document(answer))]),
            Self::Lines => lines(&answer.body),
            Self::Format(format) => format.documents(&answer.body),
            Self::Table(shape) => {
                let body = archive::inflated(&answer.body)?;
                let stated = stated_charset(answer).and_then(|label| Encoding::for_label(label.as_bytes()));
                csv::rows(&table(&without_nulls(&text(&body, stated.unwrap_or(UTF_8))?))?, shape)
            }
            Self::Zip(format) => {
                let files = archive::files(&answer.body)?;
                let documents: Result<Vec<_>, _> = files.iter().map(|file| format.documents(file)).collect();
                Ok(documents?.concat())
            }
        }
    }

    /// Whether the body is one document of JSON.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Json | Self::Format(Format::Json | Format::JsonItems { .. }))
    }

    /// Whether the reference reads the body while it comes, so that paginators see nothing of it.
    pub fn is_streamed(&self) -> bool {
        matches!(self, Self::Lines | Self::Format(_))
    }
}

impl Format {
    fn new(component: &Component) -> Result<Self, Problem> {
        Ok(match component.kind() {
            "JsonDecoder" => Self::Json,
            "JsonlDecoder" => Self::JsonLines,
            "JsonItemsDecoder" => {
                let path = component.required("items_path", component.str("items_path"))?.to_owned();
                Self::JsonItems { path, encoding: encoding(component)? }
            }
            "CsvDecoder" => Self::Csv(csv::Shape::new(component, encoding(component)?)?),
            "GzipDecoder" => {
                let inner = component.required("decoder", component.child("decoder"))?;
                Self::Gzip(Box::new(Self::new(&inner)?))
            }
            _ => return Err(component.unsupported()),
        })
    }

    fn documents(&self, body: &Bytes) -> Result<Vec<Record>, DecodeError> {
        match self {
            Self::Json => json::strict(body),
            Self::JsonLines => json::lines(body),
            Self::JsonItems { path, encoding } => json::items(&text(body, encoding)?, path),
            Self::Csv(shape) => csv::rows(&table(&text(body, shape.encoding)?)?, shape),
            Self::Gzip(inner) => inner.documents(&archive::unpacked(body)?),
        }
    }
}

/// The encoding that a component names; UTF-8 where it names none.
fn encoding(component: &Component) -> Result<&'static Encoding, Problem> {
    let Some(name) = component.str("encoding") else { return Ok(UTF_8) };
    let label = name.trim().to_ascii_lowercase().replace('_', "-").replace("latin-1", "latin1");
    Encoding::for_label(label.as_bytes())
        .ok_or_else(|| component.invalid("encoding", format!("`{name}` is no known encoding")))
}

/// A body as UTF-8.
fn text(body: &Bytes, encoding: &'static Encoding) -> Result<Bytes, DecodeError> {
    if encoding == UTF_8 {
        return match std::str::from_utf8(body) {
            Ok(_) => Ok(body.clone()),
            Err(_) => Err(DecodeError("no UTF-8".to_owned())),
        };
    }
    match encoding.decode(body) {
        (text, _, false) => Ok(Bytes::from(text.into_owned())),
        (_, _, true) => Err(DecodeError(format!("not encoded in {}", encoding.name()))),
    }
}

/// The content type that an answer states.
pub(crate) fn content_type(answer: &Response) -> Option<&str> {
    let header = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    header.map(|(_, kind)| kind.as_str())
}

/// The charset in the content type of an answer.
fn stated_charset(answer: &Response) -> Option<String> {
    let kind = content_type(answer)?;
    let parameter = |part: &str| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    kind.split(';').find_map(parameter)
}

/// A text that is to be a table. What begins as another format is none: any first line would do for the names of columns, and
/// an error or a page for people would be a table without rows.
fn table(text: &Bytes) -> Result<Bytes, DecodeError> {
    match text.trim_ascii_start().first() {
        Some(begin @ (b'{' | b'[' | b'<')) => {
            Err(DecodeError(format!("no CSV: it begins with `{}`", char::from(*begin))))
        }
        _ => Ok(text.clone()),
    }
}

fn without_nulls(text: &Bytes) -> Bytes {
    match memchr::memchr(0, text) {
        Some(_) => text.iter().copied().filter(|byte| *byte != 0).collect(),
        None => text.clone(),
    }
}

/// One object a line, which has the line as its `record`.
fn lines(body: &Bytes) -> Result<Vec<Record>, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError("no UTF-8".to_owned()))?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let record =
        |line: &str| Record::Value(Value::Object(crate::object([("record".to_owned(), line.into())])));
    Ok(text.lines().map(record).collect())
}

/// The part of a body that a slice of it is.
pub(crate) fn span(body: &Bytes, part: &str) -> Bytes {
    body.slice_ref(part.as_bytes())
}

#[cfg(test)]
mod tests;
