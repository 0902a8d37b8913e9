//! How signatures are made and written: codes by HMAC, and text as RFC 3986 encodes it. Pure.

use hmac::{Hmac, KeyInit, Mac};
use raccord_model::language::webhook::HashAlgorithm;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// The code of a text; a key of any length will do.
pub(super) fn hmac(algorithm: HashAlgorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    match algorithm {
        HashAlgorithm::Sha1 => code(Hmac::<Sha1>::new_from_slice(key), text),
        HashAlgorithm::Sha256 => code(Hmac::<Sha256>::new_from_slice(key), text),
        HashAlgorithm::Sha512 => code(Hmac::<Sha512>::new_from_slice(key), text),
    }
}

fn code<M: Mac, E>(mac: Result<M, E>, text: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = mac else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// All but letters, digits and `-._~` as `%` and two digits (RFC 3986).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}
