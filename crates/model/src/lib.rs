//! The nouns of Raccord and the language they are written in.
//!
//! Every other crate speaks in these types: the kinds of the YAML language, the names and paths inside
//! them, typed values and their bytes, what a plan says, what becomes of a record (`classify`) and of a batch (`decide`), and
//! the *ports* that the store and the connectors implement. Nothing here reads a file, a clock or a network.

pub mod backoff;
pub mod bytes_size;
pub mod canonical;
pub mod checkpoint;
pub mod classify;
pub mod clock;
pub mod consequence;
pub mod decide;
pub mod decimal;
pub mod delivery;
pub mod diagnostic;
pub mod duration;
mod exclusive;
pub mod existing;
pub mod fact;
pub mod failpoint;
pub mod field_path;
pub mod folder;
pub mod foreign;
pub mod key;
pub mod language;
pub mod name;
pub mod named_pipe;
pub mod plan;
pub mod port;
pub mod rate;
pub mod resource;
pub mod row;
mod rule;
pub mod schema;
pub mod secret;
mod shorthand;
pub mod suggest;
pub mod tagged;
pub mod value;
pub mod version;

pub use canonical::Digest;
pub use key::{Key, Kind};
pub use name::{DataTypeName, EntityRef, Ident, Name};
pub use resource::{Desired, Resource, Spec};
