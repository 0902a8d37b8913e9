//! Rows of cells to records: JSON objects whose members are named by one row, or by the settings.

use std::collections::VecDeque;
use std::ops::Range;

use raccord_compiler::connector::Decoder;
use raccord_model::port::records::Fault;
use raccord_model::port::source::SourceError;

use crate::decode::listed::ListedRecords;
use crate::mask::excerpt;

/// How much JSON the records of a sheet may come to.
const MAX_RECORDS: usize = 256 << 20;
/// How much of a row that is no record is kept.
const MAX_PAYLOAD: usize = 200;

/// A cell that is not empty.
pub(super) struct Filled {
    /// The column, from 0.
    pub(super) column: usize,
    /// Its value as JSON, or why it has none.
    pub(super) value: Result<String, String>,
}

/// A column that has a name.
#[derive(Clone, PartialEq, Eq)]
struct Column {
    name: String,
    /// The beginning of a member: `"name":`.
    member: String,
}

/// The records of a sheet, while its rows are read.
pub(super) struct SheetRecords<'d> {
    name: &'d str,
    /// The row that names the columns, from 1; `None` is the first that is not empty.
    header_row: Option<u32>,
    /// The columns, once they are known; `None` is one without a name.
    header: Option<Vec<Option<Column>>>,
    /// Where the columns are named, for messages.
    named_in: String,
    body: Vec<u8>,
    spans: VecDeque<Range<usize>>,
    faults: VecDeque<(usize, Fault)>,
}

impl<'d> SheetRecords<'d> {
    pub(super) fn new(name: &'d str, decoder: &Decoder) -> Self {
        let columns = &decoder.columns;
        let header = columns.iter().map(|name| Some(Column::new(name))).collect();
        Self {
            name,
            header_row: decoder.header_row.map(std::num::NonZeroU32::get),
            header: (!columns.is_empty()).then_some(header),
            named_in: "`columns`".to_owned(),
            body: Vec::new(),
            spans: VecDeque::new(),
            faults: VecDeque::new(),
        }
    }

    pub(super) const fn name(&self) -> &'d str {
        self.name
    }

    /// Takes the next row; `number` is its own, from 1.
    pub(super) fn take(&mut self, number: u32, cells: &mut [Filled]) -> Result<(), SourceError> {
        cells.sort_by_key(|cell| cell.column);
        if cells.iter().all(|cell| cell.value.as_deref() == Ok("\"\"")) {
            return Ok(());
        }
        if self.header.is_none() {
            if self.header_row.is_none_or(|header| header == number) {
                self.header = Some(self.name_columns(number, cells)?);
                self.named_in = format!("row {number}");
            }
            return Ok(());
        }
        let start = self.body.len();
        if let Err(reason) = self.append(number, cells) {
            self.body.truncate(start);
            let shown: Vec<&str> = cells.iter().map(|cell| cell.value.as_deref().unwrap_or("…")).collect();
            let payload = excerpt(&shown.join(","), MAX_PAYLOAD);
            let fault = Fault { position: format!("{}, row {number}", self.name), reason, payload };
            self.faults.push_back((self.spans.len() + self.faults.len() + 1, fault));
            return Ok(());
        }
        self.spans.push_back(start..self.body.len());
        if self.body.len() > MAX_RECORDS {
            let message = format!(
                "its records come to more than {} MB of JSON; save the sheet as CSV, which has no such limit",
                MAX_RECORDS >> 20
            );
            return Err(SourceError::Limit { place: self.name.to_owned(), message });
        }
        Ok(())
    }

    /// The names of the columns that a row says.
    fn name_columns(&self, number: u32, cells: &[Filled]) -> Result<Vec<Option<Column>>, SourceError> {
        let mut header: Vec<Option<Column>> = Vec::new();
        for Filled { column, value } in cells {
            let place = place(*column, number);
            let text = value.as_ref().map_err(|why| self.answer(format!("{place} {why}")))?;
            let text = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.clone());
            if text.trim().is_empty() {
                continue;
            }
            let name = Some(Column::new(&text));
            if let Some(before) = header.iter().position(|known| *known == name) {
                let message = format!(
                    "the columns {} and {} are both called `{text}`",
                    letters(before),
                    letters(*column)
                );
                return Err(self.answer(message));
            }
            header.resize(*column, None);
            header.insert(*column, name);
        }
        Ok(header)
    }

    /// Appends a record; the error says why the row is none.
    fn append(&mut self, number: u32, cells: &[Filled]) -> Result<(), String> {
        let header = self.header.as_deref().unwrap_or_default();
        let mut cells = cells.iter().peekable();
        self.body.push(b'{');
        let mut is_first = true;
        for (column, name) in header.iter().enumerate() {
            let cell = cells.next_if(|cell| cell.column == column);
            let value = cell
                .map(|cell| cell.value.as_deref().map_err(|why| format!("{} {why}", place(column, number))));
            let value = value.transpose()?;
            let Some(Column { member, .. }) = name else {
                if value.is_some_and(|value| value != "\"\"") {
                    return Err(self.unnamed(column, number));
                }
                continue;
            };
            if !is_first {
                self.body.push(b',');
            }
            is_first = false;
            self.body.extend_from_slice(member.as_bytes());
            self.body.extend_from_slice(value.unwrap_or("null").as_bytes());
        }
        self.body.push(b'}');
        let beyond = cells.find(|cell| cell.value.as_deref() != Ok("\"\""));
        beyond.map_or(Ok(()), |cell| Err(self.unnamed(cell.column, number)))
    }

    fn unnamed(&self, column: usize, row: u32) -> String {
        format!("{} has a value, but its column has no name in {}", place(column, row), self.named_in)
    }

    /// All records, once all rows were taken.
    pub(super) fn finish(self, sheet: &str) -> Result<ListedRecords, SourceError> {
        let Some(header) = &self.header else {
            let message = match self.header_row {
                Some(row) => {
                    format!("row {row} of the sheet `{sheet}`, which is to name its columns, is empty")
                }
                None => format!(
                    "the sheet `{sheet}` is empty: it lacks even the row that names its columns; name them with \
                     `columns` where no sheet has that row"
                ),
            };
            return Err(self.answer(message));
        };
        let columns = Some(header.iter().flatten().map(|column| column.name.clone()).collect());
        let (document, outers) = (self.body.into(), VecDeque::new());
        Ok(ListedRecords { document, spans: self.spans, outers, faults: self.faults, columns, done: 0 })
    }

    fn answer(&self, message: String) -> SourceError {
        SourceError::Answer { place: self.name.to_owned(), message }
    }
}

impl Column {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), member: format!("{}:", serde_json::Value::from(name)) }
    }
}

/// A cell as spreadsheet programs call it: `AB12`.
pub(super) fn place(column: usize, row: u32) -> String {
    format!("{}{row}", letters(column))
}

fn letters(column: usize) -> String {
    let (mut rest, mut letters) = (column + 1, Vec::new());
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).unwrap_or_default();
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_letters() {
        for (column, expected) in [(0, "A1"), (25, "Z1"), (26, "AA1"), (701, "ZZ1"), (702, "AAA1")] {
            assert_eq!(place(column, 1), expected);
        }
    }
}
