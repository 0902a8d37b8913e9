//! What a storage promises, and what is built on one.

#[cfg(test)]
mod appending;
#[cfg(test)]
#[cfg(feature = "object-stores")]
mod buckets;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod formats;
#[cfg(test)]
#[cfg(feature = "object-stores")]
#[path = "../../../../tests/s3_server.rs"]
mod s3_server;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod storage;
