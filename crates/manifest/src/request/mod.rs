//! From components and values to the request that is sent. It is a pure function: it sends nothing, and makes no
//! credentials.

mod builder;
mod entries;
mod option;
pub mod text;
pub mod url;

pub use builder::{Asked, RequestBuilder};
pub use option::{RequestOption, Twice};

#[cfg(test)]
mod reference_tests;
