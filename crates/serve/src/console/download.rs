//! Records as a file that a browser keeps: CSV that no spreadsheet takes for formulas, or JSON Lines. They are sent as they
//! are read, so that an entity never stands in memory; a reader that is slow is waited for.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use raccord_model::EntityRef;
use tokio::sync::mpsc;

use super::visit::Visit;
use crate::failure::Failure;
use crate::request::{Cell, ColumnView, Reply, Request, Row};

/// So many bytes are handed on at a time.
const CHUNK: usize = 64 << 10;

/// So many chunks wait for a slow reader.
const WAITING: usize = 4;

/// How long a reader may stall.
const PATIENCE: Duration = Duration::from_mins(1);

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Form {
    /// Both, in the order in which they are offered.
    pub(super) const ALL: [Self; 2] = [Self::Csv, Self::Jsonl];

    /// As an address and the name of a file have it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    const fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl; charset=utf-8",
        }
    }
}

/// The records that a request asks for, as a file.
pub(super) fn records(visit: Arc<Visit>, entity: &EntityRef, request: Request, form: Form) -> Response {
    let (sender, chunks) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut file = File { form, text: Vec::new(), sender, is_gone: false };
        let outcome = visit.ask(request, |reply| file.take(reply)).await;
        file.end(outcome).await;
    });
    let name = format!("attachment; filename=\"{entity}.{}\"", form.code());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(form.media())),
        // The name of an entity is ASCII without quotation marks.
        (CONTENT_DISPOSITION, HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    (headers, Body::new(Chunks(chunks))).into_response()
}

/// A file under way.
struct File {
    form: Form,
    text: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
    is_gone: bool,
}

impl File {
    fn take(&mut self, reply: Reply) {
        if self.is_gone {
            return;
        }
        match (reply, self.form) {
            (Reply::Columns(columns), Form::Csv) => self.text.extend(header(&columns).as_bytes()),
            (Reply::Record(row), Form::Csv) => self.text.extend(csv_line(&row).as_bytes()),
            (Reply::Record(row), Form::Jsonl) => {
                self.text.extend(serde_json::to_vec(&row).unwrap_or_default());
                self.text.push(b'\n');
            }
            _ => {}
        }
        if self.text.len() >= CHUNK {
            self.hand_on();
        }
    }

    /// Hands on what there is. The answer itself waits for a reader that is slow, and ends for one that stalls.
    fn hand_on(&mut self) {
        let chunk = Ok(Bytes::from(std::mem::take(&mut self.text)));
        let full = match self.sender.try_send(chunk) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.is_gone = true;
                return;
            }
            Err(mpsc::error::TrySendError::Full(chunk)) => chunk,
        };
        let sent = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(self.sender.send_timeout(full, PATIENCE))
        });
        self.is_gone = sent.is_err();
    }

    /// The rest. A file that broke off is no file: its reader sees an error.
    async fn end(self, outcome: Result<(), Failure>) {
        let last =
            outcome.map(|()| Bytes::from(self.text)).map_err(|failure| io::Error::other(failure.message));
        if !self.is_gone {
            // The reader may be gone by now.
            drop(self.sender.send_timeout(last, PATIENCE).await);
        }
    }
}

/// The chunks as they come.
struct Chunks(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

fn header(columns: &[ColumnView]) -> String {
    line(columns.iter().map(|column| Cow::Borrowed(column.name.as_str())))
}

fn csv_line(row: &Row) -> String {
    line(row.0.iter().map(|(_, value)| match value {
        Cell::Text(text) => defused(text),
        // What is no text is made by us: a number keeps its sign.
        other => Cow::Borrowed(other.text()),
    }))
}

/// A line of RFC 4180.
fn line<'c>(cells: impl Iterator<Item = Cow<'c, str>>) -> String {
    let cells: Vec<String> = cells.map(|cell| quoted(&cell)).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// A text that no spreadsheet takes for a formula: it begins with an apostrophe where it would. A number stays one.
fn defused(text: &str) -> Cow<'_, str> {
    let begins_one = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let digits = text.strip_prefix('-').unwrap_or_default();
    let is_number = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.parse::<f64>().is_ok();
    if begins_one && !is_number { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_leaves_its_place() {
        let check = |text: &str, expected: &str| {
            let row = Row(vec![("a".to_owned(), Cell::Text(text.to_owned())), ("b".to_owned(), Cell::Null)]);
            assert_eq!(csv_line(&row), format!("{expected},\r\n"), "{text}");
        };
        check("plain", "plain");
        check("=1+1", "'=1+1");
        check("+49 30", "'+49 30");
        check("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
        check("\r=1", "\"'\r=1\"");
        check("-12.50", "-12.50");
        check("-1.2.3", "'-1.2.3");
        check("-", "'-");
        check("a,\"b\"", "\"a,\"\"b\"\"\"");
        check("two\nlines", "\"two\nlines\"");
        check("", "");
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let row = Row(vec![("a".to_owned(), Cell::of_json("-3")), ("b".to_owned(), Cell::of_json("true"))]);
        assert_eq!(csv_line(&row), "-3,true\r\n");
    }
}
