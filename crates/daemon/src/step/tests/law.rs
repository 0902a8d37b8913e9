//! What holds for every sequence of events: never two runs of one transfer, never more than the limits, every
//! request answered once, and in the end nothing that is due forgotten.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use raccord_model::Name;
use raccord_model::fact::Uid;
use raccord_model::language::Schedule;
use raccord_model::language::stack::Limits;
use uuid::Uuid;

use crate::step::schedule::next_due;
use crate::step::{
    Cause, Effect, Event, Policy, Readiness, RequestId, RunEnd, State, TransferState, UnderWay, View, step,
};

/// How many transfers there are at most; their sources are three.
const TRANSFERS: u8 = 6;

/// Something that happens.
#[derive(Debug, Clone)]
enum Deed {
    Wait {
        seconds: i64,
    },
    End {
        which: usize,
        end: RunEnd,
        trips: bool,
    },
    Change {
        transfer: u8,
        to: Readiness,
    },
    Edit {
        transfer: u8,
        edit: Edit,
    },
    Limit {
        limits: Limits,
    },
    Request {
        transfers: Vec<u8>,
    },
    Deliver {
        transfer: u8,
    },
    Kill,
    /// The daemon is killed, and another one takes over what others make.
    TakeOver,
}

#[derive(Debug, Clone)]
enum Edit {
    Epoch,
    Schedule(Option<Schedule>),
    Source(u8),
    Gone,
    Anew,
}

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Running {
    cause: Cause,
    source: Name,
    reading: u64,
    generation: u64,
}

/// A shell with its facts, which holds every effect against the law.
struct Shell {
    state: State,
    now: Timestamp,
    view: View,
    running: BTreeMap<Uid, Running>,
    /// How many readings were begun; transfers that began together share one.
    readings: u64,
    asked_to_stop: BTreeSet<Uid>,
    wake: Option<Timestamp>,
    open: BTreeSet<RequestId>,
    requests: u64,
}

impl Shell {
    fn new() -> Self {
        let mut shell = Self {
            state: State::new(Policy::Daemon),
            now: "2025-01-06T08:00:00Z".parse().unwrap(),
            view: View { limits: Limits { parallel_transfers: 3, per_source: 2 }, ..View::default() },
            running: BTreeMap::new(),
            readings: 0,
            asked_to_stop: BTreeSet::new(),
            wake: None,
            open: BTreeSet::new(),
            requests: 0,
        };
        (0..TRANSFERS).for_each(|transfer| shell.create(transfer));
        shell.happen(Event::Began { now: shell.now, view: shell.view.clone(), under_way: Vec::new() });
        shell
    }

    fn create(&mut self, transfer: u8) {
        let interval = ["1m", "7m", "1h"][usize::from(transfer % 3)].parse().unwrap();
        let standing = TransferState {
            uid: uid(transfer),
            name: format!("t{transfer}").parse().unwrap(),
            source: source(transfer),
            data_type: "a".parse().ok(),
            schedule: (transfer < 4).then(|| Schedule { every: Some(interval), ..Schedule::default() }),
            epoch: 1,
            readiness: Readiness::Ready,
            since: self.now,
            served: None,
            deliveries: false,
        };
        self.view.standings.insert(standing.uid, standing);
    }

    fn happen(&mut self, event: Event) {
        let (state, effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        for effect in effects {
            self.hold(&effect);
        }
    }

    /// Holds an effect against the law.
    fn hold(&mut self, effect: &Effect) {
        match effect {
            Effect::StartRun { uid, cause } => self.hold_start(&[(*uid, *cause)]),
            Effect::StartTogether { runs } => {
                assert!(runs.len() > 1, "together with none");
                assert!(runs.iter().all(|(_, cause)| *cause != Cause::Deliveries), "{runs:?}");
                self.hold_start(runs);
            }
            // What is gone is stopped at a takeover, and not followed any more.
            Effect::StopRun { uid }
                if !self.view.standings.contains_key(uid) && !self.running.contains_key(uid) => {}
            Effect::StopRun { uid } => {
                assert!(self.running.contains_key(uid), "stops what does not run");
                assert!(self.asked_to_stop.insert(*uid), "asks twice");
            }
            Effect::Answer { request, .. } => assert!(self.open.remove(request), "answers twice"),
            Effect::WakeAt(time) => {
                assert_ne!(*time, self.wake, "the same wake again");
                assert!(time.is_none_or(|time| time > self.now), "wakes in the past");
                self.wake = *time;
            }
            other => panic!("{other:?} follows from nothing here"),
        }
    }

    /// Holds the beginning of one reading against the law.
    fn hold_start(&mut self, runs: &[(Uid, Cause)]) {
        let (first, _) = runs[0];
        let source = self.view.standings[&first].source.clone();
        let readings = |of: &dyn Fn(&Running) -> bool| {
            let readings = self.running.values().filter(|run| of(run)).map(|run| run.reading);
            u32::try_from(readings.collect::<BTreeSet<_>>().len()).unwrap()
        };
        let Limits { parallel_transfers, per_source } = self.view.limits;
        assert!(readings(&|run| run.source == source) < per_source.max(1), "too many of {source}");
        assert!(readings(&|_| true) < parallel_transfers.max(1), "too many");
        self.readings += 1;
        for (uid, cause) in runs {
            let standing = &self.view.standings[uid];
            assert!(self.may_run(standing), "{standing:?} may not run");
            if let Cause::Scheduled { due } = cause {
                assert!(*due <= self.now && standing.served.is_none_or(|served| served < *due));
            }
            assert_eq!(standing.source, source, "one reading of two sources");
            let running = Running {
                cause: *cause,
                source: source.clone(),
                reading: self.readings,
                generation: self.view.generation,
            };
            let before = self.running.insert(*uid, running);
            assert_eq!(before, None, "two runs of {}", standing.name);
        }
    }

    fn may_run(&self, standing: &TransferState) -> bool {
        match standing.readiness {
            Readiness::Ready => true,
            Readiness::Paused { until: Some(until) } => until <= self.now,
            _ => false,
        }
    }

    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Wait { seconds } => {
                self.now += SignedDuration::from_secs(seconds);
                self.wake_if_due();
            }
            Deed::End { which, end, trips } => {
                let count = self.running.len();
                let Some(uid) = self.running.keys().nth(which % count.max(1)).copied() else { return };
                self.end(uid, end, trips);
            }
            Deed::Change { transfer, to } => {
                let Some(standing) = self.view.standings.get_mut(&uid(transfer)) else { return };
                standing.readiness = match to {
                    Readiness::Paused { until: Some(_) } => {
                        Readiness::Paused { until: Some(self.now + SignedDuration::from_mins(5)) }
                    }
                    to => to,
                };
                let standings = vec![standing.clone()];
                self.happen(Event::Changed { now: self.now, standings });
            }
            Deed::Edit { transfer, edit } => self.edit(transfer, edit),
            Deed::Limit { limits } => {
                self.view.limits = limits;
                self.apply();
            }
            Deed::Request { transfers } => {
                self.requests += 1;
                let request = RequestId(self.requests);
                self.open.insert(request);
                let transfers = transfers.into_iter().map(uid).collect();
                self.happen(Event::RunRequested { now: self.now, request, transfers });
            }
            Deed::Deliver { transfer } => {
                let Some(standing) = self.view.standings.get_mut(&uid(transfer)) else { return };
                standing.deliveries = true;
                self.happen(Event::DeliveriesArrived { now: self.now, uids: vec![uid(transfer)] });
            }
            Deed::TakeOver => self.take_over(),
            Deed::Kill => {
                self.state = State::new(Policy::Daemon);
                (self.wake, self.running, self.asked_to_stop) = (None, BTreeMap::new(), BTreeSet::new());
                self.open.clear();
                self.happen(Event::Began { now: self.now, view: self.view.clone(), under_way: Vec::new() });
            }
        }
    }

    fn take_over(&mut self) {
        self.state = State::new(Policy::Daemon);
        self.wake = None;
        self.open.clear();
        let under_way = |(uid, run): (&Uid, &Running)| UnderWay {
            uid: *uid,
            cause: run.cause,
            reading: run.reading.into(),
            generation: run.generation,
            asked_to_stop: self.asked_to_stop.contains(uid),
        };
        let under_way = self.running.iter().map(under_way).collect();
        // What is gone is let go of, and what is left counts under its source of now.
        self.running.retain(|uid, _| self.view.standings.contains_key(uid));
        let mut sources: BTreeMap<u64, Name> = BTreeMap::new();
        for (uid, run) in &mut self.running {
            let now = self.view.standings[uid].source.clone();
            run.source = sources.entry(run.reading).or_insert(now).clone();
        }
        self.happen(Event::Began { now: self.now, view: self.view.clone(), under_way });
    }

    fn wake_if_due(&mut self) {
        if self.wake.is_some_and(|wake| wake <= self.now) {
            self.wake = None;
            self.happen(Event::Woke { now: self.now });
        }
    }

    fn end(&mut self, uid: Uid, end: RunEnd, trips: bool) {
        let cause = self.running.remove(&uid).unwrap().cause;
        let was_asked = self.asked_to_stop.remove(&uid);
        let mut standings = Vec::new();
        if let Some(standing) = self.view.standings.get_mut(&uid) {
            match (cause, end) {
                (Cause::Scheduled { due }, RunEnd::Complete) => standing.served = Some(due),
                (Cause::Scheduled { due }, _) if !was_asked => standing.served = Some(due),
                (Cause::Deliveries, RunEnd::Complete) => standing.deliveries = false,
                _ => {}
            }
            if trips && end == RunEnd::Failed {
                standing.readiness = Readiness::Tripped;
                standings.push(standing.clone());
            }
        }
        self.happen(Event::RunEnded { now: self.now, uid, end, standings });
    }

    fn edit(&mut self, transfer: u8, edit: Edit) {
        match (self.view.standings.get_mut(&uid(transfer)), edit) {
            (None, Edit::Anew) => self.create(transfer),
            (None, _) | (Some(_), Edit::Anew) => return,
            (Some(standing), Edit::Epoch) => standing.epoch += 1,
            (Some(standing), Edit::Schedule(schedule)) => {
                (standing.schedule, standing.since) = (schedule, self.now);
                standing.epoch += 1;
            }
            (Some(standing), Edit::Source(other)) => {
                standing.source = source(other);
                standing.epoch += 1;
            }
            (Some(_), Edit::Gone) => drop(self.view.standings.remove(&uid(transfer))),
        }
        self.apply();
    }

    fn apply(&mut self) {
        self.view.generation += 1;
        self.happen(Event::Applied { now: self.now, view: self.view.clone() });
    }

    /// Lets time stand still until everything that can end has ended, and looks at what is left.
    fn come_to_rest(&mut self) {
        // Past every pause and every wait after a failure.
        self.now += SignedDuration::from_mins(6);
        for _ in 0..1_000 {
            self.wake_if_due();
            let Some(uid) = self.running.keys().next().copied() else { break };
            self.end(uid, RunEnd::Complete, false);
        }
        assert!(self.running.is_empty(), "it never comes to rest");
        assert_eq!(self.open, BTreeSet::new(), "requests were forgotten");
        let mut next = None::<Timestamp>;
        for standing in self.view.standings.values() {
            let TransferState { uid, schedule, since, served, .. } = standing;
            let due = schedule.as_ref().and_then(|schedule| next_due(schedule, *uid, *since, *served));
            if self.may_run(standing) {
                assert!(due.is_none_or(|due| due > self.now), "{} is due and forgotten", standing.name);
                assert!(!standing.deliveries, "deliveries of {} are forgotten", standing.name);
                next = [next, due].into_iter().flatten().min();
            }
        }
        for uid in (0..TRANSFERS).map(uid).filter(|uid| !self.view.standings.contains_key(uid)) {
            assert_eq!(self.state.runs.get(uid), None, "what is gone is kept in mind");
        }
        assert_eq!(self.wake, next, "the next wake is the next due time");
    }
}

fn uid(transfer: u8) -> Uid {
    Uid(Uuid::from_u128(u128::from(transfer) + 1))
}

fn source(transfer: u8) -> Name {
    ["shop", "books", "stock"][usize::from(transfer % 3)].parse().unwrap()
}

fn deeds() -> impl Strategy<Value = Deed> {
    let transfer = 0..TRANSFERS;
    let limits = (0..4_u32, 0..3_u32)
        .prop_map(|(parallel_transfers, per_source)| Limits { parallel_transfers, per_source });
    let end = prop_oneof![4 => Just(RunEnd::Complete), 2 => Just(RunEnd::Failed), 2 => Just(RunEnd::Cut)];
    let readiness = prop_oneof![
        4 => Just(Readiness::Ready),
        1 => Just(Readiness::Tripped),
        1 => Just(Readiness::Inactive),
        1 => Just(Readiness::Paused { until: None }),
        2 => Just(Readiness::Paused { until: Some(Timestamp::MAX) }),
    ];
    let schedule = prop_oneof![
        Just(None),
        Just(Some(Schedule { every: Some("2m".parse().unwrap()), ..Schedule::default() })),
        Just(Some(Schedule { cron: Some("*/5 * * * *".to_owned()), ..Schedule::default() })),
    ];
    let edit = prop_oneof![
        1 => Just(Edit::Epoch),
        1 => schedule.prop_map(Edit::Schedule),
        1 => (0..TRANSFERS).prop_map(Edit::Source),
        1 => Just(Edit::Gone),
        2 => Just(Edit::Anew),
    ];
    prop_oneof![
        6 => prop_oneof![0..90_i64, 0..5_000_i64].prop_map(|seconds| Deed::Wait { seconds }),
        8 => (0..8_usize, end, any::<bool>()).prop_map(|(which, end, trips)| Deed::End { which, end, trips }),
        3 => (transfer.clone(), readiness).prop_map(|(transfer, to)| Deed::Change { transfer, to }),
        3 => (transfer.clone(), edit).prop_map(|(transfer, edit)| Deed::Edit { transfer, edit }),
        1 => limits.prop_map(|limits| Deed::Limit { limits }),
        3 => prop::collection::vec(transfer.clone(), 0..4).prop_map(|transfers| Deed::Request { transfers }),
        3 => transfer.prop_map(|transfer| Deed::Deliver { transfer }),
        1 => Just(Deed::Kill),
        2 => Just(Deed::TakeOver),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_law_holds(deeds in prop::collection::vec(deeds(), 0..120)) {
        let mut shell = Shell::new();
        for deed in deeds {
            shell.does(deed);
        }
        shell.come_to_rest();
    }
}
