//! What a file says of its own form: the character between its columns and its encoding, from its first bytes. For
//! proposals that a person reads; a run takes what the configuration says and never guesses.

use std::io::Read as _;
use std::path::Path;

use raccord_compiler::connector::NamedFormat;
use raccord_model::language::connector::{FileDataType, RecordFormat};
use raccord_model::port::source::SourceError;

use super::matching::{self, file_error};
use super::open::local_decompressed;
use super::walk::Wanted;

/// How many bytes are looked at.
const LOOKED_AT: u64 = 64 * 1024;

/// The characters that stand between columns.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Completes settings from the first file that their path or glob means: format, delimiter and encoding, where they are
/// not what the name says anyhow.
pub fn complete(root: &Path, settings: &mut FileDataType) -> Result<(), SourceError> {
    // The caller waits for as long as this goes on.
    let (wanted, _waiting) = Wanted::new();
    let found = matching::find(root, &settings.path, &wanted)?;
    let Some(file) = found.first() else { return Ok(()) };
    let named = NamedFormat::of(&settings.path);
    if named.format.is_some_and(|format| !format.is_text()) {
        return Ok(());
    }
    let mut bytes = Vec::new();
    let read = local_decompressed(file, settings.compression)
        .and_then(|content| content.take(LOOKED_AT).read_to_end(&mut bytes));
    let length = read.map_err(|error| file_error(&file.name, error))?;
    let is_whole = u64::try_from(length).is_ok_and(|length| length < LOOKED_AT);
    settings.encoding = encoding(&bytes, is_whole).map(str::to_owned);
    if named.format.is_none() {
        settings.format = Some(RecordFormat::Csv);
    }
    if named.format.is_none_or(|format| format == RecordFormat::Csv) && !bytes.is_empty() {
        settings.delimiter =
            Some(delimiter(&bytes, named.delimiter)).filter(|found| *found != named.delimiter);
    }
    Ok(())
}

/// The label of an encoding that is not UTF-8; nothing of one that is, or that a byte order mark tells.
fn encoding(bytes: &[u8], is_whole: bool) -> Option<&'static str> {
    if encoding_rs::Encoding::for_bom(bytes).is_some() {
        return None;
    }
    match str::from_utf8(bytes) {
        Ok(_) => None,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() && !is_whole => None,
        // What office programs of western languages write. Every byte is some character of it.
        Err(_) => Some("windows-1252"),
    }
}

/// The character that stands equally often in the first lines, and most often; the usual one where none does.
fn delimiter(bytes: &[u8], usual: char) -> char {
    let text = String::from_utf8_lossy(bytes);
    let rows = rows(&text);
    let columns = |delimiter: char| {
        let mut counts = rows.iter().map(|row| row.chars().filter(|c| *c == delimiter).count());
        let first = counts.next().unwrap_or_default();
        if counts.all(|count| count == first) { first } else { 0 }
    };
    let mut best = (usual, columns(usual));
    for delimiter in DELIMITERS {
        let count = columns(delimiter);
        if count > best.1 {
            best = (delimiter, count);
        }
    }
    best.0
}

/// The first rows without what stands between quotes. The last of several may be cut, and is left out.
fn rows(text: &str) -> Vec<String> {
    const LOOKED_AT: usize = 20;
    let (mut rows, mut row, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\n' if !is_quoted => rows.push(std::mem::take(&mut row)),
            '\r' => {}
            _ if is_quoted => {}
            _ => row.push(c),
        }
        if rows.len() == LOOKED_AT {
            return rows;
        }
    }
    if rows.is_empty() {
        rows.push(row);
    }
    rows.retain(|row| !row.is_empty());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_stands_equally_often_in_every_row() {
        let check =
            |text: &str, expected: char| assert_eq!(delimiter(text.as_bytes(), ','), expected, "{text}");
        check("id,name\n1,Ann\n", ',');
        check("id;name;net\n1;Ann;1,50\n2;Bob;3\n", ';');
        check("id\tname\n1\tAnn, Bob\n", '\t');
        check("id|name\n1|\"a;b\nc;d\"\n", '|');
        check("\"a,b\";c\n\"d\";e\n", ';');
        check("name\nAnn\n", ',');
        check("", ',');
        check("id;name\n1;Ann\n2;B", ';');
    }

    #[test]
    fn an_encoding_is_named_when_the_bytes_are_no_utf8() {
        let check = |bytes: &[u8], is_whole, expected| assert_eq!(encoding(bytes, is_whole), expected);
        check("Numéro;Prénom".as_bytes(), true, None);
        check(b"Num\xe9ro;Pr\xe9nom\n", true, Some("windows-1252"));
        check(b"caf\xc3", false, None);
        check(b"caf\xc3", true, Some("windows-1252"));
        check(b"\xff\xfea\0", true, None);
        check(b"", true, None);
    }
}
