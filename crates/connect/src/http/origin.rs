//! Where requests may go: the base URL's origin with credentials, allowed origins without, nowhere else.

use std::collections::BTreeSet;

use url::{Origin, Url};

/// What may be sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The service itself: with credentials.
    Own,
    /// An origin that the settings allow: without.
    Allowed,
}

/// The origins that requests may go to.
#[derive(Debug)]
pub(crate) struct Origins {
    base: Url,
    own: Origin,
    allowed: BTreeSet<String>,
    keeps_own: bool,
}

impl Origins {
    /// `keeps_own` says whether the service means itself, whatever origin it names.
    pub(crate) fn new(base: &Url, allowed: &BTreeSet<String>, keeps_own: bool) -> Self {
        Self { base: base.clone(), own: base.origin(), allowed: allowed.clone(), keeps_own }
    }

    /// Puts a URL by which the service means itself at its own origin; an origin that is allowed is meant as it is.
    pub(crate) fn keep(&self, url: &mut Url) {
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !self.keeps_own || !is_web || self.trust(url).is_some() {
            return;
        }
        let mut kept = self.base.clone();
        kept.set_path(url.path());
        kept.set_query(url.query());
        kept.set_fragment(None);
        *url = kept;
    }

    /// Whether a request may go there. Another scheme or port is another origin; only http and https can be asked.
    pub(crate) fn trust(&self, url: &Url) -> Option<Trust> {
        let origin = url.origin();
        if origin == self.own {
            return Some(Trust::Own);
        }
        let is_allowed =
            matches!(url.scheme(), "http" | "https") && self.allowed.contains(&origin.ascii_serialization());
        is_allowed.then_some(Trust::Allowed)
    }
}

/// A URL as messages show it: nothing of it can be a credential but its path, which is masked elsewhere.
pub(crate) fn shown(url: &Url) -> String {
    let path = if url.cannot_be_a_base() { "" } else { url.path() };
    format!("{}{path}", url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_scheme_host_and_port_is_the_service() {
        let allowed = BTreeSet::from(["https://files.example".to_owned()]);
        let origins = Origins::new(&"https://api.example/v1".parse().unwrap(), &allowed, false);
        let cases = [
            ("https://api.example/other?x", Some(Trust::Own)),
            ("https://api.example:443/", Some(Trust::Own)),
            ("https://me:pw@api.example/", Some(Trust::Own)),
            ("http://api.example/", None),
            ("https://api.example:8443/", None),
            ("https://api.example.evil/", None),
            ("https://files.example/x", Some(Trust::Allowed)),
            ("http://files.example/x", None),
            ("data:text/plain,x", None),
        ];
        for (url, expected) in cases {
            assert_eq!(origins.trust(&url.parse().unwrap()), expected, "{url}");
        }
        let keeping = Origins::new(&"https://api.example/v1".parse().unwrap(), &allowed, true);
        for (url, expected) in [
            ("http://netbox:8000/api/x?page=2#f", "https://api.example/api/x?page=2"),
            ("https://me:pw@10.0.0.1/", "https://api.example/"),
            ("https://api.example/other?x", "https://api.example/other?x"),
            ("https://files.example/x", "https://files.example/x"),
            ("data:text/plain,x", "data:text/plain,x"),
        ] {
            let mut url = url.parse().unwrap();
            keeping.keep(&mut url);
            assert_eq!(url.as_str(), expected);
            let mut given = url.clone();
            origins.keep(&mut given);
            assert_eq!(given, url);
        }
        assert_eq!(shown(&"https://me:pw@a.example:8/x?key=1#f".parse().unwrap()), "https://a.example:8/x");
    }
}
