//! A thorough look at the whole file: redb's own, and then whether everything in it agrees.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::PoisonError;

use raccord_model::canonical::Digest;
use raccord_model::fact::{EntityFact, Generation, IntegrationFact, Run, StepFact, TransferFact};
use raccord_model::port::state::Table;
use raccord_model::port::upkeep::CheckReport;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable};
use serde::de::DeserializeOwned;

use crate::counter::{self, Counter};
use crate::destination::{self, rejects, unique};
use crate::error::{StoreError, guarded};
use crate::inbox;
use crate::record::Record;
use crate::table::{self, Raw};
use crate::{Store, state, vault};

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
#[error("check the state {}", path.display())]
pub struct CheckError {
    /// Which.
    path: PathBuf,
    /// Why.
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl CheckError {
    /// What failed in a store.
    pub(crate) fn of(store: &Store, broken: StoreError) -> Self {
        Self { path: store.shared.path.clone(), source: Box::new(broken) }
    }
}

impl Store {
    /// Looks at the whole file. No other operation reads or writes meanwhile, and it takes as long as the file is large.
    pub fn check(&self) -> Result<CheckReport, CheckError> {
        let failed = |broken: StoreError| CheckError::of(self, broken);
        let mut report = CheckReport::default();
        let mut database = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        let looked = guarded(|| {
            if !database.check_integrity()? {
                report.problem(|| "the file was damaged and has been repaired".to_owned());
            }
            look(&database.begin_read()?, &mut report)
        });
        match looked {
            Err(StoreError::Corrupt(why)) => {
                report.problem(|| {
                    format!("the file is damaged beyond repair ({why}); restore it from a backup")
                });
            }
            looked => looked.map_err(failed)?,
        }
        Ok(report)
    }
}

fn look(at: &ReadTransaction, report: &mut CheckReport) -> Result<(), StoreError> {
    if state::head(at).is_err() {
        report.problem(|| "the head cannot be read".to_owned());
    }
    look_at_index(at, report)?;
    look_at_facts::<Generation>(at, Table::Generations, report)?;
    look_at_facts::<TransferFact>(at, Table::Transfers, report)?;
    look_at_facts::<EntityFact>(at, Table::Entities, report)?;
    look_at_facts::<IntegrationFact>(at, Table::Integrations, report)?;
    look_at_facts::<Run>(at, Table::Runs, report)?;
    look_at_facts::<StepFact>(at, Table::Steps, report)?;
    look_at_checkpoints(at, report)?;
    look_at_numbers(at, report)?;
    let mut counts = BTreeMap::new();
    look_at_rows(at, report, &mut counts)?;
    look_at_unique(at, report)?;
    look_at_rejects(at, report, &mut counts)?;
    count_prefixes(at, &mut counts)?;
    inbox::look(at, report, &mut counts)?;
    vault::look(at, report)?;
    compare_counts(at, report, counts)
}

fn look_at_index(at: &ReadTransaction, report: &mut CheckReport) -> Result<(), StoreError> {
    let bodies = at.open_table(table::BODIES)?;
    for pair in at.open_table(table::INDEX)?.iter()? {
        let (key, value) = pair?;
        report.resources += 1;
        let name = String::from_utf8_lossy(key.value()).into_owned();
        let Ok((_, entry)) = state::entry(key.value(), value.value()) else {
            report.problem(|| format!("the resource {name} cannot be read"));
            continue;
        };
        match bodies.get(entry.digest.0.as_slice())? {
            None => report.problem(|| format!("the resource {name} has no body")),
            Some(body) if Digest::of(body.value()) != entry.digest => {
                report.problem(|| format!("the body of the resource {name} is not the one it had"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn look_at_facts<T: DeserializeOwned>(
    at: &ReadTransaction,
    table: Table,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    for pair in at.open_table(table::facts(table))?.iter()? {
        let (key, value) = pair?;
        report.facts += 1;
        if let Err(error) = serde_json::from_slice::<T>(value.value()) {
            let key = String::from_utf8_lossy(key.value()).into_owned();
            report.problem(|| format!("a fact of {table:?} under `{key}` cannot be read: {error}"));
        }
    }
    Ok(())
}

fn look_at_checkpoints(at: &ReadTransaction, report: &mut CheckReport) -> Result<(), StoreError> {
    for pair in at.open_table(table::CHECKPOINTS)?.iter()? {
        let (key, value) = pair?;
        if destination::checkpoint(value.value()).is_err() {
            let uid = transfer_of(key.value());
            report.problem(|| format!("the checkpoint of the transfer {uid} cannot be read"));
        }
    }
    Ok(())
}

/// Revisions, lease tokens and fences are numbers of 8 bytes.
fn look_at_numbers(at: &ReadTransaction, report: &mut CheckReport) -> Result<(), StoreError> {
    for (definition, count, what) in
        [(table::REVISIONS, 1, "revision"), (table::LEASES, 1, "lease"), (table::FENCES, 2, "fence")]
    {
        for pair in at.open_table(definition)?.iter()? {
            if pair?.1.value().len() != count * size_of::<u64>() {
                report.problem(|| format!("a {what} cannot be read"));
            }
        }
    }
    Ok(())
}

/// The transfer at the beginning of a key, as text.
fn transfer_of(key: &[u8]) -> String {
    key.first_chunk().map_or_else(|| "?".to_owned(), |bytes| uuid::Uuid::from_bytes(*bytes).to_string())
}

/// What was counted, under the key of its counter.
type Counts = BTreeMap<Vec<u8>, u64>;

fn look_at_rows(
    at: &ReadTransaction,
    report: &mut CheckReport,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let index = (at.open_table(table::UNIQUE)?, at.open_table(table::SHARERS)?);
    let unique_fields = at.open_table(table::UNIQUE_FIELDS)?;
    let mut unique = (None, Vec::new());
    for pair in at.open_table(table::ROWS)?.iter()? {
        let (key, value) = pair?;
        report.rows += 1;
        let Some((inc, own)) = key.value().split_first_chunk() else {
            report.problem(|| "a row has no key".to_owned());
            continue;
        };
        let number = u64::from_be_bytes(*inc);
        if unique.0 != Some(number) {
            unique = (Some(number), unique::covered(&unique_fields, number)?);
        }
        let Ok(record) = Record::decode(value.value()) else {
            report.problem(|| format!("a row of incarnation {number} cannot be read"));
            continue;
        };
        *counts.entry(Counter::Rows(number).key()).or_default() += 1;
        *counts.entry(Counter::Owned(number, record.owner).key()).or_default() += 1;
        match unindexed((&index.0, &index.1), inc, own, record.row, &unique.1) {
            Ok(0) => {}
            Ok(_) => report.problem(|| format!("a row of incarnation {number} shares a unique value")),
            Err(StoreError::Damaged) => {
                report.problem(|| format!("a row of incarnation {number} has fields that cannot be read"));
            }
            Err(broken) => return Err(broken),
        }
    }
    Ok(())
}

/// How many unique values of a row the index does not hold for it, and of which it is no sharer that was there when the field
/// became unique. Every field is read on the way.
fn unindexed(
    (holders, sharers): (&impl ReadableTable<Raw, Raw>, &impl ReadableTable<Raw, Raw>),
    inc: &[u8],
    own: &[u8],
    row: &[u8],
    unique: &[u32],
) -> Result<u64, StoreError> {
    for field in raccord_model::row::fields(row)? {
        field?.value()?;
    }
    let mut missing = 0;
    for field in unique::values(row, unique)? {
        let place = unique::place(inc, field?);
        let is_held = holders.get(place.as_slice())?.is_some_and(|holder| holder.value() == own);
        let is_known = is_held || sharers.get(unique::sharer(&place, own).as_slice())?.is_some();
        missing += u64::from(!is_known);
    }
    Ok(missing)
}

/// Every value of the index must belong to a row.
fn look_at_unique(at: &ReadTransaction, report: &mut CheckReport) -> Result<(), StoreError> {
    let rows = at.open_table(table::ROWS)?;
    for pair in at.open_table(table::UNIQUE)?.iter()? {
        let (key, own) = pair?;
        let inc = key.value().get(..8).unwrap_or_default();
        if rows.get([inc, own.value()].concat().as_slice())?.is_none() {
            report.problem(|| "a unique value belongs to no row".to_owned());
        }
    }
    Ok(())
}

fn look_at_rejects(
    at: &ReadTransaction,
    report: &mut CheckReport,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    for pair in at.open_table(table::REJECTS)?.iter()? {
        let (key, value) = pair?;
        report.rejects += 1;
        if rejects::decode(value.value()).is_err() {
            let uid = transfer_of(key.value());
            report.problem(|| format!("a reject of the transfer {uid} cannot be read"));
        }
        if let Some(bytes) = key.value().first_chunk() {
            let transfer = raccord_model::fact::Uid(uuid::Uuid::from_bytes(*bytes));
            *counts.entry(Counter::Rejects(transfer).key()).or_default() += 1;
        }
    }
    Ok(())
}

/// Counts what is only counted: enrichments that wait, and tombstones.
fn count_prefixes(at: &ReadTransaction, counts: &mut Counts) -> Result<(), StoreError> {
    for pair in at.open_table(table::WAITING)?.iter()? {
        let (key, _) = pair?;
        if let Some((inc, rest)) = key.value().split_first_chunk()
            && let Some(bytes) = rest.first_chunk()
        {
            let transfer = raccord_model::fact::Uid(uuid::Uuid::from_bytes(*bytes));
            *counts.entry(Counter::Waiting(u64::from_be_bytes(*inc), transfer).key()).or_default() += 1;
        }
    }
    for pair in at.open_table(table::TOMBSTONES)?.iter()? {
        let (key, _) = pair?;
        if let Some(inc) = key.value().first_chunk() {
            *counts.entry(Counter::Tombstones(u64::from_be_bytes(*inc)).key()).or_default() += 1;
        }
    }
    Ok(())
}

fn compare_counts(
    at: &ReadTransaction,
    report: &mut CheckReport,
    mut counts: Counts,
) -> Result<(), StoreError> {
    for pair in at.open_table(table::COUNTERS)?.iter()? {
        let (key, value) = pair?;
        let kept = counter::number(value.value())?;
        let counted = counts.remove(key.value()).unwrap_or_default();
        if kept != counted {
            report.problem(|| format!("a counter says {kept} where there are {counted}"));
        }
    }
    for counted in counts.into_values() {
        report.problem(|| format!("no counter says that there are {counted}"));
    }
    Ok(())
}
