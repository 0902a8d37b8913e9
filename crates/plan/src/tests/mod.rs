//! Scenarios and properties of planning, on a state that lives in memory.

mod deletions;
mod fields;
mod folders;
mod golden;
mod history;
mod properties;
mod renames;
mod simulator;
mod stacks;
mod targets;
mod trips;
mod webhooks;
