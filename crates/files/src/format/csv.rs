//! CSV as RFC 4180 has it, with a header. Where there is no value there is nothing; an empty text is `""`, as PostgreSQL writes
//! the two. Nothing is changed for the sake of spreadsheets.

use super::text;
use super::{Cell, Column, EncodeError, Encoder};

/// A file of CSV.
pub(super) struct Csv {
    out: Vec<u8>,
    /// The cell in hand.
    cell: Vec<u8>,
}

impl Csv {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut out = Vec::new();
        for (number, column) in columns.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            push(column.name.as_bytes(), &mut out);
        }
        out.extend_from_slice(b"\n");
        Self { out, cell: Vec::new() }
    }
}

impl Encoder for Csv {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError> {
        for (number, cell) in cells.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            if let Some(value) = cell {
                self.cell.clear();
                text::plain(value, &mut self.cell);
                push(&self.cell, &mut self.out);
            }
        }
        self.out.extend_from_slice(b"\n");
        Ok(())
    }

    fn pending(&self) -> usize {
        self.out.len()
    }

    fn take(&mut self) -> Vec<u8> {
        let room = self.out.capacity();
        std::mem::replace(&mut self.out, Vec::with_capacity(room))
    }

    fn finish(&mut self) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// Writes a cell, in quotes where it needs them.
fn push(cell: &[u8], out: &mut Vec<u8>) {
    if !cell.is_empty() && !cell.iter().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r')) {
        out.extend_from_slice(cell);
        return;
    }
    out.push(b'"');
    for part in cell.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}
