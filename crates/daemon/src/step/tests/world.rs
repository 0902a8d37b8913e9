//! The world around the value: a shell that keeps the facts as the real one does, and speaks in words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::canonical::Digest;
use raccord_model::fact::Uid;
use raccord_model::language::stack::Limits;
use uuid::Uuid;

use super::patch;
use super::words::{Clock, Line, Scenario};
use crate::step::{
    ApplyEnd, Cause, Effect, Event, Loaded, Policy, RequestId, RunEnd, State, TransferState, Verdict, View,
    step,
};

/// A daemon and what surrounds it.
pub(super) struct World {
    clock: Clock,
    policy: Policy,
    state: State,
    names: Vec<String>,
    view: View,
    running: BTreeMap<Uid, Cause>,
}

impl World {
    /// The world that a scenario begins with.
    pub(super) fn new(scenario: &Scenario) -> Self {
        let policy = if scenario.once { Policy::Once } else { Policy::Daemon };
        let mut world = Self {
            clock: scenario.clock.clone(),
            policy,
            state: State::new(policy),
            names: Vec::new(),
            view: View { generation: 1, ..View::default() },
            running: BTreeMap::new(),
        };
        if let Some((parallel_transfers, per_source)) = scenario.limits {
            world.view.limits = Limits { parallel_transfers, per_source };
        }
        for (name, words) in &scenario.given {
            world.patch(&format!("{name} {words}"));
        }
        world
    }

    /// Lets a line happen, and tells it as it went.
    pub(super) fn live(&mut self, line: &Line) -> String {
        let now = self.clock.read(&line.time);
        let event = self.event(&line.event, now);
        let (state, effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        for effect in &effects {
            let begun = match effect {
                Effect::StartRun { uid, cause } => vec![(*uid, *cause)],
                Effect::StartTogether { runs } => runs.clone(),
                _ => Vec::new(),
            };
            for (uid, cause) in begun {
                let before = self.running.insert(uid, cause);
                assert_eq!(before, None, "two runs at once of {}", self.name(uid));
            }
        }
        let told: Vec<String> = effects.iter().map(|effect| self.words(effect)).collect();
        let told = if told.is_empty() { "-".to_owned() } else { told.join(", ") };
        line.shown(&told)
    }

    /// Changes standings by words, several transfers with `;` between them: `NAME gone`, or `NAME` and the words of a
    /// [`patch`]. `limits TOTAL PER-SOURCE` changes the limits.
    fn patch(&mut self, words: &str) -> Vec<TransferState> {
        let mut patched = Vec::new();
        for part in words.split(';') {
            let words: Vec<&str> = part.split_whitespace().collect();
            match words[..] {
                ["limits", total, per_source] => {
                    let [parallel_transfers, per_source] =
                        [total, per_source].map(|limit| limit.parse().unwrap());
                    self.view.limits = Limits { parallel_transfers, per_source };
                }
                [name, "gone"] => {
                    let uid = self.uid(name);
                    self.view.standings.remove(&uid);
                }
                [name, ref words @ ..] => {
                    let uid = self.uid(name);
                    let known = self.view.standings.remove(&uid);
                    let standing = known.unwrap_or_else(|| patch::newcomer(uid, name, &self.clock));
                    let standing = patch::patch(standing, words, &self.clock);
                    patched.push(standing.clone());
                    self.view.standings.insert(uid, standing);
                }
                [] => panic!("who in {part}?"),
            }
        }
        patched
    }

    fn event(&mut self, text: &str, now: Timestamp) -> Event {
        let (first, patches) = text.split_once(':').map_or((text, ""), |(first, rest)| (first, rest.trim()));
        match first.split(' ').collect::<Vec<_>>()[..] {
            ["begin"] => Event::Began { now, view: self.view.clone(), under_way: Vec::new() },
            ["killed,", "begin"] => {
                self.state = State::new(self.policy);
                self.running.clear();
                Event::Began { now, view: self.view.clone(), under_way: Vec::new() }
            }
            ["applied"] => {
                self.view.generation += 1;
                if !patches.is_empty() {
                    self.patch(patches);
                }
                Event::Applied { now, view: self.view.clone() }
            }
            ["changed"] => Event::Changed { now, standings: self.patch(patches) },
            ["woke"] => Event::Woke { now },
            ["request", number] => {
                let transfers = patches.split_whitespace().map(|name| self.uid(name)).collect();
                Event::RunRequested { now, request: RequestId(number.parse().unwrap()), transfers }
            }
            ["deliveries"] => {
                let uids: Vec<Uid> = patches.split_whitespace().map(|name| self.uid(name)).collect();
                for uid in &uids {
                    self.view.standings.get_mut(uid).unwrap().deliveries = true;
                }
                Event::DeliveriesArrived { now, uids }
            }
            ["files", "changed"] => Event::FilesChanged,
            ["reload"] => Event::ReloadRequested,
            ["loaded", what, outcome] => {
                let outcome = match outcome {
                    "same" => Loaded::Same,
                    "nothing" => Loaded::Nothing,
                    "bad" => Loaded::Bad,
                    "safe" => Loaded::Ready(Verdict::Apply),
                    "unsafe" => Loaded::Ready(Verdict::Wait),
                    other => panic!("loaded {other}?"),
                };
                Event::Loaded { digest: Digest::of(what.as_bytes()), outcome }
            }
            ["apply", end] => {
                let end = match end {
                    "done" => ApplyEnd::Done,
                    "stale" => ApplyEnd::Stale,
                    "failed" => ApplyEnd::Failed,
                    other => panic!("apply {other}?"),
                };
                Event::ApplyEnded { now, end }
            }
            ["notices", "wait"] => Event::NoticesWaiting { now },
            ["delivered"] => Event::Delivered { now, next: None },
            ["delivered,", "next", _] => Event::Delivered {
                now,
                next: text.strip_prefix("delivered, next ").map(|next| self.clock.read(next)),
            },
            ["stop"] => Event::StopRequested,
            [name, end] => self.run_ended(name, end, patches, now),
            _ => panic!("what is {text}?"),
        }
    }

    /// A run's end, and what the shell writes with it.
    fn run_ended(&mut self, name: &str, end: &str, patches: &str, now: Timestamp) -> Event {
        let end = match end {
            "completes" => RunEnd::Complete,
            "fails" => RunEnd::Failed,
            "holds" => RunEnd::Held,
            "exhausts" => RunEnd::Exhausted,
            "stops" => RunEnd::Cut,
            other => panic!("{name} {other}?"),
        };
        let uid = self.uid(name);
        let cause = self.running.remove(&uid);
        if let Some(standing) = self.view.standings.get_mut(&uid) {
            match (cause, end) {
                (Some(Cause::Scheduled { due }), RunEnd::Complete | RunEnd::Failed | RunEnd::Exhausted) => {
                    standing.served = Some(due);
                }
                (Some(Cause::Deliveries), RunEnd::Complete) => standing.deliveries = false,
                _ => {}
            }
        }
        let standings = if patches.is_empty() { Vec::new() } else { self.patch(patches) };
        Event::RunEnded { now, uid, end, standings }
    }

    fn words(&self, effect: &Effect) -> String {
        let letter = |digest: &Digest| {
            let known = ["A", "B", "C"].into_iter().find(|name| Digest::of(name.as_bytes()) == *digest);
            known.unwrap().to_owned()
        };
        match effect {
            Effect::StartRun { uid, cause } => format!("start {}", self.run(*uid, *cause)),
            Effect::StartTogether { runs } => {
                let runs: Vec<String> = runs.iter().map(|(uid, cause)| self.run(*uid, *cause)).collect();
                format!("start {}", runs.join(" with "))
            }
            Effect::StopRun { uid } => format!("stop {}", self.name(*uid)),
            Effect::StopRuns => "stop all".to_owned(),
            Effect::Load => "load".to_owned(),
            Effect::Apply { digest } => format!("apply {}", letter(digest)),
            Effect::HoldPending { digest } => format!("hold {}", letter(digest)),
            Effect::DropPending => "drop what is held".to_owned(),
            Effect::ReportBad { digest } => format!("report {} bad", letter(digest)),
            Effect::ReportGood => "report good".to_owned(),
            Effect::Deliver => "deliver".to_owned(),
            Effect::WakeAt(Some(time)) => format!("wake {}", self.clock.write(*time)),
            Effect::WakeAt(None) => "wake never".to_owned(),
            Effect::Answer { request, not_run } => {
                let without: String =
                    not_run.iter().map(|uid| format!(" without {}", self.name(*uid))).collect();
                format!("answer {}{without}", request.0)
            }
            Effect::Finish => "finish".to_owned(),
        }
    }

    fn run(&self, uid: Uid, cause: Cause) -> String {
        let cause = match cause {
            Cause::Scheduled { due } => format!("due {}", self.clock.write(due)),
            Cause::Requested => "requested".to_owned(),
            Cause::Deliveries => "deliveries".to_owned(),
        };
        format!("{} ({cause})", self.name(uid))
    }

    fn name(&self, uid: Uid) -> &str {
        let place = usize::try_from(uid.0.as_u128()).unwrap();
        &self.names[place - 1]
    }

    /// The uid of a name: its number in the order of mention.
    fn uid(&mut self, name: &str) -> Uid {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        Uid(Uuid::from_u128(u128::try_from(place).unwrap() + 1))
    }
}
