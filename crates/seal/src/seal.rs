//! The form in which a secret is kept: what may be known of it, and the sealed rest.
//!
//! Sealing is XChaCha20-Poly1305 with a random nonce. What is sealed is bound to the state, the Authorization and the
//! revision: copied to another place it does not open. Pure; nonce and key are passed in.

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead as _, Payload};
use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::port::vault::Revision;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::key::{KeyId, SealingKey};

/// What is kept is not the sealed form of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret cannot be read")]
pub struct NotSealed;

/// The version of the form: the first byte of what is kept.
const VERSION: u8 = 1;

/// How many bytes a nonce has.
pub const NONCE: usize = 24;

/// Whose secret it is, in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The lineage of the state.
    pub lineage: Uuid,
    /// The Authorization.
    pub authorization: Uid,
}

/// What may be known of a secret without its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which of the secrets of its Authorization it is.
    pub revision: Revision,
    /// Since when it is kept.
    pub replaced_at: Timestamp,
    /// The key that it is sealed with.
    pub key_id: KeyId,
}

impl Header {
    /// The version, the revision, the instant, the key's identity: each of its fixed length.
    fn encode(&self) -> Vec<u8> {
        let (revision, time) = (self.revision.0.to_be_bytes(), time(self.replaced_at));
        let parts: [&[u8]; 4] = [&[VERSION], &revision, &time, &self.key_id.0];
        parts.concat()
    }

    /// What is proved along with the secret: whose it is, and all that is told of it.
    fn associated(&self, owner: &Owner) -> Vec<u8> {
        let parts: [&[u8]; 4] =
            [b"raccord vault", owner.lineage.as_bytes(), owner.authorization.0.as_bytes(), &self.encode()];
        parts.concat()
    }
}

/// A secret as it is kept: its header, the nonce, then the ciphertext with its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What may be known of it.
    pub header: Header,
    nonce: [u8; NONCE],
    ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads what may be known of it.
    ///
    /// # Errors
    /// When the bytes are not of a form that this version knows.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, NotSealed> {
        let mut at = Reader(bytes);
        if at.take(1)? != [VERSION] {
            return Err(NotSealed);
        }
        let revision = Revision(u64::from_be_bytes(array(&mut at)?));
        let replaced_at = instant(array(&mut at)?).ok_or(NotSealed)?;
        let header = Header { revision, replaced_at, key_id: KeyId(array(&mut at)?) };
        Ok(Self { header, nonce: array(&mut at)?, ciphertext: at.0 })
    }

    /// The secret; none when it was sealed for another owner or with another key, or is not what was sealed.
    pub fn open(&self, key: &SealingKey, owner: &Owner) -> Option<SecretString> {
        let associated = self.header.associated(owner);
        let payload = Payload { msg: self.ciphertext, aad: &associated };
        let plain = Zeroizing::new(key.cipher.decrypt(&XNonce::from(self.nonce), payload).ok()?);
        std::str::from_utf8(&plain).ok().map(SecretString::from)
    }
}

/// Reads from the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], NotSealed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(NotSealed)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// The bytes of an instant, to the microsecond; they compare like the instant.
fn time(at: Timestamp) -> [u8; 8] {
    (at.as_microsecond() ^ i64::MIN).to_be_bytes()
}

/// The instant of such bytes; none for an instant that no calendar has.
fn instant(bytes: [u8; 8]) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::from_be_bytes(bytes) ^ i64::MIN).ok()
}

fn array<const N: usize>(at: &mut Reader<'_>) -> Result<[u8; N], NotSealed> {
    at.take(N)?.try_into().map_err(|_| NotSealed)
}

/// A secret that is to be sealed.
#[derive(Debug)]
pub struct Plain<'a> {
    /// Whose it is.
    pub owner: Owner,
    /// Which it will be.
    pub revision: Revision,
    /// The present.
    pub now: Timestamp,
    /// The secret itself.
    pub secret: &'a SecretString,
}

impl Plain<'_> {
    /// Seals it. The nonce must never have been used with the key. None when the cipher refuses the length, which it
    /// does from many gigabytes on.
    pub fn seal(&self, key: &SealingKey, nonce: [u8; NONCE]) -> Option<Vec<u8>> {
        let header = Header { revision: self.revision, replaced_at: self.now, key_id: key.id };
        let associated = header.associated(&self.owner);
        let payload = Payload { msg: self.secret.expose_secret().as_bytes(), aad: &associated };
        let ciphertext = key.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([header.encode().as_slice(), &nonce, &ciphertext].concat())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner(lineage: u128, authorization: u128) -> Owner {
        Owner { lineage: Uuid::from_u128(lineage), authorization: Uid(Uuid::from_u128(authorization)) }
    }

    fn at() -> Timestamp {
        Timestamp::from_microsecond(1_700_000_000_123_456).unwrap()
    }

    fn sealed(text: &str, key: &SealingKey, nonce: [u8; NONCE]) -> Vec<u8> {
        let plain = Plain { owner: owner(1, 2), revision: Revision(3), now: at(), secret: &text.into() };
        plain.seal(key, nonce).unwrap()
    }

    fn opened(bytes: &[u8], key: &SealingKey, owner: &Owner) -> Option<String> {
        let secret = Sealed::decode(bytes).ok()?.open(key, owner)?;
        Some(secret.expose_secret().to_owned())
    }

    /// The example A.3.1 of draft-irtf-cfrg-xchacha-03. What was sealed must open for ever, so the cipher must be
    /// that one.
    #[test]
    fn the_cipher_is_the_one_of_the_draft() {
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let nonce: [u8; NONCE] = std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap());
        let message =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                        sunscreen would be it.";
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let payload = Payload { msg: message, aad: &aad };
        let sealed = SealingKey::new(&key).cipher.encrypt(&XNonce::from(nonce), payload).unwrap();
        let (text, tag) = sealed.split_at(message.len());
        assert_eq!(text[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(
            tag,
            [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49]
        );
    }

    #[test]
    fn what_may_be_known_of_a_secret_is_read_without_the_key() {
        let key = SealingKey::new(&[7; 32]);
        let bytes = sealed("hunter2", &key, [1; NONCE]);
        let expected = Header { revision: Revision(3), replaced_at: at(), key_id: key.id };
        assert_eq!(Sealed::decode(&bytes).unwrap().header, expected);
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"));
        for cut in 0..expected.encode().len() + NONCE {
            assert!(Sealed::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(Sealed::decode(&[&[VERSION + 1], &bytes[1..]].concat()).is_err());
    }

    #[test]
    fn a_secret_opens_where_it_was_sealed_and_nowhere_else() {
        let key = SealingKey::new(&[7; 32]);
        let bytes = sealed("hunter2", &key, [1; NONCE]);
        let of_revision = |revision: u64| [&bytes[..1], &revision.to_be_bytes(), &bytes[9..]].concat();
        for (bytes, key, owner, expected) in [
            (&bytes, &key, owner(1, 2), Some("hunter2")),
            (&of_revision(3), &key, owner(1, 2), Some("hunter2")),
            (&of_revision(4), &key, owner(1, 2), None),
            (&bytes, &key, owner(9, 2), None),
            (&bytes, &key, owner(1, 9), None),
            (&bytes, &key, owner(2, 1), None),
            (&bytes, &SealingKey::new(&[8; 32]), owner(1, 2), None),
        ] {
            assert_eq!(opened(bytes, key, &owner).as_deref(), expected, "{owner:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_read_back(text in ".{0,80}", key: [u8; 32], nonce: [u8; NONCE]) {
            let key = SealingKey::new(&key);
            prop_assert_eq!(opened(&sealed(&text, &key, nonce), &key, &owner(1, 2)), Some(text));
        }

        #[test]
        fn a_bit_that_flips_is_noticed(text in ".{0,40}", bit: prop::sample::Index) {
            let key = SealingKey::new(&[7; 32]);
            let mut bytes = sealed(&text, &key, [1; NONCE]);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(opened(&bytes, &key, &owner(1, 2)), None);
        }
    }
}
