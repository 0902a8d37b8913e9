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

/// How many items a list shows as text unless it is told otherwise.
const SHOWN: usize = 20;

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

    /// How many items a list has at most. What tools read is never cut.
    pub(crate) fn limit(self, given: Option<usize>) -> usize {
        given.unwrap_or(if self.is_text() { SHOWN } else { usize::MAX })
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

/// How narrow a column may become where a terminal is narrow, in characters.
const NARROWEST: usize = 8;

/// The longest cell of the text form, in characters.
const LONGEST_CELL: usize = 60;

/// A list of rows under named columns.
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether no cell is cut where there is no terminal.
    is_whole: bool,
}

impl Table {
    pub(crate) fn new<'c>(columns: impl IntoIterator<Item = &'c str>) -> Self {
        Self::of_columns(columns.into_iter().map(str::to_owned).collect())
    }

    pub(crate) const fn of_columns(columns: Vec<String>) -> Self {
        Self { columns, rows: Vec::new(), is_whole: false }
    }

    /// The same, with cells as long as they are where there is no terminal: into a file or a pipe.
    pub(crate) const fn whole(mut self) -> Self {
        self.is_whole = true;
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Aligned text, as wide as it takes or as a terminal is.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        let limits = self.limits(width);
        let limit = |column: usize| limits.get(column).copied().unwrap_or(LONGEST_CELL);
        let cut = |cells: &[String]| -> Vec<String> {
            cells.iter().enumerate().map(|(column, cell)| shorten(cell, limit(column))).collect()
        };
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(cut(&self.columns));
        for row in &self.rows {
            table.add_row(cut(row));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n") + "\n"
    }

    /// How many characters a cell of each column may have. What names a row, the first column, is never cut; of the
    /// others the widest gives way first.
    fn limits(&self, width: Option<usize>) -> Vec<usize> {
        let longest = if self.is_whole && width.is_none() { usize::MAX } else { LONGEST_CELL };
        let length = |cell: &String| cell.chars().count().min(longest);
        let mut limits: Vec<usize> = self.columns.iter().map(length).collect();
        for row in &self.rows {
            for (limit, cell) in limits.iter_mut().zip(row) {
                *limit = length(cell).max(*limit);
            }
        }
        let Some(width) = width else { return limits };
        let narrowest = |column: usize| self.columns.get(column).map_or(0, length).max(NARROWEST);
        let mut excess = (limits.iter().sum::<usize>() + 2 * limits.len()).saturating_sub(width + 2);
        while excess > 0 {
            let columns = limits.iter_mut().enumerate().skip(1);
            let widest = columns
                .filter(|(column, limit)| **limit > narrowest(*column))
                .max_by_key(|(_, limit)| **limit);
            let Some((_, limit)) = widest else { break };
            *limit -= 1;
            excess -= 1;
        }
        limits
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
        let header = if self.columns.is_empty() { Ok(()) } else { write(&self.columns) };
        let written = header.and_then(|()| self.rows.iter().try_for_each(|row| write(row)));
        written.map_err(|error| CommandError::of(&error))?;
        let bytes = writer.into_inner().map_err(|error| CommandError::of(error.error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// An array of JSON that is written item by item.
#[derive(Debug, Default)]
pub(crate) struct JsonArray {
    is_begun: bool,
}

impl JsonArray {
    /// What the next item adds.
    pub(crate) fn item<T: Serialize>(&mut self, item: &T) -> Result<String, CommandError> {
        let before = if std::mem::replace(&mut self.is_begun, true) { "," } else { "[" };
        Ok(format!("{before}\n  {}", super::json(item)?.replace('\n', "\n  ")))
    }

    /// What ends the array.
    pub(crate) const fn end(&self) -> &'static str {
        if self.is_begun { "\n]\n" } else { "[]\n" }
    }
}

/// One item as a line of JSON.
pub(crate) fn line<T: Serialize + ?Sized>(item: &T) -> Result<String, CommandError> {
    let line = serde_json::to_string(item).map_err(|error| CommandError::of(&error))?;
    Ok(format!("{line}\n"))
}

/// A cell that no spreadsheet takes for a formula. A number stays one, its sign included.
pub(crate) fn no_formula(cell: &str) -> Cow<'_, str> {
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

fn shorten(cell: &str, limit: usize) -> String {
    let line = foreign::line(cell);
    if line.chars().count() <= limit {
        return line.into_owned();
    }
    // A cell as long as any may be has its mark beside it, as it always had.
    let kept = if limit == LONGEST_CELL { limit } else { limit.saturating_sub(1) };
    line.chars().take(kept).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_a_terminal_and_keeps_what_names_its_rows() {
        let mut table = Table::new(["id", "reason", "at"]);
        table.row(["01a22d63-4d90-7425".to_owned(), "x".repeat(50), "2025-01-31T09:30:00Z".to_owned()]);
        let widest = |width| table.text(width).lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert_eq!(widest(None), 18 + 2 + 50 + 2 + 20);
        assert!(widest(Some(60)) <= 60, "{}", table.text(Some(60)));
        assert!(table.text(Some(20)).contains("01a22d63-4d90-7425  "), "{}", table.text(Some(20)));
        assert!(table.text(Some(64)).contains("2025-01-31T09:30:00Z"), "the widest gives way first");
    }

    #[test]
    fn a_whole_table_cuts_for_a_terminal_alone() {
        let reason = "x".repeat(LONGEST_CELL + 40);
        let table = || {
            let mut table = Table::new(["id", "reason"]);
            table.row(["1".to_owned(), reason.clone()]);
            table
        };
        assert!(table().whole().text(None).contains(&reason));
        assert!(!table().whole().text(Some(60)).contains(&reason));
        assert!(!table().text(None).contains(&reason));
    }

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
