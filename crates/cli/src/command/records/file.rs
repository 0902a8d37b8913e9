//! Records as a file with columns: the values of an answer become those of its columns again, and are written as the format
//! has them. A value that was stored under an earlier type of its field is written where that loses nothing; else its record is
//! left out and named. No value is shown in an error.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use raccord_files::format::{Column, ColumnKind, Encoder, Format, NotBuiltIn, encoder};
use raccord_model::foreign;
use raccord_model::language::FieldType;
use raccord_model::value::{Value, parse_date, parse_datetime};
use raccord_serve::request::{Cell, ColumnView, Row};

use super::target::Target;
use crate::error::CommandError;
use crate::render::{self, table::no_formula};

/// So many bytes are handed on at a time.
const CHUNK: usize = 64 * 1024;

/// So many records that were left out are named.
const NAMED: usize = 10;

/// A file under way.
pub(super) struct Export {
    columns: Arc<[Column]>,
    /// The fields of the key, which come first.
    keys: usize,
    types: Vec<FieldType>,
    encoder: Box<dyn Encoder>,
    formula_safe: bool,
    written: u64,
    left_out: LeftOut,
}

/// The records that were left out.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    count: u64,
    /// The first of them: which, and what of it is not of its type.
    named: Vec<String>,
}

/// Refuses a format that this program lacks, before anything is asked for.
pub(super) fn expect_built_in(format: Format) -> Result<(), CommandError> {
    if format.is_built_in() {
        return Ok(());
    }
    Err(CommandError::of(&NotBuiltIn(format.extension())))
}

impl Export {
    pub(super) fn begin(
        format: Format,
        views: &[ColumnView],
        formula_safe: bool,
    ) -> Result<Self, CommandError> {
        let column = |view: &ColumnView| Column { name: view.name.to_string(), kind: view.field_type.into() };
        let columns: Arc<[Column]> = views.iter().map(column).collect();
        let encoder = encoder(format, &columns).map_err(|error| CommandError::of(&error))?;
        Ok(Self {
            encoder,
            keys: views.iter().filter(|view| view.is_key).count(),
            types: views.iter().map(|view| view.field_type).collect(),
            columns,
            formula_safe: formula_safe && format == Format::Csv,
            written: 0,
            left_out: LeftOut::default(),
        })
    }

    pub(super) fn record(&mut self, record: &Row, target: &mut Target) -> Result<(), CommandError> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, (column, (_, value))) in self.columns.iter().zip(&record.0).enumerate() {
            let cell = value_of(column.kind, value);
            if cell.is_none() && !value.is_null() {
                self.leave_out(record, at);
                return Ok(());
            }
            cells.push(match cell {
                Some(Value::Text(text)) if self.formula_safe => {
                    Some(Value::Text(no_formula(&text).into_owned().into()))
                }
                cell => cell,
            });
        }
        self.encoder.row(&cells).map_err(|error| CommandError::of(&error))?;
        self.written += 1;
        if self.encoder.pending() >= CHUNK {
            target.write(&self.encoder.take())?;
        }
        Ok(())
    }

    fn leave_out(&mut self, record: &Row, at: usize) {
        self.left_out.count += 1;
        if self.left_out.named.len() < NAMED {
            let key: Vec<&str> = record.0.iter().take(self.keys).map(|(_, value)| value.text()).collect();
            let key = foreign::line(&key.join(", ")).into_owned();
            let name = self.columns.get(at).map_or("", |column| column.name.as_str());
            let kind = self.types.get(at).map_or("", |kind| kind.as_str());
            self.left_out.named.push(format!("{key} (`{name}` is not of the type {kind})"));
        }
    }

    /// Ends the file; how many records are in it, and what is not.
    pub(super) fn finish(mut self, target: &mut Target) -> Result<(u64, LeftOut), CommandError> {
        self.encoder.finish().map_err(|error| CommandError::of(&error))?;
        target.write(&self.encoder.take())?;
        Ok((self.written, self.left_out))
    }
}

impl LeftOut {
    pub(super) const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Why the export is not whole. `partial` is the file that holds the others.
    pub(super) fn error(&self, written: u64, partial: Option<&Path>) -> CommandError {
        let (out, others) = (render::many(self.count, "record"), render::many(written, "record"));
        let whether = if self.count == 1 { "was" } else { "were" };
        let more = self.count.saturating_sub(u64::try_from(self.named.len()).unwrap_or(u64::MAX));
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let message = format!(
            "{out} {whether} left out of the export, for a value is of another type than its field: {}{more}",
            self.named.join("; ")
        );
        let error = CommandError::new(message)
            .hint("it was stored under an earlier type and stays until its record is mapped by the new one: `raccord rejects list` tells which are not, and why")
            .hint("`--output json` shows every record as it is stored");
        match partial {
            Some(path) => {
                error.hint(format!("the other {others} are in {}, which is not whole", path.display()))
            }
            None => error,
        }
    }
}

/// A value of an answer as one of its column; `None` without a value, and of one that the type cannot say without a loss.
fn value_of(kind: ColumnKind, value: &Cell) -> Option<Value<'_>> {
    let text = match value {
        Cell::Null => return None,
        Cell::Text(text) | Cell::Json(text) => text.as_str(),
    };
    // A number and a text that is written like it are the same in a file; `007` is no number, for its zeros would go.
    let exact = |value: Value<'static>| (value.to_text() == text).then_some(value);
    match (kind, value) {
        (ColumnKind::Text, _) => Some(Value::Text(Cow::Borrowed(text))),
        (ColumnKind::Integer, _) => exact(Value::Integer(text.parse().ok()?)),
        (ColumnKind::Decimal, _) => exact(Value::Decimal(text.parse().ok()?)),
        (ColumnKind::Boolean, _) => exact(Value::Boolean(text.parse().ok()?)),
        (ColumnKind::Date, _) => exact(Value::Date(parse_date(text).ok()?)),
        (ColumnKind::Datetime, _) => exact(Value::Datetime(parse_datetime(text, None).ok()?)),
        (ColumnKind::Choices, Cell::Json(choices)) => {
            let choices: Vec<String> = serde_json::from_str(choices).ok()?;
            Some(Value::Choices(choices.into_iter().map(Cow::Owned).collect()))
        }
        (ColumnKind::Choices, _) => Some(Value::Choices(vec![Cow::Borrowed(text)])),
        (ColumnKind::Json, value) => Some(Value::Json(value.json())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that were stored under another type than the one that their column has by now.
    #[test]
    fn a_value_is_written_where_nothing_is_lost() {
        let [text, json] =
            [|text: &str| Cell::Text(text.to_owned()), |json: &str| Cell::Json(json.to_owned())];
        // (the column, the value, whether it can be written, as text)
        let cases = [
            (ColumnKind::Text, json("42"), Some("42")),
            (ColumnKind::Text, json("[\"a\",1]"), Some("[\"a\",1]")),
            (ColumnKind::Integer, text("42"), Some("42")),
            (ColumnKind::Integer, text("007"), None),
            (ColumnKind::Integer, text("n/a"), None),
            (ColumnKind::Integer, text("1.0"), None),
            (ColumnKind::Integer, json("true"), None),
            (ColumnKind::Decimal, json("42"), Some("42")),
            (ColumnKind::Decimal, text("1.5"), Some("1.5")),
            (ColumnKind::Decimal, text("1.50"), None),
            (ColumnKind::Decimal, text("n/a"), None),
            (ColumnKind::Boolean, text("true"), Some("true")),
            (ColumnKind::Boolean, text("yes"), None),
            (ColumnKind::Boolean, json("1"), None),
            (ColumnKind::Date, text("2025-02-28"), Some("2025-02-28")),
            (ColumnKind::Date, text("2025-02-28T00:00:00Z"), None),
            (ColumnKind::Datetime, text("2025-02-28T10:00:00.5Z"), Some("2025-02-28T10:00:00.5Z")),
            (ColumnKind::Datetime, text("2025-02-28T12:00:00+02:00"), None),
            (ColumnKind::Datetime, text("2025-02-28"), None),
            (ColumnKind::Choices, text("a"), Some("a")),
            (ColumnKind::Choices, json("[1]"), None),
            (ColumnKind::Json, text("a"), Some("\"a\"")),
            (ColumnKind::Text, Cell::Null, None),
        ];
        for (kind, cell, expected) in cases {
            let written = value_of(kind, &cell).map(|value| value.to_text());
            assert_eq!(written.as_deref(), expected, "{cell:?} as {kind:?}");
        }
    }
}
