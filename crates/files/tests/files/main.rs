//! What a storage promises, and what is built on one.

#![allow(clippy::unwrap_used, reason = "what is not as it must be fails the test")]

mod storage;
