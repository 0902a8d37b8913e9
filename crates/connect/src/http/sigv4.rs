//! `type: awsSigV4`: Amazon's Signature Version 4 in the header `Authorization`. Pure; the time is passed in.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use raccord_model::language::webhook::HashAlgorithm;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use super::encoding::{encoded, hmac};
use super::hmac::{host, sorted_query};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The keys of an account, and what they sign for.
#[derive(Debug, Clone)]
pub(crate) struct AwsKeys {
    pub(crate) id: SecretString,
    pub(crate) secret: SecretString,
    pub(crate) token: Option<SecretString>,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl AwsKeys {
    /// Whether both sign alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parts = |keys: &Self| {
            let token = keys.token.as_ref().map(|token| token.expose_secret().to_owned());
            (keys.id.expose_secret().to_owned(), keys.secret.expose_secret().to_owned(), token)
        };
        parts(self) == parts(other) && (&self.region, &self.service) == (&other.region, &other.service)
    }

    /// Signs a request that is complete.
    pub(crate) fn sign(&self, request: &mut Request, now: Timestamp) {
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let content = HEXLOWER
            .encode(&Sha256::digest(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default()));
        put(request, DATE, &time);
        if let Some(token) = &self.token {
            put(request, TOKEN, token.expose_secret());
        }
        if self.is_storage() {
            put(request, CONTENT, &content);
        }
        let (names, headers) = headers(request);
        let path = self.path(request.url());
        let query = sorted_query(request.url());
        let canonical =
            format!("{}\n{path}\n{query}\n{headers}\n{names}\n{content}", request.method().as_str());
        let scope = format!("{}/{}/{}/aws4_request", &time[..8], self.region, self.service);
        let hash = HEXLOWER.encode(&Sha256::digest(canonical.as_bytes()));
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{hash}");
        let signature = HEXLOWER.encode(&code(&self.key(&time[..8]), &text));
        let id = self.id.expose_secret();
        put(
            request,
            AUTHORIZATION,
            &format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"),
        );
    }

    /// S3 wants the hash of the content in a header, and its paths as they are.
    fn is_storage(&self) -> bool {
        self.service == "s3"
    }

    /// The path, each part encoded once more where the service is not S3.
    fn path(&self, url: &Url) -> String {
        if self.is_storage() {
            return url.path().to_owned();
        }
        let parts: Vec<String> = url.path().split('/').map(encoded).collect();
        parts.join("/")
    }

    /// The key of one day, region and service.
    fn key(&self, day: &str) -> Vec<u8> {
        let start = SecretString::from(format!("AWS4{}", self.secret.expose_secret()));
        [day, &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(start.expose_secret().as_bytes().to_vec(), |key, text| code(&key, text))
    }
}

fn code(key: &[u8], text: &str) -> Vec<u8> {
    hmac(HashAlgorithm::Sha256, key, text.as_bytes())
}

fn put(request: &mut Request, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
}

/// The names of the headers that are signed, and these headers, a line each.
fn headers(request: &Request) -> (String, String) {
    let mut signed = vec![("host".to_owned(), host(request.url()))];
    for (name, value) in request.headers() {
        if name == CONTENT_TYPE || name.as_str().starts_with("x-amz-") {
            let words = String::from_utf8_lossy(value.as_bytes());
            let words: Vec<&str> = words.split_whitespace().collect();
            signed.push((name.as_str().to_owned(), words.join(" ")));
        }
    }
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
    let lines = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    (names.join(";"), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature, and which headers it is over, at 2015-08-30T12:36:00Z.
    fn check(request: (&str, &str), content: (&str, &str), keys: &AwsKeys, expected: (&str, &str)) {
        let mut made = Request::new(request.0.parse().unwrap(), request.1.parse().unwrap());
        if !content.0.is_empty() {
            made.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_str(content.0).unwrap());
        }
        if !content.1.is_empty() {
            *made.body_mut() = Some(content.1.to_owned().into());
        }
        keys.sign(&mut made, "2015-08-30T12:36:00Z".parse().unwrap());
        let signed = made.headers()[AUTHORIZATION].to_str().unwrap();
        let scope = format!("AKIDEXAMPLE/20150830/{}/{}/aws4_request", keys.region, keys.service);
        let (names, signature) = expected;
        let expected =
            format!("{ALGORITHM} Credential={scope}, SignedHeaders={names}, Signature={signature}");
        assert_eq!(signed, expected, "{request:?}");
        assert!(!format!("{keys:?} {made:?}").contains("wJalrXUtn"));
    }

    fn keys(service: &str, region: &str, token: Option<&str>) -> AwsKeys {
        AwsKeys {
            id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: token.map(Into::into),
            region: region.to_owned(),
            service: service.to_owned(),
        }
    }

    /// Requests of Amazon's test suite for this version of signatures, and the example of its documentation (`ListUsers`). The last
    /// two were made with botocore 1.44.
    #[test]
    fn requests_are_signed_as_amazon_signs_them() {
        let plain = keys("service", "us-east-1", None);
        let host = "host;x-amz-date";
        for (url, signature) in [
            (
                "https://example.amazonaws.com/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "https://example.amazonaws.com/?%E1%88%B4=bar",
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
        ] {
            check(("GET", url), ("", ""), &plain, (host, signature));
        }
        check(
            ("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"),
            ("application/x-www-form-urlencoded; charset=utf-8", ""),
            &keys("iam", "us-east-1", None),
            (
                "content-type;host;x-amz-date",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        );
        check(
            ("POST", "https://example.amazonaws.com/"),
            ("application/x-www-form-urlencoded", "Param1=value1"),
            &plain,
            (
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        );
        check(
            ("GET", "https://example.amazonaws.com/"),
            ("", ""),
            &keys("service", "us-east-1", Some("AQoDYXdzEPT//////////wEXAMPLEtc764")),
            (
                "host;x-amz-date;x-amz-security-token",
                "69af0a40a03dfa5b282204711426fa34216b470f2586b3f7aae7307f0f3b26cf",
            ),
        );
        check(
            ("GET", "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c%2Fd?list-type=2&prefix=x%20y"),
            ("", ""),
            &keys("s3", "eu-west-1", None),
            (
                "host;x-amz-content-sha256;x-amz-date",
                "1180aeb1e13c0a8c6254aee7d0e04f7af25914f3cc65b2e69b1b2e2f53e9348e",
            ),
        );
    }
}
