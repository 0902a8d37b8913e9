//! Connectors in Airbyte's low-code language over HTTP: the way to the service that a manifest's reading needs, and a
//! reading from end to end. What a manifest means is the business of the crate `raccord-manifest`.

#[cfg(test)]
mod canary_tests;
mod complaints;
mod failure;
mod partial;
mod read;
mod redirect;
mod source;
mod trace;
mod transport;

use raccord_manifest::error::ReadError;
use raccord_manifest::service::Masks;
use serde_json::Value;

use crate::mask::Masker;

pub use read::{Task, read, violations};
pub use trace::Tell;
pub use transport::{HttpTransport, Limits};

/// A text without the secrets that a reading has used, in whatever spelling they stand in it.
fn masked(masks: &Masks, text: &str) -> String {
    masker(masks).mask(text)
}

fn masker(masks: &Masks) -> Masker {
    let mut masker = Masker::default();
    masks.each(|secret| masker.hide(secret));
    masker
}

/// The text of a state, which is kept and shown; it may not hold a credential. It would when a partition has the value of one, or
/// when the service repeats one where a cursor or a parent's key is read.
///
/// # Errors
/// When it holds one.
fn kept(state: &Value, masks: &Masks) -> Result<String, ReadError> {
    let text = state.to_string();
    if masker(masks).is_in(&text) {
        let why = "where this reading stands has the value of a credential (a partition, a parent's key or a cursor), \
                   and is not kept; let the partition have another value, and the credential be a part of the request";
        return Err(ReadError::Settings(why.to_owned()));
    }
    Ok(text)
}
