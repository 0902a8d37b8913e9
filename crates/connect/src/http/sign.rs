//! Signatures over requests: the kind that an authorization wants, and the nonce that makes each one different.

use jiff::Timestamp;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;

use super::hmac::HmacKeys;
use super::oauth1::{OAuth1Keys, Stamp};
use super::sigv4::AwsKeys;

/// What signs requests. Its debug form shows no secret.
#[derive(Debug)]
pub(crate) enum Signer {
    OAuth1(Box<OAuth1Keys>),
    Hmac(Box<HmacKeys>),
    Aws(Box<AwsKeys>),
}

impl Signer {
    /// Whether both sign alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OAuth1(keys), Self::OAuth1(others)) => keys.is_same(others),
            (Self::Hmac(keys), Self::Hmac(others)) => keys.is_same(others),
            (Self::Aws(keys), Self::Aws(others)) => keys.is_same(others),
            (Self::OAuth1(_) | Self::Hmac(_) | Self::Aws(_), _) => false,
        }
    }

    /// The query parameters that signing adds.
    pub(crate) fn parameters(&self) -> Vec<&str> {
        match self {
            Self::Hmac(keys) => keys.spec.parameters(),
            Self::OAuth1(_) | Self::Aws(_) => Vec::new(),
        }
    }

    /// Signs a request that is complete. No other request has its number.
    pub(crate) fn sign(&self, request: &mut Request, now: Timestamp, number: u64) {
        let nonce = self.nonce(now, number);
        let stamp = Stamp { seconds: now.as_second(), nonce: &nonce };
        match self {
            Self::Hmac(keys) => keys.sign(request, now, stamp),
            Self::Aws(keys) => keys.sign(request, now),
            Self::OAuth1(keys) => {
                let signed = keys.sign(request.method(), request.url(), stamp);
                if let Ok(mut value) = HeaderValue::from_str(signed.expose_secret()) {
                    value.set_sensitive(true);
                    request.headers_mut().insert(AUTHORIZATION, value);
                }
            }
        }
    }

    /// What differs from one request to the next, and cannot be guessed.
    fn nonce(&self, now: Timestamp, number: u64) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("raccord 2026 nonce of a request");
        hasher.update(format!("{now} {number} ").as_bytes());
        match self {
            Self::OAuth1(keys) => hasher.update(keys.token_secret.expose_secret().as_bytes()),
            Self::Hmac(keys) => hasher.update(keys.secret.expose_secret()),
            Self::Aws(keys) => hasher.update(keys.secret.expose_secret().as_bytes()),
        };
        data_encoding::HEXLOWER.encode(&hasher.finalize().as_bytes()[..16])
    }
}
