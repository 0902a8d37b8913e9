//! What a storage promises, and what is built on one.

#[cfg(test)]
mod appending;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod storage;
