//! Where a redirect leads, and what of the request goes there. Nothing that may be a credential goes to another origin.

use raccord_manifest::transport::Request;
use url::Url;

/// The headers that go to another origin: none of them is a credential.
const HARMLESS: [&str; 7] =
    ["accept", "accept-language", "content-type", "content-encoding", "range", "if-modified-since", "prefer"];

/// The headers that belong to a body.
const OF_BODY: [&str; 3] = ["content-type", "content-encoding", "content-length"];

/// The request that follows a redirect; none where the answer is none, or leads to no service.
pub(super) fn redirected(request: &Request, status: u16, location: Option<&str>) -> Option<Request> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let from = Url::parse(&request.url).ok()?;
    let mut to = from.join(location?).ok()?;
    if !matches!(to.scheme(), "http" | "https") {
        return None;
    }
    if to.fragment().is_none() {
        to.set_fragment(from.fragment());
    }
    let mut next = Request { url: to.to_string(), ..request.clone() };
    let becomes_get = match status {
        303 | 302 => next.method != "HEAD",
        301 => next.method == "POST",
        _ => false,
    };
    if becomes_get {
        "GET".clone_into(&mut next.method);
    }
    if !matches!(status, 307 | 308) {
        next.body = None;
        next.headers.retain(|(name, _)| !is_one_of(&OF_BODY, name));
    }
    if from.origin() != to.origin() {
        next.headers.retain(|(name, _)| is_one_of(&HARMLESS, name));
    }
    Some(next)
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn redirects_lead_on() {
        let check = |method: &str, status: u16, location: Option<&str>, expected: &str| {
            let headers = [("Authorization", "Bearer t"), ("Accept", "a/b"), ("Content-Type", "c/d")];
            let request = Request {
                method: method.to_owned(),
                url: "https://h/a/b".to_owned(),
                headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
                body: Some(Bytes::from_static(b"x")),
            };
            let shown = match redirected(&request, status, location) {
                None => "none".to_owned(),
                Some(next) => {
                    let names: Vec<_> = next.headers.iter().map(|(name, _)| name.as_str()).collect();
                    format!("{} {} {} {}", next.method, next.url, names.join(" "), next.body.is_some())
                }
            };
            assert_eq!(shown, expected, "{method} {status} {location:?}");
        };
        check("POST", 302, Some("/c?d=1"), "GET https://h/c?d=1 Authorization Accept false");
        check("POST", 301, Some("c"), "GET https://h/a/c Authorization Accept false");
        check("PUT", 301, Some("c"), "PUT https://h/a/c Authorization Accept false");
        check("HEAD", 303, Some("c"), "HEAD https://h/a/c Authorization Accept false");
        check("POST", 307, Some("c"), "POST https://h/a/c Authorization Accept Content-Type true");
        check("POST", 308, Some("https://o/c"), "POST https://o/c Accept Content-Type true");
        check("GET", 302, Some("http://h/c"), "GET http://h/c Accept false");
        check("GET", 302, None, "none");
        check("GET", 304, Some("c"), "none");
        check("GET", 302, Some("mailto:a@b"), "none");
    }
}
