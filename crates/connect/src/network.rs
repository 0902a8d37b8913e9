//! What went wrong on the way to a service, in plain words. What the library says in its own words is for the log.

use std::error::Error;
use std::io::ErrorKind;

/// A failure on the way.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// For people.
    pub(crate) plain: String,
    /// From the outermost cause to the innermost, without the URL.
    pub(crate) chain: String,
}

impl Trouble {
    /// What an error of the HTTP library means.
    pub(crate) fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let chain = chain(&error);
        let plain = plain(kind(&error), &chain).unwrap_or_else(|| chain.clone());
        Self { plain, chain }
    }
}

impl Trouble {
    /// What the other side says of the certificate that we show, when that is why it ends the connection.
    pub(crate) fn of_our_certificate(&self) -> Option<&'static str> {
        let (_, alert) = self.chain.split_once("received fatal alert: ")?;
        ALERTS.into_iter().find(|(name, _)| alert.starts_with(name)).map(|(_, words)| words)
    }
}

/// What alerts of TLS say of our certificate.
const ALERTS: [(&str, &str); 10] = [
    ("CertificateRequired", "it wants one, and we show none; give `tls: {certificate, key}`"),
    ("CertificateExpired", "it has expired, or does not count yet"),
    ("CertificateRevoked", "it was revoked"),
    ("CertificateUnknown", "it does not take it; it gives no reason"),
    ("UnknownCA", "it comes from an authority that the service does not know"),
    ("UnknownCa", "it comes from an authority that the service does not know"),
    ("DecryptError", "what signed it, or its key, is another than the service knows by that name"),
    ("BadCertificate", "it is not in order, or missing"),
    ("UnsupportedCertificate", "it is of a kind or for a purpose that the service does not take"),
    ("AccessDenied", "it is in order, and its holder may not connect"),
];

/// The kind of the system's error among the causes.
fn kind(error: &dyn Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    let mut found = None;
    while let Some(error) = cause {
        found = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(found);
        cause = error.source();
    }
    found
}

fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = inner.source();
    }
    message
}

fn plain(kind: Option<ErrorKind>, chain: &str) -> Option<String> {
    const CERTIFICATE: &str = "invalid peer certificate: ";
    if chain.contains("InvalidContentType") {
        let words = "what listens there does not speak TLS; write http:// instead of https://, or name the port of https";
        return Some(words.to_owned());
    }
    if let Some((_, why)) = chain.split_once(CERTIFICATE) {
        let hint = if why.contains("UnknownIssuer") {
            "; if its authority is your own, name it in `tls: {ca: FILE}` of the authorization"
        } else {
            ""
        };
        return Some(format!("its certificate is not trusted: {why}{hint}"));
    }
    if chain.contains("dns error") || chain.contains("failed to lookup address") {
        return Some("there is no host of this name, or the name server is not reached".to_owned());
    }
    let words = match kind? {
        ErrorKind::ConnectionRefused => "the connection was refused: nothing listens there",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "the connection was cut",
        ErrorKind::UnexpectedEof => "the connection ended before the answer did",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no network leads there",
        ErrorKind::TimedOut => "nothing came in time",
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_troubles_are_told_in_plain_words() {
        let check = |kind, chain: &str, expected: Option<&str>| {
            let said = plain(kind, chain);
            let is_right = match (&said, expected) {
                (Some(said), Some(part)) => said.contains(part),
                (None, None) => true,
                _ => false,
            };
            assert!(is_right, "{chain}: {said:?}");
        };
        let connect = "error sending request: client error (Connect)";
        check(Some(ErrorKind::ConnectionRefused), connect, Some("nothing listens there"));
        check(
            None,
            &format!("{connect}: received corrupt message of type InvalidContentType"),
            Some("http://"),
        );
        check(None, &format!("{connect}: dns error: failed to lookup address information"), Some("no host"));
        check(
            Some(ErrorKind::InvalidData),
            &format!("{connect}: invalid peer certificate: Expired"),
            Some("not trusted: Expired"),
        );
        check(Some(ErrorKind::Other), "something else", None);
        check(None, "something else", None);
    }
}
