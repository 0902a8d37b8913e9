//! Verifies deliveries: the secrets are read once, then each delivery is right or refused.
//!
//! Why one is refused is for our log alone; a stranger is told nothing, and how long it takes does not depend on
//! how much of a secret or signature was right.

use jiff::Timestamp;
use raccord_compiler::webhook::{SignedPart, SignedText};
use raccord_model::language::webhook::{
    HashAlgorithm, HmacSpec, Scheme, SecretEncoding, SignatureEncoding, StandardWebhooksSpec, StripeSpec,
    TimestampFormat, VerifySpec,
};
use raccord_model::port::source::SourceError;
use raccord_model::secret::{SecretRef, Secrets};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;

use super::authentic::{Credential, single};
use super::signature::{BASE64, Signer, from_hex};
use crate::secret::{SecretReader, unusable};
use base64::Engine;

/// How many signatures of one delivery are looked at; services send one for each secret that is in force.
const MAX_SIGNATURES: usize = 16;

/// Where Stripe puts its signatures.
const STRIPE: &str = "stripe-signature";

/// What arrived, as far as signatures are made over it.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte by byte as it came.
    pub body: &'a [u8],
    /// The URL as the service knows it: the Stack's `webhooks.url`, and the path after it.
    pub url: Option<&'a str>,
    /// The query of the URL, as it came.
    pub query: Option<&'a str>,
}

/// Why a delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header is missing.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// A header stands there more than once.
    #[error("the header `{0}` stands there more than once")]
    Doubled(String),
    /// A parameter of the query is missing.
    #[error("the parameter `{0}` is missing")]
    MissingParameter(String),
    /// A parameter of the query stands there more than once.
    #[error("the parameter `{0}` stands there more than once")]
    DoubledParameter(String),
    /// A header does not begin as it should.
    #[error("the header `{0}` does not begin with its prefix")]
    Prefix(String),
    /// A signature is not written as it should be.
    #[error("the header `{0}` holds no signature in the encoding that is expected")]
    Encoding(String),
    /// A header of signatures cannot be taken apart.
    #[error("the header `{0}` is not in the form that its scheme has")]
    Malformed(String),
    /// There is no signature of a version that we verify.
    #[error("the header `{header}` has no signature of version {version}")]
    Version {
        /// Which header.
        header: String,
        /// Which version is wanted.
        version: &'static str,
    },
    /// There are more signatures than secrets can be in force.
    #[error("the header `{0}` has more than {MAX_SIGNATURES} signatures")]
    TooMany(String),
    /// The time of the delivery is none.
    #[error("the time in the header `{0}` cannot be read")]
    Time(String),
    /// The delivery is older than the tolerance.
    #[error("the delivery is {0} s old")]
    TooOld(u64),
    /// The delivery is from later than the tolerance.
    #[error("the delivery is from {0} s in the future")]
    TooNew(u64),
    /// The URL is part of what is signed, and is not known.
    #[error("the URL is part of what is signed, but the Stack has no `webhooks.url`")]
    NoUrl,
    /// The signature, the token or the password is not right.
    #[error("the signature or the credential is not right")]
    Wrong,
}

/// What deliveries of one source are verified with. Its debug form shows no secret.
#[derive(Debug, Clone)]
pub struct Verifier {
    way: Way,
    signature: Option<SignatureHeaders>,
}

/// The headers in which a signature stands, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignatureHeaders(Vec<String>);

impl SignatureHeaders {
    /// Those of a webhook whose deliveries are signed; none of one that is proved by a credential.
    pub fn of(verify: &VerifySpec) -> Option<Self> {
        Some(Self(match verify.scheme()? {
            Scheme::Hmac(spec) => {
                let timestamp = spec.timestamp.as_ref().map(|timestamp| timestamp.header.clone());
                std::iter::once(spec.header.clone()).chain(timestamp).collect()
            }
            Scheme::Stripe(_) => vec![STRIPE.to_owned()],
            Scheme::StandardWebhooks(spec) => {
                let prefix = spec.header_prefix.to_ascii_lowercase();
                ["id", "timestamp", "signature"].map(|name| format!("{prefix}{name}")).to_vec()
            }
            Scheme::Bearer(_) | Scheme::Basic(_) | Scheme::ApiKey(_) | Scheme::Query(_) => return None,
        }))
    }

    /// Whether each of them is there, once.
    pub fn are_in(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.0.iter().try_for_each(|name| single(headers, name).map(drop))
    }
}

#[derive(Debug, Clone)]
enum Way {
    Hmac(Box<HmacWay>),
    Stripe { signers: Vec<Signer>, tolerance: u64 },
    StandardWebhooks { signers: Vec<Signer>, tolerance: u64, prefix: String },
    Credential(Credential),
}

#[derive(Debug, Clone)]
struct HmacWay {
    spec: HmacSpec,
    signed: SignedText,
    signers: Vec<Signer>,
}

impl Verifier {
    /// Reads the secrets that a webhook is verified with.
    pub fn new(verify: &VerifySpec, secrets: &SecretReader) -> Result<Self, SourceError> {
        let invalid =
            |why: &str| SourceError::Secret { reference: "webhook.verify".to_owned(), why: why.to_owned() };
        let scheme = verify.scheme().ok_or_else(|| invalid("names no scheme, or more than one"))?;
        let way = match scheme {
            Scheme::Hmac(spec) => {
                let signed = SignedText::parse(spec.signed());
                let signed = signed.map_err(|error| invalid(&format!("has a signed text that {error}")))?;
                let signers = signers(&spec.secret, secrets, spec.algorithm, |secret| {
                    decode(secret, spec.secret_encoding)
                })?;
                Way::Hmac(Box::new(HmacWay { spec: spec.clone(), signed, signers }))
            }
            Scheme::Stripe(StripeSpec { secret, tolerance }) => {
                let plain = |secret: &str| Some(secret.as_bytes().to_vec());
                let signers = signers(secret, secrets, HashAlgorithm::Sha256, plain)?;
                Way::Stripe { signers, tolerance: tolerance.0 }
            }
            Scheme::StandardWebhooks(StandardWebhooksSpec { secret, tolerance, header_prefix }) => {
                let key = |secret: &str| BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok();
                let signers = signers(secret, secrets, HashAlgorithm::Sha256, key)?;
                let prefix = header_prefix.to_ascii_lowercase();
                Way::StandardWebhooks { signers, tolerance: tolerance.0, prefix }
            }
            Scheme::Bearer(token) => Way::Credential(Credential::bearer(token, secrets)?),
            Scheme::Basic(basic) => Way::Credential(Credential::basic(basic, secrets)?),
            Scheme::ApiKey(key) => Way::Credential(Credential::api_key(key, secrets)?),
            Scheme::Query(key) => Way::Credential(Credential::query(key, secrets)?),
        };
        Ok(Self { way, signature: SignatureHeaders::of(verify) })
    }

    /// Whether what proves a delivery is a signature of it, and no credential.
    pub const fn wants_signature(&self) -> bool {
        self.signature.is_some()
    }

    /// Whether a delivery can be the service's own, as far as its headers and its query show it. A credential is proved by
    /// them; of a signature they only show that there is one.
    pub fn admit(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refused> {
        match (&self.way, &self.signature) {
            (Way::Credential(credential), _) => credential.verify(headers, query),
            (_, Some(signature)) => signature.are_in(headers),
            (_, None) => Ok(()),
        }
    }

    /// Whether a delivery is the service's own. `now` is our clock's.
    pub fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Refused> {
        match &self.way {
            Way::Hmac(way) => way.verify(delivery, now),
            Way::Stripe { signers, tolerance } => verify_stripe(signers, *tolerance, delivery, now),
            Way::StandardWebhooks { signers, tolerance, prefix } => {
                verify_standard(signers, *tolerance, prefix, delivery, now)
            }
            Way::Credential(credential) => credential.verify(delivery.headers, delivery.query),
        }
    }
}

/// A signer for each secret that is accepted.
fn signers(
    references: &Secrets,
    secrets: &SecretReader,
    algorithm: HashAlgorithm,
    key: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<Signer>, SourceError> {
    let signer = |reference: &SecretRef| {
        let secret = secrets.read(reference)?;
        let key = key(secret.expose_secret()).map(secrecy::SecretSlice::from);
        let signer = key.and_then(|key| Signer::new(algorithm, key.expose_secret()));
        signer.ok_or_else(|| unusable(reference, "is not a key in the encoding that is expected"))
    };
    references.0.iter().map(signer).collect()
}

fn decode(secret: &str, encoding: SecretEncoding) -> Option<Vec<u8>> {
    match encoding {
        SecretEncoding::Text => Some(secret.as_bytes().to_vec()),
        SecretEncoding::Hex => from_hex(secret.as_bytes()),
        SecretEncoding::Base64 => BASE64.decode(secret).ok(),
    }
}

/// Whether any of the secrets made any of the signatures.
fn check(signers: &[Signer], parts: &[&[u8]], signatures: &[Vec<u8>]) -> Result<(), Refused> {
    let right = signers.iter().filter(|signer| signer.has_signed(parts, signatures)).count();
    if right > 0 { Ok(()) } else { Err(Refused::Wrong) }
}

impl HmacWay {
    fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Refused> {
        let header = &self.spec.header;
        let value = single(delivery.headers, header)?;
        let prefix = self.spec.prefix.as_deref().unwrap_or_default().as_bytes();
        let value = value.strip_prefix(prefix).ok_or_else(|| Refused::Prefix(header.clone()))?;
        let signature = match self.spec.encoding {
            SignatureEncoding::Hex => from_hex(value),
            SignatureEncoding::Base64 => BASE64.decode(value).ok(),
        };
        let signature = signature.ok_or_else(|| Refused::Encoding(header.clone()))?;
        let mut timestamp: &[u8] = &[];
        if let Some(spec) = &self.spec.timestamp {
            timestamp = single(delivery.headers, &spec.header)?;
            let time = instant(timestamp, spec.format);
            let time = time.ok_or_else(|| Refused::Time(spec.header.clone()))?;
            check_time(time, spec.tolerance.0, now)?;
        }
        let part = |part| match part {
            &SignedPart::Body => Ok(delivery.body),
            &SignedPart::Timestamp => Ok(timestamp),
            SignedPart::Text(text) => Ok(text.as_bytes()),
            SignedPart::Header(name) => single(delivery.headers, name),
            &SignedPart::Url => delivery.url.map(str::as_bytes).ok_or(Refused::NoUrl),
        };
        let parts: Vec<&[u8]> = self.signed.0.iter().map(part).collect::<Result<_, _>>()?;
        check(&self.signers, &parts, &[signature])
    }
}

/// `Stripe-Signature: t=…,v1=…,v1=…,v0=…`: one time, and a signature for each secret and version.
fn verify_stripe(
    signers: &[Signer],
    tolerance: u64,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let header = || STRIPE.to_owned();
    let value = single(delivery.headers, STRIPE)?;
    let (mut time, mut signatures) = (None, Vec::new());
    for part in value.split(|byte| *byte == b',') {
        let at = part.iter().position(|byte| *byte == b'=').ok_or_else(|| Refused::Malformed(header()))?;
        let (name, value) = (part[..at].trim_ascii(), &part[at + 1..]);
        if name == b"t" && time.replace(value).is_some() {
            return Err(Refused::Malformed(header()));
        }
        if name == b"v1" {
            signatures.push(value);
        }
    }
    let time = time.ok_or_else(|| Refused::Malformed(header()))?;
    let instant = instant(time, TimestampFormat::Unix).ok_or_else(|| Refused::Time(header()))?;
    let signatures = decoded(&signatures, STRIPE, from_hex)?;
    check_time(instant, tolerance, now)?;
    check(signers, &[time, b".", delivery.body], &signatures)
}

/// Standard Webhooks: `{id}.{timestamp}.{body}`, and a list of signatures separated by spaces.
fn verify_standard(
    signers: &[Signer],
    tolerance: u64,
    prefix: &str,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let [id, time, list] = ["id", "timestamp", "signature"].map(|name| format!("{prefix}{name}"));
    let id = single(delivery.headers, &id)?;
    let timestamp = single(delivery.headers, &time)?;
    let signatures = single(delivery.headers, &list)?;
    let instant = instant(timestamp, TimestampFormat::Unix).ok_or(Refused::Time(time))?;
    let all = signatures.split(|byte| *byte == b' ');
    let known: Vec<&[u8]> = all.filter_map(|signature| signature.strip_prefix(b"v1,")).collect();
    let signatures = decoded(&known, &list, |signature| BASE64.decode(signature).ok())?;
    check_time(instant, tolerance, now)?;
    check(signers, &[id, b".", timestamp, b".", delivery.body], &signatures)
}

/// The signatures of version 1, of which there must be some and not too many.
fn decoded(
    written: &[&[u8]],
    header: &str,
    decode: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Refused> {
    if written.is_empty() {
        return Err(Refused::Version { header: header.to_owned(), version: "v1" });
    }
    if written.len() > MAX_SIGNATURES {
        return Err(Refused::TooMany(header.to_owned()));
    }
    // One that cannot be read is not the right one; another may be.
    let signatures: Vec<_> = written.iter().filter_map(|signature| decode(signature)).collect();
    if signatures.is_empty() { Err(Refused::Encoding(header.to_owned())) } else { Ok(signatures) }
}

/// The instant that a header names.
fn instant(written: &[u8], format: TimestampFormat) -> Option<Timestamp> {
    let text = std::str::from_utf8(written).ok()?;
    let number = || {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse::<i64>().ok() } else { None }
    };
    match format {
        TimestampFormat::Unix => Timestamp::from_second(number()?).ok(),
        TimestampFormat::UnixMillis => Timestamp::from_millisecond(number()?).ok(),
        TimestampFormat::Rfc3339 => text.parse().ok(),
    }
}

fn check_time(time: Timestamp, tolerance: u64, now: Timestamp) -> Result<(), Refused> {
    let age = now.duration_since(time);
    let seconds = age.unsigned_abs().as_secs();
    // The fraction counts: what is five minutes and a half second old is too old for five minutes.
    let is_beyond = age.unsigned_abs() > std::time::Duration::from_secs(tolerance);
    match (is_beyond, age.is_negative()) {
        (false, _) => Ok(()),
        (true, false) => Err(Refused::TooOld(seconds)),
        (true, true) => Err(Refused::TooNew(seconds)),
    }
}
