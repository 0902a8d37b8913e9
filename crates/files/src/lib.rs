//! Files: where they lie, how their bytes are formed, and a destination that writes them. The only crate that knows the libraries
//! of object stores and of SFTP; how formats are read is `connect`'s. It reads no YAML, and knows no authorization: what a
//! storage needs to be reached is handed to it.

pub mod destination;
pub mod format;
pub mod storage;
