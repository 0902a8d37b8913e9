//! Tables: aligned text for people, JSON, JSON Lines or CSV for tools.

use clap::ValueEnum;
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

    /// The list in a form; `items` is what the JSON forms are made of.
    pub(crate) fn render<T: Serialize>(&self, form: Form, items: &[T]) -> Result<String, CommandError> {
        match form {
            Form::Text => Ok(self.text()),
            Form::Json => Ok(format!("{}\n", super::json(items)?)),
            Form::Jsonl => items.iter().map(line).collect(),
            Form::Csv => self.csv(),
        }
    }

    /// Aligned text.
    pub(crate) fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(&self.columns);
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

    fn csv(&self) -> Result<String, CommandError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let written = writer.write_record(&self.columns);
        let written = written.and_then(|()| self.rows.iter().try_for_each(|row| writer.write_record(row)));
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

fn shorten(cell: &str) -> String {
    let line = cell.replace(['\n', '\r', '\t'], " ");
    match line.char_indices().nth(LONGEST_CELL) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
