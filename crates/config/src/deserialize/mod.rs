//! From a document's tree to the language's types, every mistake at its place.
//!
//! [`read`] finds all mistakes of one document at once: after each, what was wrong is mended in a copy of the
//! tree where it is known what was meant, taken out of it otherwise, and the rest is read again.

mod access;
mod failure;
mod recover;
mod tagged;
mod value;

use crate::interpolate::Variables;

pub(crate) use failure::Failure;
pub(crate) use recover::{Mistake, Wrong, read};
pub(crate) use value::NodeDeserializer;
