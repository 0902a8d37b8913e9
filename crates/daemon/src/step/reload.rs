//! Loading and applying the configuration: one at a time, the last change never missed, nothing piled up.

use jiff::Timestamp;
use raccord_model::canonical::Digest;

use super::effect::Effect;
use super::event::{ApplyEnd, Loaded, Verdict};
use super::retry::retry_at;

/// How many bad configurations are remembered as reported.
const REPORTED: usize = 16;

/// Where the configuration stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reload {
    phase: Phase,
    /// Whether to load once more after what is under way.
    again: bool,
    /// The plan that waits for a person, and the generation it was made against.
    pending: Option<(Digest, u64)>,
    /// Whether the files are bad; what is in force stays.
    bad: bool,
    /// The bad configurations reported since the last good one, oldest first.
    reported: Vec<Digest>,
    /// How often an apply has failed in a row, and when to try again.
    failures: u32,
    retry: Option<Timestamp>,
    /// Whether nothing more is loaded, and nothing that was loaded acted on.
    stopping: bool,
}

/// What is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Loading {
        /// Whether its outcome will be out of date.
        overtaken: bool,
    },
    Applying,
}

impl Reload {
    /// The files changed, and a load under way may have read half of it.
    pub(super) fn files_changed(&mut self, effects: &mut Vec<Effect>) {
        if let Phase::Loading { overtaken } = &mut self.phase {
            *overtaken = true;
        }
        self.request(effects);
    }

    /// Loads now, or once after what is under way.
    pub(super) fn request(&mut self, effects: &mut Vec<Effect>) {
        self.again = true;
        self.go_on(effects);
    }

    /// A load has ended.
    pub(super) fn loaded(
        &mut self,
        digest: Digest,
        outcome: Loaded,
        generation: u64,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Loading { overtaken } = self.phase else { return };
        self.phase = Phase::Idle;
        if overtaken || self.stopping || outcome == Loaded::Nothing {
            return self.go_on(effects);
        }
        match outcome {
            Loaded::Bad => self.report(digest, effects),
            Loaded::Same | Loaded::Ready(_) if std::mem::take(&mut self.bad) => {
                self.reported.clear();
                effects.push(Effect::ReportGood);
            }
            Loaded::Nothing | Loaded::Same | Loaded::Ready(_) => {}
        }
        match outcome {
            Loaded::Ready(Verdict::Wait) if self.pending == Some((digest, generation)) => {}
            Loaded::Ready(Verdict::Wait) => {
                self.pending = Some((digest, generation));
                effects.push(Effect::HoldPending { digest });
            }
            Loaded::Nothing => {}
            Loaded::Same | Loaded::Bad | Loaded::Ready(Verdict::Apply) => self.drop_pending(effects),
        }
        if outcome == Loaded::Ready(Verdict::Apply) {
            self.phase = Phase::Applying;
            effects.push(Effect::Apply { digest });
        }
        self.go_on(effects);
    }

    /// An apply has ended.
    pub(super) fn apply_ended(&mut self, end: ApplyEnd, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Applying {
            return;
        }
        self.phase = Phase::Idle;
        match end {
            ApplyEnd::Done => self.failures = 0,
            ApplyEnd::Stale => self.again = true,
            ApplyEnd::Failed => {
                self.failures = self.failures.saturating_add(1);
                self.retry = Some(retry_at(now, self.failures));
            }
        }
        self.go_on(effects);
    }

    /// A generation is in force. What was planned against another one is out of date, unless we just applied it.
    pub(super) fn applied(&mut self, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Loading { overtaken } => {
                (*overtaken, self.again) = (true, true);
                self.drop_pending(effects);
            }
            Phase::Idle if self.pending.is_some() => {
                self.drop_pending(effects);
                self.request(effects);
            }
            Phase::Idle | Phase::Applying => {}
        }
    }

    /// Tries again what failed, when its time has come.
    pub(super) fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.retry.is_some_and(|retry| retry <= now) {
            self.request(effects);
        }
    }

    /// The clock was set back by much: what waits for a time does not wait longer than until now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.retry = self.retry.map(|at| at.min(now));
    }

    /// When a failed apply is to be tried again.
    pub(super) const fn next_time(&self) -> Option<Timestamp> {
        self.retry
    }

    /// Whether an apply is under way.
    pub(super) fn is_applying(&self) -> bool {
        self.phase == Phase::Applying
    }

    /// Whether a configuration is being loaded or applied.
    pub(super) fn is_under_way(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Whether the files are bad.
    pub(super) const fn is_bad(&self) -> bool {
        self.bad
    }

    /// The digest under which the pending plan was loaded.
    pub(super) fn pending(&self) -> Option<Digest> {
        self.pending.map(|(digest, _)| digest)
    }

    /// Lets what is under way end, and begins nothing more.
    pub(super) const fn stop(&mut self) {
        self.stopping = true;
    }

    fn go_on(&mut self, effects: &mut Vec<Effect>) {
        if self.again && self.phase == Phase::Idle && !self.stopping {
            (self.again, self.retry) = (false, None);
            self.phase = Phase::Loading { overtaken: false };
            effects.push(Effect::Load);
        }
    }

    fn report(&mut self, digest: Digest, effects: &mut Vec<Effect>) {
        self.bad = true;
        if self.reported.contains(&digest) {
            return;
        }
        if self.reported.len() == REPORTED {
            self.reported.remove(0);
        }
        self.reported.push(digest);
        effects.push(Effect::ReportBad { digest });
    }

    fn drop_pending(&mut self, effects: &mut Vec<Effect>) {
        if self.pending.take().is_some() {
            effects.push(Effect::DropPending);
        }
    }
}
