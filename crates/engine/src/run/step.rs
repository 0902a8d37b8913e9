//! What runs when: a pure function from a state and an event to the next state and the effects.
//!
//! It knows names and limits only; pages never pass through it. One shell carries the effects out.

use std::collections::{BTreeMap, VecDeque};

use raccord_model::Name;
use raccord_model::language::stack::Limits;

/// A transfer that is to run, and the source whose limits it shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The transfer.
    pub transfer: Name,
    /// Its source.
    pub source: Name,
}

/// What is waiting and what is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// What may run at the same time.
    pub limits: Limits,
    /// What waits, in order.
    pub waiting: VecDeque<Candidate>,
    /// What runs, with its source.
    pub running: BTreeMap<Name, Name>,
    /// Whether nothing more is begun.
    pub stopping: bool,
}

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Transfers are to run once.
    RunRequested(Vec<Candidate>),
    /// A run has ended, whatever its outcome.
    RunEnded(Name),
    /// A person or the system asks for an end.
    StopRequested,
}

/// Everything that can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Begin a run.
    StartRun(Name),
    /// Ask every run to stop after the page in hand.
    StopRuns,
    /// Nothing is left to wait for.
    Finish,
}

/// The next state and what follows from an event.
pub fn step(mut state: State, event: Event) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match event {
        Event::RunRequested(candidates) => {
            for candidate in candidates {
                let known =
                    state.running.contains_key(&candidate.transfer) || state.waiting.contains(&candidate);
                if !known {
                    state.waiting.push_back(candidate);
                }
            }
        }
        Event::RunEnded(transfer) => {
            state.running.remove(&transfer);
        }
        Event::StopRequested => {
            state.stopping = true;
            state.waiting.clear();
            effects.push(Effect::StopRuns);
        }
    }
    start_what_fits(&mut state, &mut effects);
    if state.running.is_empty() && state.waiting.is_empty() {
        effects.push(Effect::Finish);
    }
    (state, effects)
}

fn start_what_fits(state: &mut State, effects: &mut Vec<Effect>) {
    let limit = |count: u32| usize::try_from(count.max(1)).unwrap_or(usize::MAX);
    let (total, per_source) = (limit(state.limits.parallel_transfers), limit(state.limits.per_source));
    let mut at = 0;
    while state.running.len() < total && !state.stopping {
        let Some(candidate) = state.waiting.get(at) else { return };
        let busy = state.running.values().filter(|source| **source == candidate.source).count();
        if busy >= per_source {
            at += 1;
            continue;
        }
        if let Some(candidate) = state.waiting.remove(at) {
            effects.push(Effect::StartRun(candidate.transfer.clone()));
            state.running.insert(candidate.transfer, candidate.source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(text: &str) -> Candidate {
        let (transfer, source) = text.split_once('@').unwrap();
        Candidate { transfer: transfer.parse().unwrap(), source: source.parse().unwrap() }
    }

    /// Runs a scenario: events in words, the effects of each in words.
    fn check(parallel: u32, per_source: u32, scenario: &[(&str, &str)]) {
        let limits = Limits { parallel_transfers: parallel, per_source };
        let mut state = State { limits, ..State::default() };
        for (event, expected) in scenario {
            let event = match event.split_once(' ') {
                Some(("run", list)) => Event::RunRequested(list.split(' ').map(candidate).collect()),
                Some(("end", name)) => Event::RunEnded(name.parse().unwrap()),
                _ => Event::StopRequested,
            };
            let (next, effects) = step(state, event);
            state = next;
            let shown: Vec<String> = effects
                .iter()
                .map(|effect| match effect {
                    Effect::StartRun(name) => format!("start {name}"),
                    Effect::StopRuns => "stop".to_owned(),
                    Effect::Finish => "finish".to_owned(),
                })
                .collect();
            assert_eq!(shown.join(", "), *expected);
        }
    }

    #[test]
    fn limits_hold_and_the_end_comes_once_all_is_done() {
        check(
            2,
            2,
            &[
                ("run a@s b@s c@s", "start a, start b"),
                ("end a", "start c"),
                ("end b", ""),
                ("end c", "finish"),
            ],
        );
        check(
            4,
            1,
            &[
                ("run a@s b@s c@t", "start a, start c"),
                ("end c", ""),
                ("end a", "start b"),
                ("end b", "finish"),
            ],
        );
        check(4, 4, &[("run a@s a@s", "start a"), ("run a@s", ""), ("end a", "finish")]);
        check(1, 1, &[("run a@s b@s", "start a"), ("stop", "stop"), ("end a", "finish")]);
        check(0, 0, &[("run a@s", "start a"), ("end a", "finish")]);
        check(1, 1, &[("stop", "stop, finish")]);
    }
}
