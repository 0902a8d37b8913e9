//! Connectors in Airbyte's low-code language over HTTP: the way to the service that a manifest's reading needs, and a
//! reading from end to end. What a manifest means is the business of the crate `raccord-manifest`.

#[cfg(test)]
mod canary_tests;
mod failure;
mod read;
mod redirect;
mod source;
mod trace;
mod transport;

use raccord_manifest::service::Masks;

use crate::mask::Masker;

pub use read::{Task, read, violations};
pub use trace::Tell;
pub use transport::{HttpTransport, Limits};

/// A text without the secrets that a reading has used, in whatever spelling they stand in it.
fn masked(masks: &Masks, text: &str) -> String {
    let mut masker = Masker::default();
    masks.each(|secret| masker.hide(secret));
    masker.mask(text)
}
