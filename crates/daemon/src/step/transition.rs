//! The one function of the daemon: which subject an event belongs to, and what every event has in common.

use jiff::Timestamp;
use raccord_model::clock::is_ahead;

use super::effect::Effect;
use super::event::Event;
use super::runs::Turn;
use super::standing::View;
use super::state::{Policy, State};

/// The next state and what follows from an event.
pub fn step(mut state: State, event: Event) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if !state.finished {
        let now = time_of(&event);
        if let Some(now) = now {
            look_at_clock(&mut state, now, &mut effects);
        }
        take_in(&mut state, event, &mut effects);
        go_on(&mut state, now, &mut effects);
    }
    (state, effects)
}

/// Lets go of what was to happen at a time that comes no more: the clock was ahead, and was set right.
fn look_at_clock(state: &mut State, now: Timestamp, effects: &mut Vec<Effect>) {
    let before = state.last.replace(now);
    if before.is_some_and(|before| is_ahead(before, now)) {
        state.reload.set_back(now);
        state.outbox.set_back(now);
        state.runs.set_back(&mut Turn { now, effects });
    }
}

fn take_in(state: &mut State, event: Event, effects: &mut Vec<Effect>) {
    match event {
        Event::Began { now, view, under_way } => {
            put_in_force(state, view, Turn { now, effects });
            state.runs.take_over(under_way, state.generation, &mut Turn { now, effects });
        }
        Event::Applied { now, view } => {
            put_in_force(state, view, Turn { now, effects });
            state.reload.applied(effects);
        }
        Event::Changed { now, standings } => state.runs.change(standings, &mut Turn { now, effects }),
        // The wake is used up: if it came too early, another one is asked for.
        Event::Woke { .. } => state.wake = None,
        Event::RunRequested { now, request, transfers } => {
            state.requested = true;
            state.runs.request(request, transfers, &mut Turn { now, effects });
        }
        Event::RunEnded { now, uid, end, standings } => {
            state.runs.end(uid, end, standings, &mut Turn { now, effects });
        }
        Event::DeliveriesArrived { now, uids } => state.runs.deliveries(uids, &mut Turn { now, effects }),
        Event::FilesChanged => state.reload.files_changed(effects),
        Event::ReloadRequested => state.reload.request(effects),
        Event::Loaded { digest, outcome } => {
            state.reload.loaded(digest, outcome, state.generation, effects);
        }
        Event::ApplyEnded { now, end } => state.reload.apply_ended(end, now, effects),
        Event::NoticesWaiting { .. } => state.outbox.waiting(effects),
        Event::Delivered { now, next } => state.outbox.delivered(next, now, effects),
        Event::StopRequested if state.stopping => {}
        Event::StopRequested => {
            state.stopping = true;
            state.reload.stop();
            state.outbox.stop();
            state.runs.stop(effects);
        }
    }
}

fn put_in_force(state: &mut State, view: View, mut turn: Turn<'_>) {
    state.generation = view.generation;
    state.runs.apply(view, &mut turn);
}

/// What may follow from every event: work whose time has come, the end, and the next time to wake.
fn go_on(state: &mut State, now: Option<Timestamp>, effects: &mut Vec<Effect>) {
    if let Some(now) = now.filter(|_| !state.stopping) {
        state.reload.advance(now, effects);
        state.outbox.advance(now, effects);
        state.runs.advance(&mut Turn { now, effects });
    }
    let ends = state.stopping || (state.policy == Policy::Once && state.requested);
    let busy = !state.runs.is_idle() || state.reload.is_applying() || state.outbox.is_delivering();
    if ends && !busy {
        state.finished = true;
        effects.push(Effect::Finish);
        return;
    }
    let times = [state.runs.next_time(), state.reload.next_time(), state.outbox.next_time()];
    let wake = times.into_iter().flatten().min().filter(|_| !state.stopping);
    if wake != state.wake {
        state.wake = wake;
        effects.push(Effect::WakeAt(wake));
    }
}

fn time_of(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Began { now, .. }
        | Event::Applied { now, .. }
        | Event::Changed { now, .. }
        | Event::Woke { now }
        | Event::RunRequested { now, .. }
        | Event::RunEnded { now, .. }
        | Event::DeliveriesArrived { now, .. }
        | Event::ApplyEnded { now, .. }
        | Event::NoticesWaiting { now }
        | Event::Delivered { now, .. } => Some(*now),
        Event::FilesChanged | Event::ReloadRequested | Event::Loaded { .. } | Event::StopRequested => None,
    }
}
