//! PostgreSQL as a destination, against a real server.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
#[path = "../../../../tests/postgres_server.rs"]
mod postgres_server;
