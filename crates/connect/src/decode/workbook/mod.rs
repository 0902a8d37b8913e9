//! XLSX: the rows of one sheet, read whole within stated limits. A value keeps what the format of its cell says it is; what
//! has no value of its own (an error, a formula that was never computed) is a reject and not a guess.

mod cell;
mod date_format;
mod package;
mod rows;

use std::collections::HashSet;
use std::io::Cursor;

use bytes::Bytes;
use calamine::{DataRef, Reader, Xlsx, XlsxError};
use raccord_compiler::connector::Decoder;
use raccord_model::language::connector::Sheet;
use raccord_model::port::source::SourceError;

use self::date_format::{Shows, shows};
use self::rows::{Filled, SheetRecords};
use super::Decoding;
use super::blob::Blob;

type Workbook = Xlsx<Cursor<Bytes>>;

/// Reads a sheet of a workbook.
pub(crate) fn open(blob: &dyn Blob, name: &str, decoder: &Decoder) -> Result<Box<dyn Decoding>, SourceError> {
    let file = package::read(blob, name)?;
    let mut workbook = Workbook::new(Cursor::new(file)).map_err(|error| unsound(name, &error))?;
    let sheet = find(&workbook, decoder.sheet.as_ref(), name)?;
    let uncomputed = uncomputed(&mut workbook, &sheet).map_err(|error| unsound(name, &error))?;
    let records = read(&mut workbook, &sheet, &uncomputed, SheetRecords::new(name, decoder))?;
    Ok(Box::new(records.finish(&sheet)?))
}

fn unsound(name: &str, error: &XlsxError) -> SourceError {
    let message = match error {
        XlsxError::Password => "it is encrypted with a password; save it without one".to_owned(),
        XlsxError::NotAWorksheet(kind) => format!("the sheet is no table but a {kind}"),
        other => format!("it is damaged: {other}"),
    };
    SourceError::Answer { place: name.to_owned(), message }
}

/// The name of the sheet that is meant.
fn find(workbook: &Workbook, wanted: Option<&Sheet>, name: &str) -> Result<String, SourceError> {
    let names = workbook.sheet_names();
    let (found, shown) = match wanted {
        None => (names.first(), "1".to_owned()),
        Some(Sheet::Number(number)) => {
            let at = usize::try_from(number.get() - 1).unwrap_or(usize::MAX);
            (names.get(at), number.to_string())
        }
        Some(Sheet::Name(wanted)) => (names.iter().find(|name| *name == wanted), format!("`{wanted}`")),
    };
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("it has no sheet {shown}; it has {}", names.join(", "));
        SourceError::Answer { place: name.to_owned(), message }
    })
}

/// Where a formula stands without the value that a program had computed of it. Programs that only write files leave it out.
fn uncomputed(workbook: &mut Workbook, sheet: &str) -> Result<HashSet<(u32, u32)>, XlsxError> {
    let mut found = HashSet::new();
    let mut cells = workbook.worksheet_cells_reader(sheet)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata()? {
        if cell.formula.is_some() && cell.value == DataRef::Empty {
            found.insert(cell.pos);
        }
    }
    Ok(found)
}

/// Reads all rows.
fn read<'n>(
    workbook: &mut Workbook,
    sheet: &str,
    uncomputed: &HashSet<(u32, u32)>,
    mut records: SheetRecords<'n>,
) -> Result<SheetRecords<'n>, SourceError> {
    let name = records.name();
    let unsound = |error: XlsxError| unsound(name, &error);
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(unsound)?;
    let formats: Vec<Shows> = cells.styles().iter().map(shown_by).collect();
    let (mut row, mut filled) = (0, Vec::new());
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(unsound)? {
        let (at, column) = cell.get_position();
        if at != row {
            records.take(row + 1, &mut filled)?;
            filled.clear();
            row = at;
        }
        let value = match cell.get_value() {
            DataRef::Empty if uncomputed.contains(&(at, column)) => Err(
                "holds a formula whose value was never computed; open the file in a spreadsheet program and save it"
                    .to_owned(),
            ),
            DataRef::Empty => continue,
            value => cell::json(value, formats.get(style).copied().unwrap_or(Shows { day: true, time: false })),
        };
        filled.push(Filled { column: usize::try_from(column).unwrap_or(usize::MAX), value });
    }
    records.take(row + 1, &mut filled)?;
    Ok(records)
}

fn shown_by(style: &calamine::Style) -> Shows {
    style
        .number_format
        .as_ref()
        .map_or(Shows { day: false, time: false }, |format| shows(&format.format_code))
}
