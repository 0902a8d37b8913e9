//! Records as a file with columns: the values of an answer become those of its columns again, and are written as the format
//! has them.

use std::borrow::Cow;
use std::sync::Arc;

use raccord_files::format::{Column, ColumnKind, Encoder, Format, NotBuiltIn, encoder};
use raccord_model::decimal::Decimal;
use raccord_model::value::{Value, parse_date, parse_datetime};
use raccord_serve::request::{Cell, ColumnView, Row};

use super::target::Target;
use crate::error::CommandError;
use crate::render::table::no_formula;

/// So many bytes are handed on at a time.
const CHUNK: usize = 64 * 1024;

/// A file under way.
pub(super) struct Export {
    columns: Arc<[Column]>,
    encoder: Box<dyn Encoder>,
    formula_safe: bool,
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
        columns: &[ColumnView],
        formula_safe: bool,
    ) -> Result<Self, CommandError> {
        let column = |view: &ColumnView| Column { name: view.name.to_string(), kind: view.field_type.into() };
        let columns: Arc<[Column]> = columns.iter().map(column).collect();
        let encoder = encoder(format, &columns).map_err(|error| CommandError::of(&error))?;
        Ok(Self { columns, encoder, formula_safe: formula_safe && format == Format::Csv })
    }

    pub(super) fn record(&mut self, record: &Row, target: &mut Target) -> Result<(), CommandError> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (column, (_, value)) in self.columns.iter().zip(&record.0) {
            let cell = value_of(column.kind, value);
            if cell.is_none() && !value.is_null() {
                return Err(CommandError::new(format!("a value of `{}` is not of its type", column.name)));
            }
            cells.push(match cell {
                Some(Value::Text(text)) if self.formula_safe => {
                    Some(Value::Text(no_formula(&text).into_owned().into()))
                }
                cell => cell,
            });
        }
        self.encoder.row(&cells).map_err(|error| CommandError::of(&error))?;
        if self.encoder.pending() >= CHUNK {
            target.write(&self.encoder.take())?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, target: &mut Target) -> Result<(), CommandError> {
        self.encoder.finish().map_err(|error| CommandError::of(&error))?;
        target.write(&self.encoder.take())
    }
}

/// A value of an answer as one of its column; `None` without a value, and of one that is of another type.
fn value_of(kind: ColumnKind, value: &Cell) -> Option<Value<'_>> {
    Some(match (kind, value) {
        (_, Cell::Null) => return None,
        (ColumnKind::Text, Cell::Text(text)) => Value::Text(Cow::Borrowed(text)),
        (ColumnKind::Integer, Cell::Json(number)) => Value::Integer(number.parse().ok()?),
        (ColumnKind::Decimal, Cell::Text(text)) => Value::Decimal(Decimal::from_canonical(text.clone())),
        (ColumnKind::Boolean, Cell::Json(value)) => Value::Boolean(value.parse().ok()?),
        (ColumnKind::Date, Cell::Text(text)) => Value::Date(parse_date(text).ok()?),
        (ColumnKind::Datetime, Cell::Text(text)) => Value::Datetime(parse_datetime(text, None).ok()?),
        (ColumnKind::Choices, Cell::Json(choices)) => {
            let choices: Vec<String> = serde_json::from_str(choices).ok()?;
            Value::Choices(choices.into_iter().map(Cow::Owned).collect())
        }
        (ColumnKind::Json, value) => Value::Json(value.json()),
        _ => return None,
    })
}
