//! MySQL and MariaDB as a source: pages of a table or a query, each asked for by a statement of its own in the order of the
//! key. It is the one crate that knows their client library. Which statement is run, the compiler knows; here its rows become
//! records.

mod connect;
mod existing;
mod failure;
mod pages;
mod shape;
mod source;
mod values;

pub use connect::{MysqlSettings, Server, SettingsSource, Tls};
pub use existing::tables;
pub use source::MysqlSource;
