//! How a fact is put where it is kept: with its revision, and a run with its place in the index of runs. What else a change of a
//! fact means for rows and deliveries, the port `State` and the destination know.

use raccord_model::fact::{Run, read, write};
use raccord_model::port::state::{Revision, Table};
use redb::ReadableTable;

use crate::error::StoreError;
use crate::revision;
use crate::table::{self, Tables};

/// Puts a fact under a revision.
pub(crate) fn put(
    tables: &mut Tables<'_>,
    (table, key): (Table, &str),
    value: &[u8],
    revision: Revision,
) -> Result<(), StoreError> {
    tables.facts(table).insert(key.as_bytes(), value)?;
    revision::note(tables, table, key.as_bytes(), revision)?;
    if let (Table::Runs, Some(place)) = (table, run_of(key.as_bytes(), value)) {
        tables.runs_of.insert(place.as_slice(), [].as_slice())?;
    }
    Ok(())
}

/// Puts a run, in the transaction of what it has done.
pub(crate) fn put_run(tables: &mut Tables<'_>, run: &Run) -> Result<(), StoreError> {
    let revision = revision::next(tables)?;
    put(tables, (Table::Runs, &run.id.to_string()), &write(run)?, revision)
}

/// Under which key the index of runs has a run; none for one that cannot be read, which a check tells.
pub(crate) fn run_of(key: &[u8], run: &[u8]) -> Option<Vec<u8>> {
    let run: Run = read(run).ok()?;
    Some([table::uid(&run.transfer_uid).as_slice(), key].concat())
}

/// Indexes every run: for a state that was written before there was an index.
pub(crate) fn index_runs(tables: &mut Tables<'_>) -> Result<(), StoreError> {
    for pair in tables.runs.iter()? {
        let (key, value) = pair?;
        if let Some(place) = run_of(key.value(), value.value()) {
            tables.runs_of.insert(place.as_slice(), [].as_slice())?;
        }
    }
    Ok(())
}
