//! Text to [`Desired`](raccord_model::Desired), or diagnostics: all mistakes of all files at once, each with its place.
//!
//! This crate knows files and places in them. It knows no network, no store and no secret.

mod advice;
mod check;
mod deserialize;
mod diagnose;
mod discover;
mod document;
mod emit;
mod export;
mod interpolate;
mod load;
mod lock;
mod manifests;
mod node;
mod parse;
mod reading;
mod resolve;
mod scalar;
mod secret;
mod split;
mod syntax;
mod text;

pub use diagnose::MAX_DIAGNOSTICS;
pub use discover::{MAX_ENTRIES, MAX_FILE, Places, is_read, places};
pub use export::to_yaml;
pub use load::{Bounds, Input, Loaded, Validated, load, load_texts, load_texts_within, validate};
pub use lock::{LOCK, LOCK_TEXTS, Locked, Locking, lock_text, locking, text_digest, text_file};
pub use parse::{MAX_DEPTH, MAX_NODES};
pub use reading::Reading;
