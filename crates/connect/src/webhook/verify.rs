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
use raccord_model::port::webhook::{
    Delivery, MAX_SIGNATURES, Refused, STRIPE, SignatureHeaders, Verifier, single,
};
use raccord_model::secret::{SecretError, SecretRef, Secrets};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;

use super::authentic::Credential;
use super::signature::{BASE64, Signer, from_hex};
use crate::secret::{SecretReader, unusable};
use base64::Engine;

/// What deliveries of one source are verified with. Its debug form shows no secret.
#[derive(Debug, Clone)]
pub(crate) struct SecretVerifier {
    way: Way,
    signature: Option<SignatureHeaders>,
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

impl SecretVerifier {
    /// Reads the secrets that a webhook is verified with.
    pub(crate) fn new(verify: &VerifySpec, secrets: &SecretReader) -> Result<Self, SecretError> {
        let invalid =
            |why: &str| SecretError::Unusable { reference: "webhook.verify".to_owned(), why: why.to_owned() };
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
}

impl Verifier for SecretVerifier {
    fn wants_signature(&self) -> bool {
        self.signature.is_some()
    }

    fn admit(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refused> {
        match (&self.way, &self.signature) {
            (Way::Credential(credential), _) => credential.verify(headers, query),
            (_, Some(signature)) => signature.are_in(headers),
            (_, None) => Ok(()),
        }
    }

    fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Refused> {
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
) -> Result<Vec<Signer>, SecretError> {
    let signer = |reference: &SecretRef| {
        let secret = secrets.read_at_hand(reference)?;
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
