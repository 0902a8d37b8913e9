//! SQLite as a destination: rows in tables of a file, one typed column for each field, and everything that Raccord needs beside
//! them in tables `_raccord_…` of the same file, so that both are committed together. And the one way to open such a file.
//!
//! It is the one crate that knows the client library, which brings SQLite itself along. Decisions are those of `model::decide`;
//! what is known of the keys of a batch is looked up, decided about in memory, and only the difference is written.
//! [`SqliteDestination`] implements the ports `Destination` and `Ledger`, [`SqliteSource`] the port `Source`.

mod codec;
mod commit;
mod deferred;
mod destination;
mod error;
mod existing;
mod fence;
mod layout;
mod ledger;
mod load;
mod look;
mod open;
mod owned;
mod prepare;
mod save;
mod side;
mod source;
mod sweep;
mod table;
mod work;

pub use destination::SqliteDestination;
pub use existing::tables;
pub use open::{Access, OpenError, open};
pub use source::SqliteSource;
