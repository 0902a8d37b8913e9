//! The tests of the whole: the program `raccord` as people use it, and what the repository promises of itself.
#![cfg(test)]

mod counterpart;
mod documentation;
mod invalid;
mod tidy;
