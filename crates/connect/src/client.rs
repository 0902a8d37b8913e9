//! How every HTTP client begins: what each of them does and none leaves out. Timeouts, certificates and what is asked are the
//! caller's.

use reqwest::ClientBuilder;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue};
use url::{Host, Url};

use crate::crypto::install_crypto;
use crate::unpack::ACCEPTED;

/// A client that follows no redirect, tells no page where it comes from, and says who asks. It takes no compression off an answer:
/// that is done where bodies are read.
pub(crate) fn builder() -> ClientBuilder {
    install_crypto();
    let headers = [(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED))].into_iter().collect();
    reqwest::Client::builder()
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("raccord/", env!("CARGO_PKG_VERSION")))
}

/// The same for URLs of which none has TLS: the certificates of the system are not loaded, which takes time and fails where
/// there are none.
pub(crate) fn builder_for<'u>(urls: impl IntoIterator<Item = &'u str>) -> ClientBuilder {
    let is_plain = urls.into_iter().all(|url| url.starts_with("http://"));
    if is_plain { builder().tls_certs_only([]) } else { builder() }
}

/// Whether nothing can be read or changed on the way: there is TLS, or it is this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    (url.scheme() == "https" && url.has_host()) || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_changed_on_the_way_is_not_asked() {
        let check = |url: &str, expected| assert_eq!(is_safe(&url.parse().unwrap()), expected, "{url}");
        check("https://login.example/realms/main", true);
        check("http://127.0.0.1:8080", true);
        check("http://[::1]:8080", true);
        check("http://localhost", true);
        check("http://login.example", false);
        check("http://localhost.evil.example", false);
        check("ftp://login.example", false);
        check("file:///etc/passwd", false);
    }
}
