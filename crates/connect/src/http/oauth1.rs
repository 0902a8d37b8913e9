//! OAuth 1.0a: a signature over each request (RFC 5849), as Adobe Commerce wants it. Pure; the time and the nonce are passed
//! in. Bodies that are forms are not part of the signature, for no request has one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raccord_model::language::authorization::SignatureMethod;
use raccord_model::language::webhook::HashAlgorithm;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::encoding::{encoded, hmac};

/// The four parts of an access, and how they sign.
#[derive(Debug, Clone)]
pub(crate) struct OAuth1Keys {
    pub(crate) consumer_key: SecretString,
    pub(crate) consumer_secret: SecretString,
    pub(crate) token: SecretString,
    pub(crate) token_secret: SecretString,
    pub(crate) method: SignatureMethod,
}

/// When and as which request it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    /// What no other request of this second has.
    pub(crate) nonce: &'a str,
}

impl OAuth1Keys {
    /// Whether both sign alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parts = |keys: &Self| {
            [&keys.consumer_key, &keys.consumer_secret, &keys.token, &keys.token_secret]
                .map(|part| part.expose_secret().to_owned())
        };
        parts(self) == parts(other) && self.method == other.method
    }

    /// The value of the header `Authorization`.
    pub(crate) fn sign(&self, method: &Method, url: &Url, stamp: Stamp<'_>) -> SecretString {
        let seconds = stamp.seconds.to_string();
        let own = [
            ("oauth_consumer_key", self.consumer_key.expose_secret()),
            ("oauth_nonce", stamp.nonce),
            ("oauth_signature_method", self.method.as_str()),
            ("oauth_timestamp", &*seconds),
            ("oauth_token", self.token.expose_secret()),
            ("oauth_version", "1.0"),
        ];
        let mut pairs: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
        pairs.extend(own.iter().map(|(name, value)| (encoded(name), encoded(value))));
        pairs.sort();
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let base = format!("{method}&{}&{}", encoded(&base(url)), encoded(&pairs.join("&")));
        let signature = encoded(&self.signature(base.as_bytes()));
        let own: String =
            own.iter().map(|(name, value)| format!("{name}=\"{}\", ", encoded(value))).collect();
        SecretString::from(format!("OAuth {own}oauth_signature=\"{signature}\""))
    }

    fn signature(&self, text: &[u8]) -> String {
        let [consumer, token] =
            [&self.consumer_secret, &self.token_secret].map(|secret| encoded(secret.expose_secret()));
        let key = SecretString::from(format!("{consumer}&{token}"));
        let key = key.expose_secret().as_bytes();
        let algorithm = match self.method {
            SignatureMethod::HmacSha256 => HashAlgorithm::Sha256,
            SignatureMethod::HmacSha1 => HashAlgorithm::Sha1,
        };
        STANDARD.encode(hmac(algorithm, key, text))
    }
}

/// A URL without its query and fragment; the port where it is not the usual one.
fn base(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_standard() {
        // RFC 5849, 1.2. Its request has no `oauth_version`, so that what it signs is written out.
        let keys = OAuth1Keys {
            consumer_key: "dpf43f3p2l4k3l03".into(),
            consumer_secret: "kd94hf93k423kf44".into(),
            token: "nnch734d00sl2jdk".into(),
            token_secret: "pfkkdhi9sl3r4s00".into(),
            method: SignatureMethod::HmacSha1,
        };
        let base = "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3D\
                    dpf43f3p2l4k3l03%26oauth_nonce%3DchapoH%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp\
                    %3D137131202%26oauth_token%3Dnnch734d00sl2jdk%26size%3Doriginal";
        let expected = "MdpQcU8iPSUjWoN/UDMsK2sui9I=";
        assert_eq!(keys.signature(base.as_bytes()), expected);
        assert!(!format!("{keys:?}").contains("kd94"));
    }

    #[test]
    fn every_part_of_the_url_is_signed() {
        let keys = |method| OAuth1Keys {
            consumer_key: "ck".into(),
            consumer_secret: "cs&".into(),
            token: "t".into(),
            token_secret: "ts".into(),
            method,
        };
        let signed = |method, url: &str| {
            let stamp = Stamp { seconds: 1, nonce: "n" };
            keys(method).sign(&Method::GET, &url.parse().unwrap(), stamp).expose_secret().to_owned()
        };
        let first = signed(SignatureMethod::HmacSha256, "https://shop.example/rest?a=b%20c");
        assert!(first.starts_with("OAuth oauth_consumer_key=\"ck\", oauth_nonce=\"n\", "), "{first}");
        assert!(first.contains("oauth_signature_method=\"HMAC-SHA256\""), "{first}");
        // A space is the same however it is written; the order of the parameters does not matter.
        assert_eq!(first, signed(SignatureMethod::HmacSha256, "https://shop.example/rest?a=b+c"));
        for other in [
            "https://shop.example/rest?a=b",
            "https://shop.example/rest/?a=b+c",
            "https://shop.example:8/rest?a=b+c",
        ] {
            assert_ne!(first, signed(SignatureMethod::HmacSha256, other), "{other}");
        }
        assert_ne!(first, signed(SignatureMethod::HmacSha1, "https://shop.example/rest?a=b+c"));
    }
}
