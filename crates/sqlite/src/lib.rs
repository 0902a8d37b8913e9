//! SQLite: files of it are opened here, and nowhere else. It is the one crate that knows the client library, which brings
//! SQLite itself along.

mod open;

pub use open::{Access, OpenError, open};
