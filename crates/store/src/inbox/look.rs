//! What a check looks at in the inbox: every delivery can be read, belongs to a transfer and is counted, and what is
//! remembered of earlier ones agrees with the order in which it goes.

use std::collections::BTreeMap;

use raccord_model::delivery;
use raccord_model::fact::Uid;
use raccord_model::port::upkeep::CheckReport;
use redb::{ReadTransaction, ReadableTable};
use uuid::Uuid;

use super::{last_sequence, length, sequence};
use crate::counter::Counter;
use crate::error::StoreError;
use crate::table;

/// Looks at all of it; `counts` is told how many there are, under the keys of their counters.
pub(crate) fn look(
    at: &ReadTransaction,
    report: &mut CheckReport,
    counts: &mut BTreeMap<Vec<u8>, u64>,
) -> Result<(), StoreError> {
    look_at_deliveries(at, report, counts)?;
    look_at_seen(at, report, counts)
}

fn look_at_deliveries(
    at: &ReadTransaction,
    report: &mut CheckReport,
    counts: &mut BTreeMap<Vec<u8>, u64>,
) -> Result<(), StoreError> {
    let transfers = at.open_table(table::TRANSFERS)?;
    let last = last_sequence(&at.open_table(table::META)?)?;
    for pair in at.open_table(table::INBOX)?.iter()? {
        let (key, value) = pair?;
        let Some((uid, _)) = key.value().split_first_chunk() else {
            report.problem(|| "a delivery belongs to no transfer".to_owned());
            continue;
        };
        let transfer = Uid(Uuid::from_bytes(*uid));
        if delivery::decode(value.value()).is_err() {
            report.problem(|| format!("a delivery of the transfer {transfer} cannot be read"));
        }
        if sequence(key.value())? > last {
            report.problem(|| format!("a delivery of the transfer {transfer} has a sequence to come"));
        }
        if transfers.get(transfer.to_string().as_bytes())?.is_none() {
            report.problem(|| format!("a delivery waits for the transfer {transfer}, which is not there"));
        }
        *counts.entry(Counter::Deliveries(transfer).key()).or_default() += 1;
        *counts.entry(Counter::DeliveryBytes.key()).or_default() += length(value.value());
    }
    Ok(())
}

fn look_at_seen(
    at: &ReadTransaction,
    report: &mut CheckReport,
    counts: &mut BTreeMap<Vec<u8>, u64>,
) -> Result<(), StoreError> {
    let times = at.open_table(table::SEEN_TIMES)?;
    let mut seen = 0_u64;
    for pair in at.open_table(table::SEEN_DELIVERIES)?.iter()? {
        let (key, time) = pair?;
        seen += 1;
        if times.get([time.value(), key.value()].concat().as_slice())?.is_none() {
            report.problem(|| "an accepted delivery would never be forgotten".to_owned());
        }
    }
    let mut ordered = 0_u64;
    for pair in times.iter()? {
        pair?;
        ordered += 1;
    }
    if seen != ordered {
        report
            .problem(|| format!("{seen} accepted deliveries are remembered, {ordered} are to be forgotten"));
    }
    if seen > 0 {
        counts.insert(Counter::Seen.key(), seen);
    }
    Ok(())
}
