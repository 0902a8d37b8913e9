//! Files: where they lie and how their bytes are formed. The only crate that knows the libraries of file formats and, later,
//! of object stores. It reads no YAML, and knows no authorization: what a storage needs to be reached is handed to it.

pub mod destination;
pub mod format;
pub mod storage;
