//! Scenarios and properties of planning, on a state that lives in memory.

mod history;
mod plans;
mod properties;
mod simulator;
mod trips;
