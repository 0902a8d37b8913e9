//! What runs when: standings, due times, requests, deliveries and the ends of runs.
//!
//! An event costs what it changes: transfers whose time has not come stand in a timetable and are not looked at.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::Uid;

use super::effect::{Cause, Effect};
use super::event::{RunEnd, UnderWay};
use super::group::Groups;
use super::queue::Queue;
use super::standing::{RequestId, TransferState, View};
use super::tracked::{RunSlot, Tracked};

/// The transfers, and what is to be done with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// Whether transfers run by themselves, or only when a person asks.
    by_themselves: bool,
    /// Whether nothing more is begun.
    stopping: bool,
    transfers: BTreeMap<Uid, Tracked>,
    running: BTreeSet<Uid>,
    queue: Queue,
    groups: Groups,
    /// Those to be looked at again, by time.
    timetable: BTreeSet<(Timestamp, Uid)>,
    requests: BTreeMap<RequestId, Request>,
}

/// The moment at which an event is taken in, and what follows from it.
pub(super) struct Turn<'e> {
    pub(super) now: Timestamp,
    pub(super) effects: &'e mut Vec<Effect>,
}

/// A person's request that is not answered yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Request {
    left: BTreeSet<Uid>,
    not_run: Vec<Uid>,
}

impl Runs {
    /// No transfer is known yet.
    pub(super) fn new(by_themselves: bool) -> Self {
        Self { by_themselves, ..Self::default() }
    }

    /// Takes a generation in force.
    pub(super) fn apply(&mut self, view: View, turn: &mut Turn<'_>) {
        self.queue.limit(view.limits);
        let standings = view.standings;
        let gone: Vec<Uid> =
            self.transfers.keys().filter(|uid| !standings.contains_key(uid)).copied().collect();
        for uid in gone {
            self.look(uid, turn, |tracked, _| tracked.gone = true);
        }
        for standing in standings.into_values() {
            self.update(standing, turn);
        }
    }

    /// Takes over what an earlier daemon has begun. What is of another generation stops, and is made again when it is still
    /// to be made.
    pub(super) fn take_over(&mut self, runs: Vec<UnderWay>, generation: u64, turn: &mut Turn<'_>) {
        let mut groups: BTreeMap<u128, (u64, Name)> = BTreeMap::new();
        for run in runs {
            let Some(tracked) = self.transfers.get(&run.uid) else {
                turn.effects.extend((!run.asked_to_stop).then_some(Effect::StopRun { uid: run.uid }));
                continue;
            };
            let reading = groups.entry(run.reading).or_insert_with(|| {
                let source = tracked.standing.source.clone();
                self.queue.count(&source);
                (self.groups.begin(0), source)
            });
            self.groups.join(reading.0);
            self.running.insert(run.uid);
            let is_of_now = run.generation == generation;
            let reading = reading.clone();
            self.look(run.uid, turn, |tracked, now| tracked.take_over(&run, reading, is_of_now, now));
        }
    }

    /// Takes new standings of transfers in force.
    pub(super) fn change(&mut self, standings: Vec<TransferState>, turn: &mut Turn<'_>) {
        for standing in standings {
            // A transfer that is not in force may have been deleted since this standing was read.
            if self.transfers.get(&standing.uid).is_some_and(|tracked| !tracked.gone) {
                self.update(standing, turn);
            }
        }
    }

    /// The clock was set back by much: what waits for a time that it showed does not wait for it once more.
    pub(super) fn set_back(&mut self, turn: &mut Turn<'_>) {
        let all: Vec<Uid> = self.transfers.keys().copied().collect();
        for uid in all {
            self.look(uid, turn, Tracked::set_back);
        }
    }

    /// Takes a person's request.
    pub(super) fn request(&mut self, request: RequestId, uids: Vec<Uid>, turn: &mut Turn<'_>) {
        let may_run = |uid: &Uid| self.transfers.get(uid).is_some_and(|tracked| tracked.may_run(turn.now));
        let (left, not_run): (Vec<Uid>, Vec<Uid>) =
            uids.into_iter().partition(|uid| !self.stopping && may_run(uid));
        self.requests.insert(request, Request { left: left.iter().copied().collect(), not_run });
        self.answer(request, turn.effects);
        for uid in left {
            self.look(uid, turn, |tracked, now| tracked.request(request, now));
        }
    }

    /// Deliveries wait for transfers.
    pub(super) fn deliveries(&mut self, uids: Vec<Uid>, turn: &mut Turn<'_>) {
        if !self.by_themselves {
            return;
        }
        for uid in uids {
            self.look(uid, turn, Tracked::deliveries_arrived);
        }
    }

    /// A run has ended.
    pub(super) fn end(&mut self, uid: Uid, end: RunEnd, standings: Vec<TransferState>, turn: &mut Turn<'_>) {
        let run = self.transfers.get_mut(&uid).and_then(|tracked| {
            let run = tracked.run.take()?;
            tracked.end(&run, end, turn.now);
            Some(run)
        });
        self.change(standings, turn);
        let Some(run) = run else { return };
        self.running.remove(&uid);
        if self.groups.leave(run.group) {
            self.queue.end(&run.source);
        }
        let again = run.asked_to_stop && matches!(end, RunEnd::Cut | RunEnd::Failed) && !self.stopping;
        self.look(uid, turn, |tracked, now| {
            if again && tracked.may_run(now) {
                tracked.request_again(&run);
            }
        });
        let waits_again = again && self.transfers.get(&uid).is_some_and(|tracked| tracked.may_run(turn.now));
        for request in run.requests.into_iter().filter(|_| !waits_again) {
            self.settle(request, uid, true, turn.effects);
        }
    }

    /// Begins nothing more, and asks what runs to stop.
    pub(super) fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopping = true;
        self.timetable.clear();
        if !self.running.is_empty() {
            effects.push(Effect::StopRuns);
        }
        let waiting: Vec<(RequestId, Uid)> = self
            .requests
            .iter()
            .flat_map(|(id, request)| request.left.iter().map(|uid| (*id, *uid)))
            .collect();
        for (request, uid) in waiting {
            let run = self.transfers.get(&uid).and_then(|tracked| tracked.run.as_ref());
            if !run.is_some_and(|run| run.requests.contains(&request)) {
                self.settle(request, uid, false, effects);
            }
        }
        for uid in &self.running {
            if let Some(run) = self.transfers.get_mut(uid).and_then(|tracked| tracked.run.as_mut()) {
                run.asked_to_stop = true;
            }
        }
    }

    /// Looks at those whose time has come, and begins what fits.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>) {
        while let Some((_, uid)) = self.timetable.first().copied().filter(|(time, _)| *time <= turn.now) {
            self.look(uid, turn, |_, _| {});
        }
        while !self.stopping {
            let Some(first) = self.queue.begin() else { return };
            let beside = self.beside(first, turn.now);
            let group = self.groups.begin(beside.len() + 1);
            let mut runs = Vec::with_capacity(beside.len() + 1);
            for uid in std::iter::once(first).chain(beside) {
                let Some(tracked) = self.transfers.get_mut(&uid) else { continue };
                if let RunSlot::Queue(since) = tracked.place {
                    self.queue.leave(&tracked.standing.source, since, uid);
                }
                runs.push((uid, tracked.begin(turn.now, group)));
                self.running.insert(uid);
            }
            turn.effects.push(match runs[..] {
                [(uid, cause)] => Effect::StartRun { uid, cause },
                _ => Effect::StartTogether { runs },
            });
        }
    }

    /// Those that wait to read the data type that this one begins to read: one reading serves them all, and counts once in
    /// the limits.
    fn beside(&self, first: Uid, now: Timestamp) -> Vec<Uid> {
        let Some(first) = self.transfers.get(&first).filter(|first| first.is_to_read(now)) else {
            return Vec::new();
        };
        let TransferState { source, data_type, .. } = &first.standing;
        let is_same = |uid: &Uid| {
            let other = self.transfers.get(uid);
            other.is_some_and(|other| other.standing.data_type == *data_type && other.is_to_read(now))
        };
        self.queue.waiting(source).filter(|_| data_type.is_some()).filter(is_same).collect()
    }

    /// When a transfer is to be looked at again.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.timetable.first().map(|(time, _)| *time)
    }

    /// Whether nothing runs and no request waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.requests.is_empty()
    }

    /// What runs, and why.
    pub(super) fn running(&self) -> impl Iterator<Item = (Uid, Cause)> + '_ {
        self.running.iter().filter_map(|uid| Some((*uid, self.transfers.get(uid)?.run.as_ref()?.cause)))
    }

    /// One transfer.
    pub(super) fn get(&self, uid: Uid) -> Option<&Tracked> {
        self.transfers.get(&uid)
    }

    fn update(&mut self, mut standing: TransferState, turn: &mut Turn<'_>) {
        if !self.by_themselves {
            (standing.schedule, standing.deliveries) = (None, false);
        }
        let uid = standing.uid;
        if let Entry::Vacant(place) = self.transfers.entry(uid) {
            place.insert(Tracked::new(standing, turn.now));
            self.look(uid, turn, |_, _| {});
        } else {
            self.look(uid, turn, |tracked, now| tracked.update(standing, now));
        }
    }

    /// Changes a transfer and puts it where it then belongs.
    fn look(&mut self, uid: Uid, turn: &mut Turn<'_>, change: impl FnOnce(&mut Tracked, Timestamp)) {
        let Some(tracked) = self.transfers.get_mut(&uid) else { return };
        match std::mem::take(&mut tracked.place) {
            RunSlot::Nowhere => {}
            RunSlot::Timetable(time) => drop(self.timetable.remove(&(time, uid))),
            RunSlot::Queue(since) => self.queue.leave(&tracked.standing.source, since, uid),
        }
        change(tracked, turn.now);
        if tracked.must_stop(turn.now) {
            turn.effects.push(Effect::StopRun { uid });
        }
        let may_run = tracked.may_run(turn.now);
        let dropped = if may_run { Vec::new() } else { tracked.drop_requests() };
        if !self.stopping {
            tracked.place = tracked.belongs(turn.now);
            match tracked.place {
                RunSlot::Nowhere => {}
                RunSlot::Timetable(time) => drop(self.timetable.insert((time, uid))),
                RunSlot::Queue(since) => self.queue.enter(&tracked.standing.source, since, uid),
            }
        }
        if tracked.gone && tracked.run.is_none() {
            self.transfers.remove(&uid);
        }
        for request in dropped {
            self.settle(request, uid, false, turn.effects);
        }
    }

    /// One transfer of a request is done with.
    fn settle(&mut self, request: RequestId, uid: Uid, ran: bool, effects: &mut Vec<Effect>) {
        let Some(asked) = self.requests.get_mut(&request) else { return };
        if asked.left.remove(&uid) && !ran {
            asked.not_run.push(uid);
        }
        self.answer(request, effects);
    }

    /// Answers a request when nothing of it is left.
    fn answer(&mut self, request: RequestId, effects: &mut Vec<Effect>) {
        if self.requests.get(&request).is_some_and(|asked| asked.left.is_empty()) {
            let not_run = self.requests.remove(&request).map(|asked| asked.not_run).unwrap_or_default();
            effects.push(Effect::Answer { request, not_run });
        }
    }
}
