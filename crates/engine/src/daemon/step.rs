//! The one function of the daemon: which subject an event belongs to, and what every event has in common.

use super::effect::Effect;
use super::event::Event;
use super::state::State;

/// The next state and what follows from an event.
pub fn step(state: State, event: Event) -> (State, Vec<Effect>) {
    drop(event);
    (state, Vec::new())
}
