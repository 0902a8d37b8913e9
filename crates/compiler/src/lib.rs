//! Language to what runs: selectors, mapping programs, expressions, connector component trees, webhooks.
//!
//! Pure functions from the model's types to compiled ones, with findings instead of errors. The loader
//! compiles to diagnose, a run compiles the same bytes with the same function: what validates, runs.

pub mod connector;
pub mod envelope;
pub mod expression;
pub mod mapping;
pub mod scalar;
pub mod select;
pub mod signing;
pub mod webhook;
pub mod zone;
