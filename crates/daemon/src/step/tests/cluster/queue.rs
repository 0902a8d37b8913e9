//! The queue of the simulation, as `postgres::state::queue` has it: a row for each run that is to be made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::fact::Uid;

use super::TTL;

/// A run that is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) offer: u64,
    pub(super) uid: Uid,
    pub(super) due: Option<Timestamp>,
    worker: Option<u64>,
    until: i64,
    /// How it has ended: whether it was made whole.
    pub(super) ended: Option<bool>,
}

impl Row {
    /// One that waits.
    pub(super) const fn new(offer: u64, uid: Uid, due: Option<Timestamp>) -> Self {
        Self { offer, uid, due, worker: None, until: 0, ended: None }
    }
}

/// The rows, one for each transfer at the most.
#[derive(Debug, Default)]
pub(super) struct Queue {
    rows: BTreeMap<Uid, Row>,
}

impl Queue {
    pub(super) fn offer(&mut self, rows: &[Row]) {
        for row in rows {
            self.rows.entry(row.uid).or_insert(*row);
        }
    }

    pub(super) fn remove(&mut self, offers: &[u64]) {
        self.rows.retain(|_, row| !offers.contains(&row.offer));
    }

    pub(super) fn all(&self) -> Vec<Row> {
        self.rows.values().copied().collect()
    }

    /// How many runs are under way or wait.
    pub(super) fn open(&self) -> usize {
        self.rows.values().filter(|row| row.ended.is_none()).count()
    }

    /// Takes one that has waited longest, or whose worker is silent; tells all that the worker has.
    pub(super) fn take(&mut self, worker: u64, now: i64) -> Vec<Row> {
        let mut free: Vec<&mut Row> = self
            .rows
            .values_mut()
            .filter(|row| row.ended.is_none() && (row.worker.is_none() || row.until <= now))
            .collect();
        free.sort_by_key(|row| row.offer);
        if let Some(row) = free.into_iter().next() {
            (row.worker, row.until) = (Some(worker), now + TTL);
        }
        self.of(worker).map(|row| *row).collect()
    }

    pub(super) fn renew(&mut self, worker: u64, now: i64) {
        for row in self.of(worker) {
            row.until = now + TTL;
        }
    }

    pub(super) fn end(&mut self, worker: u64, offer: u64, is_whole: bool) {
        for row in self.of(worker).filter(|row| row.offer == offer) {
            row.ended = Some(is_whole);
        }
    }

    fn of(&mut self, worker: u64) -> impl Iterator<Item = &mut Row> {
        self.rows.values_mut().filter(move |row| row.worker == Some(worker) && row.ended.is_none())
    }
}
