//! PostgreSQL as a destination: rows in tables of the user's schema, one typed column for each field, and everything that
//! Raccord needs beside them in a schema `raccord` of the same database, so that both are committed together. And PostgreSQL as
//! a source: tables, queries, and what changes in tables ([`PostgresSource`]). And PostgreSQL as the state of several machines
//! ([`PostgresState`]), in a schema `raccord_state`.
//!
//! It is the one crate that knows the client library. Decisions are those of `model::decide`; what is known of the keys of a
//! batch is looked up with a few queries, decided about in memory, and only the difference is written.
//! [`PostgresDestination`] implements the ports `Destination` and `Ledger`.

mod codec;
mod commit;
mod connections;
mod destination;
mod error;
mod existing;
mod fence;
mod keys;
mod layout;
mod ledger;
mod load;
mod look;
mod owned;
mod prepare;
mod save;
mod settings;
mod side;
mod source;
mod state;
mod sweep;
mod table;
mod tls;
mod work;

pub use destination::PostgresDestination;
pub use settings::{PostgresSettings, Server, SettingsSource, Tls, UrlError};
pub use source::PostgresSource;
pub use state::{
    Member, MemberError, MemberKind, NewState, OpenStateError, PostgresState, PostgresVault, StateReading,
    StateWriting,
};
