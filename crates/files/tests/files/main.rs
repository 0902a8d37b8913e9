//! What a storage promises, and what is built on one.

#[cfg(test)]
mod formats;
#[cfg(test)]
mod storage;
