//! PostgreSQL as a destination, against a real server.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod copying;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod inspection_cache;
#[cfg(test)]
mod kills;
#[cfg(test)]
#[path = "../../../../tests/postgres_server.rs"]
mod postgres_server;
#[cfg(test)]
mod preflight;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod refused;
#[cfg(test)]
#[path = "../../../../tests/self_signed.rs"]
mod self_signed;
#[cfg(test)]
mod source;
#[cfg(test)]
mod state;
#[cfg(test)]
#[path = "../../../../tests/table_source.rs"]
mod table_source;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod together;
#[cfg(test)]
mod types;
#[cfg(test)]
mod unaltered;
