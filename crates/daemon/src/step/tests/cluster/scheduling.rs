//! What the daemons of the simulation do with what they hear of the queue: the scheduler offers what `step` has decided on and
//! follows it, workers make what they have taken.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::language::stack::Limits;

use super::queue::Row;
use super::{Activity, LIMIT, TRANSFERS, World, schedule, start, uid};
use crate::step::{
    Cause, Effect, Event, Policy, Readiness, RunEnd, State, TransferState, UnderWay, View, step,
};

impl World {
    /// The scheduler has looked into the queue.
    pub(super) fn looked(&mut self, which: usize, rows: &[Row]) {
        let scheduling = &mut self.daemons[which].scheduling;
        for row in rows.iter().filter(|row| row.ended.is_some()) {
            // One that is not waited for is an offer that came twice.
            let end = scheduling.open.get(&row.offer).map(|open| (open.uid, row.ended == Some(true)));
            scheduling.ended.insert(row.offer, end);
        }
        let is_missing = |open: &&Row| rows.iter().all(|row| row.offer != open.offer);
        scheduling.wanted = scheduling.open.values().filter(is_missing).copied().collect();
    }

    /// The queue has done what the scheduler asked last: it removed what had ended, or took what was offered.
    pub(super) fn told(&mut self, which: usize) {
        let ended = std::mem::take(&mut self.daemons[which].scheduling.ended);
        if ended.is_empty() {
            self.daemons[which].scheduling.wanted.clear();
        }
        for (offer, end) in ended {
            self.daemons[which].scheduling.open.remove(&offer);
            if let Some((uid, is_whole)) = end {
                let now = self.clock(which);
                let end = if is_whole { RunEnd::Complete } else { RunEnd::Failed };
                self.step(which, Event::RunEnded { now, uid, end, standings: Vec::new() });
            }
        }
    }

    /// The worker has all these, and makes those that it did not know of. What it has lost it does not know yet.
    pub(super) fn taken(&mut self, which: usize, rows: &[Row]) {
        let runs = &mut self.daemons[which].runs;
        let is_kept = |run: &Activity| rows.iter().any(|row| row.offer == run.offer);
        runs.retain(|_, run| run.is_whole.is_none() || is_kept(run));
        for row in rows {
            let (offer, due) = (row.offer, row.due);
            runs.entry(row.uid).or_insert_with(|| Activity { offer, due, ..Activity::default() });
        }
    }

    /// A daemon begins to work, on what it has read.
    pub(super) fn begin(&mut self, which: usize, served: &BTreeMap<Uid, Timestamp>, rows: Vec<Row>) {
        let standing = |transfer: u8| TransferState {
            uid: uid(transfer),
            name: format!("t{transfer}").parse().unwrap(),
            source: format!("s{}", transfer % 2).parse().unwrap(),
            data_type: None,
            schedule: Some(schedule(transfer)),
            epoch: 1,
            readiness: Readiness::Ready,
            since: start(),
            served: served.get(&uid(transfer)).copied(),
            deliveries: false,
        };
        let standings = (0..TRANSFERS).map(|transfer| (uid(transfer), standing(transfer))).collect();
        let limits = Limits { parallel_transfers: u32::try_from(LIMIT).unwrap(), per_source: 2 };
        let view = View { generation: 1, limits, standings };
        let under_way = |row: &Row| UnderWay {
            uid: row.uid,
            cause: row.due.map_or(Cause::Requested, |due| Cause::Scheduled { due }),
            reading: row.offer.into(),
            generation: 1,
            asked_to_stop: false,
        };
        let under_way = rows.iter().map(under_way).collect();
        self.takeovers += 1;
        let daemon = &mut self.daemons[which];
        daemon.state = Some(State::new(Policy::Daemon));
        daemon.scheduling.open = rows.into_iter().map(|row| (row.offer, row)).collect();
        let now = self.clock(which);
        self.step(which, Event::Began { now, view, under_way });
    }

    pub(super) fn step(&mut self, which: usize, event: Event) {
        let daemon = &mut self.daemons[which];
        let Some(state) = daemon.state.take() else { return };
        let (state, effects) = step(state, event);
        daemon.state = Some(state);
        for effect in effects {
            match effect {
                Effect::StartRun { uid, cause } => {
                    let due = if let Cause::Scheduled { due } = cause { Some(due) } else { None };
                    self.number += 1;
                    let row = Row::new(self.number, uid, due);
                    daemon.scheduling.wanted.push(row);
                    daemon.scheduling.open.insert(row.offer, row);
                }
                Effect::WakeAt(wake) => daemon.wake = wake,
                other => panic!("{other:?} follows from nothing here"),
            }
        }
    }
}
