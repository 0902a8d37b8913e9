//! Signatures by HMAC: made over parts of a delivery, compared in constant time.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use raccord_model::language::webhook::HashAlgorithm;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Base64 as services write it: with padding or without.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret, ready to sign. Its debug form shows nothing of it.
#[derive(Clone)]
pub(super) enum Signer {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Signs with a key. HMAC takes one of any length, so there always is a signer for what is not empty.
    pub(super) fn new(algorithm: HashAlgorithm, key: &[u8]) -> Option<Self> {
        if key.is_empty() {
            return None;
        }
        match algorithm {
            HashAlgorithm::Sha1 => Hmac::new_from_slice(key).ok().map(Self::Sha1),
            HashAlgorithm::Sha256 => Hmac::new_from_slice(key).ok().map(Self::Sha256),
            HashAlgorithm::Sha512 => Hmac::new_from_slice(key).ok().map(Self::Sha512),
        }
    }

    /// Whether one of some signatures is right for what these parts are together.
    pub(super) fn has_signed(&self, parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
        match self {
            Self::Sha1(mac) => is_among(mac.clone(), parts, signatures),
            Self::Sha256(mac) => is_among(mac.clone(), parts, signatures),
            Self::Sha512(mac) => is_among(mac.clone(), parts, signatures),
        }
    }
}

fn is_among<M: Mac>(mut mac: M, parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
    for part in parts {
        mac.update(part);
    }
    let right = mac.finalize().into_bytes();
    // Every signature is looked at, and every byte of it: how long it takes says nothing.
    let mut found = subtle::Choice::from(0);
    for signature in signatures {
        found |= right.as_slice().ct_eq(signature.as_slice());
    }
    found.into()
}

/// The bytes that hexadecimal digits stand for, in either case.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(from_hex(b"00fF7a"), Some(vec![0, 255, 0x7a]));
        assert_eq!(from_hex(b""), Some(Vec::new()));
        for bad in ["0", "0g", "+1", "0x00", "\u{ff10}0"] {
            assert_eq!(from_hex(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_signature_is_right_as_a_whole_or_not_at_all() {
        // RFC 4231, test case 2; RFC 2202, test case 2.
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        for (algorithm, right) in [
            (HashAlgorithm::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (HashAlgorithm::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                HashAlgorithm::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let signer = Signer::new(algorithm, b"Jefe").unwrap();
            let right = from_hex(right.as_bytes()).unwrap();
            assert!(signer.has_signed(&parts, &[vec![], right.clone()]));
            let mut wrong = right.clone();
            wrong[0] ^= 1;
            let longer = [right.as_slice(), &[0]].concat();
            let shorter = right[..right.len() - 1].to_vec();
            assert!(!signer.has_signed(&parts, &[wrong, longer, shorter, vec![]]));
            assert!(!signer.has_signed(&parts[..1], &[right]));
        }
        assert!(Signer::new(HashAlgorithm::Sha256, b"").is_none());
    }
}
