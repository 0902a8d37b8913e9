//! JSON Lines: one object a line, each with every column in the same order; `null` where there is no value.

use super::text;
use super::{Cell, Column, EncodeError, Encoder};

/// A file of JSON Lines.
pub(super) struct JsonLines {
    /// What stands before each value: a brace or a comma, the name, a colon.
    before: Box<[Box<[u8]>]>,
    out: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(columns: &[Column]) -> Self {
        let before = columns.iter().enumerate().map(|(number, column)| {
            let mut before = vec![if number == 0 { b'{' } else { b',' }];
            text::json_string(&column.name, &mut before);
            before.push(b':');
            before.into_boxed_slice()
        });
        Self { before: before.collect(), out: Vec::new() }
    }
}

impl Encoder for JsonLines {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError> {
        for (before, cell) in self.before.iter().zip(cells) {
            self.out.extend_from_slice(before);
            match cell {
                Some(value) => text::json(value, &mut self.out),
                None => self.out.extend_from_slice(b"null"),
            }
        }
        self.out.extend_from_slice(b"}\n");
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
