//! How states keep secrets: where the key of the vault is, and the sealed form of a secret.
//!
//! It is the one crate that knows the cipher, so that what one state has sealed opens in a copy of it elsewhere. It keeps
//! nothing itself, and never says a secret or a key.

mod key;
mod seal;

pub use key::{KeyId, Keyring, MakeFile, SealingKey};
pub use seal::{Header, NONCE, NotSealed, Owner, Plain, Sealed};
