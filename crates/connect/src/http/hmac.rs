//! `type: hmac`: a signature over parts of a request, put where the service looks for it. Pure; the time and the nonce are
//! passed in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use raccord_compiler::signing::{RequestPart, RequestText};
use raccord_model::language::authorization::{HmacSigning, RequestTimeFormat};
use raccord_model::language::webhook::{HashAlgorithm, SignatureEncoding};
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use url::Url;

use super::encoding::{encoded, hmac};
use super::oauth1::Stamp;

/// A secret and how it signs.
#[derive(Debug, Clone)]
pub(crate) struct HmacKeys {
    pub(crate) spec: HmacSigning,
    pub(crate) signed: RequestText,
    pub(crate) prefix: RequestText,
    pub(crate) key: SecretString,
    pub(crate) secret: SecretSlice<u8>,
}

/// What the parts of one request are, beside the request itself.
struct Values<'a> {
    time: String,
    stamp: Stamp<'a>,
    body_hash: String,
}

impl HmacKeys {
    /// Whether both sign alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.spec == other.spec
            && self.key.expose_secret() == other.key.expose_secret()
            && self.secret.expose_secret() == other.secret.expose_secret()
    }

    /// Signs a request that is complete. What cannot stand in a header is left out.
    pub(crate) fn sign(&self, request: &mut Request, now: Timestamp, stamp: Stamp<'_>) {
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let values = Values { time: self.time(now), stamp, body_hash: self.hash(body) };
        if let Some(time) = &self.spec.timestamp {
            put(request, (time.header.as_ref(), time.query.as_ref()), &values.time);
        }
        if let Some(nonce) = &self.spec.nonce {
            put(request, (nonce.header.as_ref(), nonce.query.as_ref()), stamp.nonce);
        }
        put(request, (self.spec.body_hash.as_ref(), None), &values.body_hash);
        let text = self.text(&self.signed, request, &values);
        let signature = self.written(&hmac(self.spec.algorithm, self.secret.expose_secret(), &text));
        let prefix = String::from_utf8(self.text(&self.prefix, request, &values)).unwrap_or_default();
        let header = self.spec.header.as_ref();
        put(request, (header, self.spec.query.as_ref()), &format!("{prefix}{signature}"));
    }

    fn time(&self, now: Timestamp) -> String {
        let time = self.spec.timestamp.clone().unwrap_or_default();
        let ahead = jiff::SignedDuration::from_secs(time.ahead.unwrap_or_default().signed());
        let now = now.checked_add(ahead).unwrap_or(now);
        match time.format {
            RequestTimeFormat::Seconds => now.as_second().to_string(),
            RequestTimeFormat::Milliseconds => now.as_millisecond().to_string(),
            RequestTimeFormat::Rfc3339 => printed(now, 0),
            RequestTimeFormat::Rfc3339Milliseconds => printed(now, 3),
            RequestTimeFormat::Http => {
                std::time::SystemTime::try_from(now).map(httpdate::fmt_http_date).unwrap_or_default()
            }
        }
    }

    fn hash(&self, body: &[u8]) -> String {
        match self.spec.algorithm {
            HashAlgorithm::Sha1 => self.written(&Sha1::digest(body)),
            HashAlgorithm::Sha256 => self.written(&Sha256::digest(body)),
            HashAlgorithm::Sha512 => self.written(&Sha512::digest(body)),
        }
    }

    fn written(&self, bytes: &[u8]) -> String {
        match self.spec.encoding {
            SignatureEncoding::Hex => HEXLOWER.encode(bytes),
            SignatureEncoding::Base64 => STANDARD.encode(bytes),
        }
    }

    fn text(&self, text: &RequestText, request: &Request, values: &Values<'_>) -> Vec<u8> {
        let mut signed = Vec::new();
        let url = request.url();
        for part in &text.0 {
            match part {
                RequestPart::Text(text) => signed.extend_from_slice(text.as_bytes()),
                RequestPart::Method => signed.extend_from_slice(request.method().as_str().as_bytes()),
                RequestPart::Host => signed.extend_from_slice(host(url).as_bytes()),
                RequestPart::Path => signed.extend_from_slice(url.path().as_bytes()),
                RequestPart::Query => signed.extend_from_slice(url.query().unwrap_or_default().as_bytes()),
                RequestPart::SortedQuery => signed.extend_from_slice(sorted_query(url).as_bytes()),
                RequestPart::PathAndQuery => {
                    signed.extend_from_slice(
                        url[url::Position::BeforePath..url::Position::AfterQuery].as_bytes(),
                    );
                }
                RequestPart::Url => {
                    signed.extend_from_slice(url[..url::Position::AfterQuery].as_bytes());
                }
                RequestPart::Body => {
                    let body = request.body().and_then(reqwest::Body::as_bytes);
                    signed.extend_from_slice(body.unwrap_or_default());
                }
                RequestPart::BodyHash => signed.extend_from_slice(values.body_hash.as_bytes()),
                RequestPart::Timestamp => signed.extend_from_slice(values.time.as_bytes()),
                RequestPart::Nonce => signed.extend_from_slice(values.stamp.nonce.as_bytes()),
                RequestPart::Secret => signed.extend_from_slice(self.secret.expose_secret()),
                RequestPart::Key => signed.extend_from_slice(self.key.expose_secret().as_bytes()),
                RequestPart::Header(name) => {
                    let value = request.headers().get(name.as_str());
                    signed.extend_from_slice(value.map(HeaderValue::as_bytes).unwrap_or_default());
                }
            }
        }
        signed
    }
}

/// Puts a value into a header, or at the end of the query.
fn put(request: &mut Request, (header, query): (Option<&String>, Option<&String>), value: &str) {
    let header = header.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    if let (Some(name), Ok(mut value)) = (header, HeaderValue::from_str(value)) {
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    if let Some(name) = query {
        request.url_mut().query_pairs_mut().append_pair(name, value);
    }
}

fn printed(now: Timestamp, precision: u8) -> String {
    DateTimePrinter::new().precision(Some(precision)).timestamp_to_string(&now)
}

/// The host as the header `Host` has it.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The parameters in the order of their names, then of their values.
pub(super) fn sorted_query(url: &Url) -> String {
    let pairs = url.query_pairs();
    let mut pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request as it is after signing at a time: its URL from the path on, and one of its headers.
    fn check_at(
        milliseconds: i64,
        spec: serde_json::Value,
        (method, url, body): (&str, &str, &str),
        secrets: (&str, &[u8]),
        (target, header, value): (&str, &str, &str),
    ) {
        let spec: HmacSigning = serde_json::from_value(spec).unwrap();
        let keys = HmacKeys {
            signed: RequestText::parse(&spec.signed).unwrap(),
            prefix: RequestText::parse(spec.prefix.as_deref().unwrap_or_default()).unwrap(),
            spec,
            key: secrets.0.into(),
            secret: secrets.1.to_vec().into(),
        };
        let mut request = Request::new(method.parse().unwrap(), url.parse().unwrap());
        if !body.is_empty() {
            *request.body_mut() = Some(body.to_owned().into());
        }
        let now = Timestamp::from_millisecond(milliseconds).unwrap();
        keys.sign(&mut request, now, Stamp { seconds: now.as_second(), nonce: "n0nce" });
        assert_eq!(&request.url()[url::Position::BeforePath..], target);
        if !header.is_empty() {
            assert_eq!(request.headers()[header], value);
        }
        assert!(!format!("{keys:?}").contains("NhqPtmdS"));
    }

    /// The example of Binance's documentation of signed endpoints, with its keys.
    #[test]
    fn a_query_is_signed_as_binance_documents_it() {
        check_at(
            1_499_827_319_559,
            serde_json::json!({
                "secret": "${env:S}", "signed": "{query}{body}", "query": "signature",
                "timestamp": {"query": "timestamp", "format": "milliseconds"}
            }),
            (
                "POST",
                "https://api.binance.com/api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
                 &recvWindow=5000",
                "",
            ),
            ("", b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"),
            (
                "/api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000\
                 &timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
                "",
                "",
            ),
        );
    }

    /// The examples of `BitMEX`'s documentation of its API keys: when the request ends is signed and sent.
    #[test]
    fn a_request_that_ends_is_signed_as_bitmex_documents_it() {
        let spec = serde_json::json!({
            "key": "LAqUlngMIQkIUjXMUreyu3qn", "secret": "${env:S}", "signed": "{method}{pathAndQuery}{timestamp}{body}",
            "header": "api-signature", "timestamp": {"header": "api-expires", "ahead": "60s"}
        });
        let secrets = ("LAqUlngMIQkIUjXMUreyu3qn", &b"chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"[..]);
        let order =
            r#"{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}"#;
        for (expires, request, target, signature) in [
            (
                1_518_064_236,
                ("GET", "https://www.bitmex.com/api/v1/instrument", ""),
                "/api/v1/instrument",
                "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
            ),
            (
                1_518_064_237,
                (
                    "GET",
                    "https://www.bitmex.com/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D",
                    "",
                ),
                "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D",
                "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
            ),
            (
                1_518_064_238,
                ("POST", "https://www.bitmex.com/api/v1/order", order),
                "/api/v1/order",
                "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
            ),
        ] {
            let expected = (target, "api-signature", signature);
            check_at((expires - 60) * 1_000, spec.clone(), request, secrets, expected);
        }
    }

    /// The example of Coinlocally's documentation.
    #[test]
    fn a_body_is_signed_as_coinlocally_documents_it() {
        let body = r#"{"symbol":"BTCUSDT","price":"9300","volume":"1","side":"BUY","type":"LIMIT"}"#;
        check_at(
            1_588_591_856_950,
            serde_json::json!({
                "secret": "${env:S}", "signed": "{timestamp}{method}{path}{body}", "header": "X-CH-SIGN",
                "timestamp": {"header": "X-CH-TS", "format": "milliseconds"}
            }),
            ("POST", "https://openapi.coinlocally.com/sapi/v1/order/test", body),
            ("", b"902ae3cb34ecee2779aa4d3e1d226686"),
            (
                "/sapi/v1/order/test",
                "x-ch-sign",
                "c50d0a74bb9427a9a03933d0eded03af9bf50115dc5b706882a4fcf07a26b761",
            ),
        );
    }

    /// The scheme of Azure App Configuration as its documentation has it; the code was computed by Python's `hmac`.
    #[test]
    fn headers_are_signed_as_azure_documents_it() {
        check_at(
            1_526_064_516_000,
            serde_json::json!({
                "key": "id", "secret": "${env:S}", "encoding": "base64", "header": "Authorization",
                "signed": "{method}\n{pathAndQuery}\n{timestamp};{host};{bodyHash}", "bodyHash": "x-ms-content-sha256",
                "timestamp": {"header": "x-ms-date", "format": "http"},
                "prefix": "HMAC-SHA256 Credential={key}&SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
            }),
            ("GET", "https://contoso.azconfig.io/kv?fields=*&api-version=1.0", ""),
            ("id", b"secret-of-azure"),
            (
                "/kv?fields=*&api-version=1.0",
                "authorization",
                "HMAC-SHA256 Credential=id&SignedHeaders=x-ms-date;host;x-ms-content-sha256\
                 &Signature=WED7/dNzkh3XuSgGqXW9l/XBnag/0RPvc0piV5NQcY0=",
            ),
        );
    }

    #[test]
    fn every_part_of_a_request_can_be_signed() {
        let spec: HmacSigning =
            serde_json::from_value(serde_json::json!({"secret": "${env:S}", "signed": "", "header": "x"}))
                .unwrap();
        let keys = HmacKeys {
            signed: RequestText::parse("").unwrap(),
            prefix: RequestText::parse("").unwrap(),
            spec,
            key: "me".into(),
            secret: b"s3".to_vec().into(),
        };
        let url = "https://x.example:8443/a%20b/c?z=1&a=b+c&a=%2F#f".parse().unwrap();
        let mut request = Request::new(reqwest::Method::POST, url);
        *request.body_mut() = Some("body".into());
        request.headers_mut().insert("x-a", HeaderValue::from_static("1"));
        let stamp = Stamp { seconds: 0, nonce: "n" };
        let values = Values { time: "t".to_owned(), stamp, body_hash: "h".to_owned() };
        for (written, expected) in [
            ("{method} {host} {path}", "POST x.example:8443 /a%20b/c"),
            ("{query}", "z=1&a=b+c&a=%2F"),
            ("{sortedQuery}", "a=%2F&a=b%20c&z=1"),
            ("{pathAndQuery}", "/a%20b/c?z=1&a=b+c&a=%2F"),
            ("{url}", "https://x.example:8443/a%20b/c?z=1&a=b+c&a=%2F"),
            ("{body} {bodyHash} {timestamp} {nonce}", "body h t n"),
            ("{key} {secret} {header.X-A}{header.X-B}", "me s3 1"),
        ] {
            let text = RequestText::parse(written).unwrap();
            assert_eq!(
                String::from_utf8(keys.text(&text, &request, &values)).unwrap(),
                expected,
                "{written}"
            );
        }
    }

    #[test]
    fn the_time_is_written_as_services_want_it() {
        let now = Timestamp::from_millisecond(1_796_117_400_250).unwrap();
        for (format, expected) in [
            ("seconds", "1796117400"),
            ("milliseconds", "1796117400250"),
            ("rfc3339", "2026-12-01T09:30:00Z"),
            ("rfc3339Milliseconds", "2026-12-01T09:30:00.250Z"),
            ("http", "Tue, 01 Dec 2026 09:30:00 GMT"),
        ] {
            let spec = serde_json::json!({
                "secret": "${env:S}", "signed": "", "query": "s", "timestamp": {"header": "x-time", "format": format}
            });
            let spec: HmacSigning = serde_json::from_value(spec).unwrap();
            let keys = HmacKeys {
                signed: RequestText::parse("").unwrap(),
                prefix: RequestText::parse("").unwrap(),
                spec,
                key: "".into(),
                secret: b"s".to_vec().into(),
            };
            assert_eq!(keys.time(now), expected);
        }
    }
}
