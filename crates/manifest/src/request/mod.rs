//! From components and values to the request that is sent. It is a pure function: it sends nothing, and makes no
//! credentials.

mod option;
pub mod text;

pub use option::{RequestOption, Twice};
