//! Whether rows have the columns that a program reads. A record of JSON may leave a member out; a column that its file or its
//! table does not have is a misspelling, or was dropped or renamed, and would clear its field in every row. Where the mapping
//! says by `onMissing` what its absence means, it may be absent.

use raccord_compiler::mapping::Program;
use raccord_model::port::records::{Page, Records};
use raccord_model::suggest;

/// How many of the columns are named.
const SHOWN: usize = 24;

/// A file, a table or a query without a column that is read from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} has no column `{column}`, which the transfer reads; {advice}")]
pub struct MissingColumn {
    place: String,
    column: String,
    advice: String,
}

/// Checks the columns that the records of a page have. Those of JSON have none, and neither has a file without any line.
pub fn check(program: &Program, page: &Page) -> Result<(), MissingColumn> {
    let header: &[String] = match (&page.columns, &page.records) {
        (Some(columns), _) => columns,
        (None, Records::Rows(rows)) => &rows.header,
        (None, _) => return Ok(()),
    };
    let is_there = |column: &&str| header.iter().any(|known| known == column);
    match program.columns().find(|column| !is_there(column)) {
        Some(column) if !header.is_empty() => Err(MissingColumn {
            place: page.position.clone(),
            column: column.to_owned(),
            advice: advice(column, header),
        }),
        _ => Ok(()),
    }
}

fn advice(column: &str, header: &[String]) -> String {
    let mut known: Vec<String> = header.iter().take(SHOWN).map(|known| format!("`{known}`")).collect();
    if header.len() > SHOWN {
        known.push(format!("and {} more", header.len() - SHOWN));
    }
    let known = format!("its columns are {}", known.join(", "));
    match suggest::nearest(column, header.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`? {known}"),
        None => format!(
            "{known}; where it may be missing, say in the mapping what that means: `onMissing: keep`, `clear` or `default`"
        ),
    }
}
