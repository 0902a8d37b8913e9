//! One transfer as the daemon follows it: its standing, why it should run, and the run under way.

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::clock::passed;

use super::effect::Cause;
use super::event::{RunEnd, UnderWay};
use super::retry::retry_at;
use super::schedule::{due_at_or_before, next_due};
use super::standing::{Readiness, RequestId, TransferState};

/// The epoch of no transfer.
const NO_EPOCH: u64 = u64::MAX;

/// One transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracked {
    pub(super) standing: TransferState,
    /// It is not in force any more: forgotten as soon as its run has ended.
    pub(super) gone: bool,
    /// Where it stands in the state's orders.
    pub(super) place: RunSlot,
    pub(super) run: Option<Running>,
    /// The first due time that no run has served; past ones are made up for by one run.
    pub(super) due: Option<Timestamp>,
    /// The due time of a scheduled run that was cut, whatever the schedule says now; or when one is tried again that
    /// failed for a reason on this machine.
    cut: Option<Timestamp>,
    /// Requests that wait for its next run, and since when the first of them does.
    requests: Vec<RequestId>,
    asked: Option<Timestamp>,
    deliveries: Deliveries,
}

/// Where a transfer stands in the state's orders: in one of them or in none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RunSlot {
    /// Nothing is to be done, or it runs.
    #[default]
    Nowhere,
    /// To be looked at again at a time.
    Timetable(Timestamp),
    /// Waiting for its turn since a time.
    Queue(Timestamp),
}

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) cause: Cause,
    /// Since when the work had waited.
    since: Timestamp,
    /// What it is a run of, for both may change while it is under way.
    epoch: u64,
    pub(super) source: Name,
    /// What it counts under in the limits: runs that began together count once.
    pub(super) group: u64,
    pub(super) asked_to_stop: bool,
    pub(super) requests: Vec<RequestId>,
}

/// The webhook deliveries that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Deliveries {
    /// Since when.
    since: Option<Timestamp>,
    /// How often processing them has failed in a row.
    failures: u32,
    /// Not before, after a failure.
    not_before: Option<Timestamp>,
    /// When some are to be looked at again that were put aside.
    again: Option<Timestamp>,
}

impl Deliveries {
    /// When they may be processed, if any wait.
    fn at(&self) -> Option<Timestamp> {
        let fresh = self.since.map(|since| self.not_before.map_or(since, |not_before| since.max(not_before)));
        [fresh, self.again].into_iter().flatten().min()
    }
}

impl Tracked {
    /// A transfer that was not known before.
    pub(super) fn new(standing: TransferState, now: Timestamp) -> Self {
        let mut tracked = Self {
            standing,
            gone: false,
            place: RunSlot::Nowhere,
            run: None,
            due: None,
            cut: None,
            requests: Vec::new(),
            asked: None,
            deliveries: Deliveries::default(),
        };
        tracked.set_due();
        if tracked.standing.deliveries {
            tracked.deliveries_arrived(now);
        }
        tracked
    }

    /// Takes a new standing. A due time that was served here stays served.
    pub(super) fn update(&mut self, mut standing: TransferState, now: Timestamp) {
        let was_gone = std::mem::take(&mut self.gone);
        // Epochs only rise: a standing of a lower one was read before the one that is known.
        if standing.epoch < self.standing.epoch && !was_gone {
            return;
        }
        standing.served = standing.served.max(self.standing.served);
        let before = std::mem::replace(&mut self.standing, standing);
        self.cut = self.cut.filter(|_| self.is_scheduled());
        if self.standing.deliveries {
            self.deliveries_arrived(now);
        }
        let grid = |standing: &TransferState| (standing.since, standing.served);
        if grid(&before) != grid(&self.standing) || before.schedule != self.standing.schedule {
            self.set_due();
        }
    }

    /// The clock was set back by much: nothing that is known was later than now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let Deliveries { since, not_before, again, .. } = &mut self.deliveries;
        for time in [&mut self.cut, &mut self.asked, since, not_before, again, &mut self.standing.served] {
            *time = time.map(|time| time.min(now));
        }
        self.standing.since = self.standing.since.min(now);
        if let Some(run) = &mut self.run {
            run.since = run.since.min(now);
        }
        self.set_due();
    }

    fn set_due(&mut self) {
        let TransferState { uid, schedule, since, served, .. } = &self.standing;
        self.due = schedule.as_ref().and_then(|schedule| next_due(schedule, *uid, *since, *served));
    }

    /// Whether it is meant to run by itself, hindrances aside.
    fn is_scheduled(&self) -> bool {
        let off = matches!(self.standing.readiness, Readiness::Inactive | Readiness::NotSubscribed);
        self.standing.schedule.is_some() && !off
    }

    /// Whether it may run.
    pub(super) fn may_run(&self, now: Timestamp) -> bool {
        let ready = match self.standing.readiness {
            Readiness::Ready => true,
            Readiness::Paused { until: Some(until) } => until <= now,
            Readiness::Paused { until: None }
            | Readiness::Inactive
            | Readiness::NotSubscribed
            | Readiness::Tripped
            | Readiness::NotReady => false,
        };
        ready && !self.gone
    }

    /// Whether the run under way is now to be asked to stop: once, when it is outdated or may not go on.
    pub(super) fn must_stop(&mut self, now: Timestamp) -> bool {
        let may_run = self.may_run(now);
        let Some(run) = self.run.as_mut().filter(|run| !run.asked_to_stop) else { return false };
        run.asked_to_stop = run.epoch != self.standing.epoch || !may_run;
        run.asked_to_stop
    }

    /// Where it belongs at a moment.
    pub(super) fn belongs(&self, now: Timestamp) -> RunSlot {
        if self.run.is_some() {
            return RunSlot::Nowhere;
        }
        if !self.may_run(now) {
            return match self.standing.readiness {
                Readiness::Paused { until: Some(until) } if !self.gone => RunSlot::Timetable(until),
                Readiness::Inactive
                | Readiness::NotSubscribed
                | Readiness::Tripped
                | Readiness::Paused { .. }
                | Readiness::NotReady
                | Readiness::Ready => RunSlot::Nowhere,
            };
        }
        // What waits already keeps its place in the order of waiting.
        let times = [self.poll_at(), self.deliveries.at()];
        match times.into_iter().flatten().min() {
            Some(time) if time <= now => RunSlot::Queue(time),
            Some(time) => RunSlot::Timetable(time),
            None => RunSlot::Nowhere,
        }
    }

    /// When it will run by itself next, as things stand.
    pub(super) fn next_run(&self) -> Option<Timestamp> {
        let due = [self.cut, self.due].into_iter().flatten().min()?;
        match self.standing.readiness {
            Readiness::Ready => Some(due),
            Readiness::Paused { until } => until.map(|until| due.max(until)),
            Readiness::Inactive | Readiness::NotSubscribed | Readiness::Tripped | Readiness::NotReady => None,
        }
    }

    /// When the source should be read next.
    fn poll_at(&self) -> Option<Timestamp> {
        [self.cut, self.due, self.asked].into_iter().flatten().min()
    }

    /// Whether the work that has waited longest is to read, and not to take in what was delivered.
    pub(super) fn is_to_read(&self, now: Timestamp) -> bool {
        let is_due = |at: &Timestamp| *at <= now;
        let poll = self.poll_at().filter(is_due);
        poll.is_some_and(|poll| self.deliveries.at().filter(is_due).is_none_or(|at| poll <= at))
    }

    /// Begins the work that has waited longest, as one of a group.
    pub(super) fn begin(&mut self, now: Timestamp, group: u64) -> Cause {
        // A clock that was set back does not undo that its turn has come.
        let now = match std::mem::take(&mut self.place) {
            RunSlot::Queue(since) => now.max(since),
            RunSlot::Nowhere | RunSlot::Timetable(_) => now,
        };
        let poll = self.poll_at().filter(|at| *at <= now);
        let deliveries = self.deliveries.at().filter(|at| *at <= now);
        let (cause, since, requests) = if deliveries.is_some() && !self.is_to_read(now) {
            let again = self.deliveries.again.take();
            (Cause::Deliveries, self.deliveries.since.take().or(again), Vec::new())
        } else {
            let cause = self.due_now(now).map_or(Cause::Requested, |due| Cause::Scheduled { due });
            (self.cut, self.asked) = (None, None);
            (cause, poll, std::mem::take(&mut self.requests))
        };
        self.run = Some(Running {
            cause,
            since: since.unwrap_or(now),
            epoch: self.standing.epoch,
            source: self.standing.source.clone(),
            group,
            asked_to_stop: false,
            requests,
        });
        cause
    }

    /// Takes over a run that an earlier daemon has begun; one of another generation is taken for one of an old epoch.
    pub(super) fn take_over(
        &mut self,
        run: &UnderWay,
        (group, source): (u64, Name),
        is_of_now: bool,
        now: Timestamp,
    ) {
        self.run = Some(Running {
            cause: run.cause,
            since: now,
            epoch: if is_of_now { self.standing.epoch } else { NO_EPOCH },
            source,
            group,
            asked_to_stop: run.asked_to_stop,
            requests: Vec::new(),
        });
    }

    /// The due time that a run beginning now would serve.
    fn due_now(&self, now: Timestamp) -> Option<Timestamp> {
        let Some(missed) = self.due.filter(|due| *due <= now) else { return self.cut };
        let TransferState { uid, schedule, since, .. } = &self.standing;
        let last = schedule.as_ref().and_then(|schedule| due_at_or_before(schedule, *uid, *since, now));
        last.max(Some(missed))
    }

    /// Takes in how a run ended: what it served, or what is to be done again.
    pub(super) fn end(&mut self, run: &Running, end: RunEnd, now: Timestamp) {
        // A run that should stop anyway may fail on the way, its commits being refused.
        let cut = run.asked_to_stop && matches!(end, RunEnd::Cut | RunEnd::Failed);
        match run.cause {
            Cause::Scheduled { due } if cut => {
                self.cut = Some(passed(due, now)).filter(|_| self.is_scheduled());
            }
            Cause::Scheduled { due } => {
                self.standing.served = self.standing.served.max(Some(passed(due, now)));
                self.set_due();
                if end == RunEnd::Exhausted {
                    self.cut = Some(retry_at(now, 1)).filter(|_| self.is_scheduled());
                }
            }
            Cause::Requested => {}
            Cause::Deliveries if matches!(end, RunEnd::Complete | RunEnd::Waits { .. }) => {
                self.deliveries.failures = 0;
                self.deliveries.not_before = None;
                if let RunEnd::Waits { until } = end {
                    self.deliveries.again = Some(until);
                }
            }
            Cause::Deliveries => {
                self.deliveries.since = Some(run.since);
                if !cut {
                    self.deliveries.failures = self.deliveries.failures.saturating_add(1);
                    self.deliveries.not_before = Some(retry_at(now, self.deliveries.failures));
                }
            }
        }
    }

    /// Deliveries wait, unless some do already.
    pub(super) fn deliveries_arrived(&mut self, now: Timestamp) {
        self.deliveries.since.get_or_insert(now);
    }

    /// A request waits for the next run.
    pub(super) fn request(&mut self, request: RequestId, since: Timestamp) {
        if !self.requests.contains(&request) {
            self.requests.push(request);
        }
        self.asked = Some(self.asked.map_or(since, |asked| asked.min(since)));
    }

    /// The requests of a run that was cut wait again, as long as they did before.
    pub(super) fn request_again(&mut self, run: &Running) {
        for request in &run.requests {
            self.request(*request, run.since);
        }
    }

    /// Lets go of the requests that wait.
    pub(super) fn drop_requests(&mut self) -> Vec<RequestId> {
        self.asked = None;
        std::mem::take(&mut self.requests)
    }
}
