//! Tables: aligned text for people, JSON, JSON Lines or CSV for tools.

use std::borrow::Cow;

use clap::{Args, ValueEnum};
use raccord_model::foreign;
use serde::Serialize;

use crate::error::CommandError;

/// The forms in which a list can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

impl Form {
    /// Whether people read it.
    pub(crate) fn is_text(self) -> bool {
        self == Self::Text
    }
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub(crate) struct ListForm {
    /// The form of the list
    #[arg(long = "output", value_name = "OUTPUT", value_enum, default_value = "text")]
    pub(crate) form: Form,
    /// With --output csv: begin what a spreadsheet would take for a formula with an apostrophe
    #[arg(long)]
    pub(crate) formula_safe: bool,
}

impl ListForm {
    /// Whether people read it.
    pub(crate) fn is_text(self) -> bool {
        self.form.is_text()
    }

    /// A list as data; `None` of a list for people.
    pub(crate) fn data<T: Serialize>(
        self,
        table: &Table,
        items: &[T],
    ) -> Result<Option<String>, CommandError> {
        Ok(Some(match self.form {
            Form::Text => return Ok(None),
            Form::Json => format!("{}\n", super::json(items)?),
            Form::Jsonl => items.iter().map(line).collect::<Result<String, _>>()?,
            Form::Csv => table.csv(self.formula_safe)?,
        }))
    }
}

/// The longest cell of the text form, in characters.
const LONGEST_CELL: usize = 60;

/// A list of rows under named columns.
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<'c>(columns: impl IntoIterator<Item = &'c str>) -> Self {
        Self::of_columns(columns.into_iter().map(str::to_owned).collect())
    }

    pub(crate) const fn of_columns(columns: Vec<String>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Aligned text.
    pub(crate) fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(self.columns.iter().map(|column| shorten(column)));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| shorten(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n") + "\n"
    }

    fn csv(&self, formula_safe: bool) -> Result<String, CommandError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |cells: &[String]| {
            for cell in cells {
                let cell = if formula_safe { no_formula(cell) } else { Cow::Borrowed(cell.as_str()) };
                writer.write_field(cell.as_bytes())?;
            }
            writer.write_record(None::<&[u8]>)
        };
        let written = write(&self.columns).and_then(|()| self.rows.iter().try_for_each(|row| write(row)));
        written.map_err(|error| CommandError::of(&error))?;
        let bytes = writer.into_inner().map_err(|error| CommandError::of(error.error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// One item as a line of JSON.
pub(crate) fn line<T: Serialize + ?Sized>(item: &T) -> Result<String, CommandError> {
    let line = serde_json::to_string(item).map_err(|error| CommandError::of(&error))?;
    Ok(format!("{line}\n"))
}

/// A cell that no spreadsheet takes for a formula. A number stays one, its sign included.
fn no_formula(cell: &str) -> Cow<'_, str> {
    let begins_one = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins_one && !is_number(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Whether a cell is a number as this program writes them.
fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && all_digits(fraction)
}

fn shorten(cell: &str) -> String {
    let line = foreign::line(cell);
    match line.char_indices().nth(LONGEST_CELL) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("+351 21", "'+351 21"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("-12.50", "-12.50"),
            ("-", "'-"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(no_formula(cell), expected);
        }
    }
}
