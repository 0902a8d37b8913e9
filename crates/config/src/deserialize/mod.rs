//! From a document's tree to the language's types, every mistake at its place.
//!
//! [`read`] finds all mistakes of one document at once: after each, what was wrong is taken out of a copy
//! of the tree and the rest is read again.

mod access;
mod failure;
mod recover;
mod tagged;
mod value;

use crate::interpolate::Variables;

pub(crate) use failure::Failure;
pub(crate) use recover::{Mistake, read};
pub(crate) use value::NodeDeserializer;
