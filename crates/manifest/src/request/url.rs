//! URLs as the reference's HTTP library joins and writes them: RFC 3986, with its habits about slashes and percent
//! signs. It never looks a host up.

use url::form_urlencoded;

/// A URL that cannot be asked. It does not show the URL: that may hold credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the request has no scheme, no host or a wrong port")]
pub struct WrongUrl;

/// The five parts of a URL; what is absent is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Parts<'a> {
    scheme: String,
    authority: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Parts<'a> {
    fn split(url: &'a str) -> Self {
        let mut parts = Self::default();
        let mut rest = url.trim_start_matches(|c: char| c <= ' ');
        if let Some((scheme, after)) = rest.split_once(':')
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        {
            parts.scheme = scheme.to_ascii_lowercase();
            rest = after;
        }
        if let Some(after) = rest.strip_prefix("//") {
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            (parts.authority, rest) = after.split_at(end);
        }
        (rest, parts.fragment) = rest.split_once('#').unwrap_or((rest, ""));
        (parts.path, parts.query) = rest.split_once('?').unwrap_or((rest, ""));
        parts
    }
}

fn write(scheme: &str, authority: &str, path: &str, query: &str, fragment: &str) -> String {
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(&format!("{scheme}:"));
    }
    if !authority.is_empty() || matches!(scheme, "http" | "https") {
        url.push_str(&format!("//{authority}"));
        if !path.is_empty() && !path.starts_with('/') {
            url.push('/');
        }
    }
    url.push_str(path);
    if !query.is_empty() {
        url.push_str(&format!("?{query}"));
    }
    if !fragment.is_empty() {
        url.push_str(&format!("#{fragment}"));
    }
    url
}

/// Joins a base URL and a path: the base counts as a directory. A whole URL as the path stands alone; an empty path
/// leaves the base as it is.
pub fn join(base: &str, path: &str) -> String {
    match path {
        "" => base.to_owned(),
        _ if base.is_empty() => path.to_owned(),
        _ if base.ends_with('/') => resolve(base, path),
        _ => resolve(&format!("{base}/"), path),
    }
}

/// What a reference means where the base stands.
fn resolve(base: &str, reference: &str) -> String {
    let from = Parts::split(base);
    let to = Parts::split(reference);
    let scheme = if to.scheme.is_empty() { &from.scheme } else { &to.scheme };
    if *scheme != from.scheme || !matches!(scheme.as_str(), "" | "http" | "https") {
        return reference.to_owned();
    }
    if !to.authority.is_empty() {
        return write(scheme, to.authority, to.path, to.query, to.fragment);
    }
    if to.path.is_empty() {
        let query = if to.query.is_empty() { from.query } else { to.query };
        return write(scheme, from.authority, from.path, query, to.fragment);
    }
    write(scheme, from.authority, &merged(from.path, to.path), to.query, to.fragment)
}

/// A path that is relative to another, without its dot segments.
fn merged(base: &str, path: &str) -> String {
    let segments: Vec<&str> = if path.starts_with('/') {
        path.split('/').collect()
    } else {
        let directory = base.rfind('/').map_or("", |slash| &base[..slash]);
        let mut segments: Vec<&str> = directory.split('/').chain(path.split('/')).collect();
        let last = segments.len().saturating_sub(1);
        let mut at = 0;
        segments.retain(|segment| {
            at += 1;
            !segment.is_empty() || at == 1 || at == last + 1
        });
        segments
    };
    let mut resolved: Vec<&str> = Vec::new();
    for segment in &segments {
        match *segment {
            ".." => drop(resolved.pop()),
            "." => {}
            other => resolved.push(other),
        }
    }
    if matches!(segments.last(), Some(&("." | ".."))) {
        resolved.push("");
    }
    match resolved.join("/") {
        empty if empty.is_empty() => "/".to_owned(),
        path => path,
    }
}

/// The names and first values of a URL's query, blank values left out.
pub fn query_of(url: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(Parts::split(url).query.as_bytes()) {
        if !value.is_empty() && !pairs.iter().any(|(known, _)| *known == name) {
            pairs.push((name.into_owned(), value.into_owned()));
        }
    }
    pairs
}

/// A URL without query, fragment and credentials: what messages may show.
pub fn shown(url: &str) -> String {
    let parts = Parts::split(url);
    let host = parts.authority.rsplit_once('@').map_or(parts.authority, |(_, host)| host);
    write(&parts.scheme, host, parts.path, "", "")
}

/// The URL that is sent: what may not stand in a URL is percent-encoded, dot segments and credentials are gone, and the
/// encoded parameters are added to the query that it has.
///
/// # Errors
/// When it is no URL of a service.
pub fn prepared(url: &str, parameters: &str) -> Result<String, WrongUrl> {
    let parts = Parts::split(url);
    let host = parts.authority.rsplit_once('@').map_or(parts.authority, |(_, host)| host);
    if !matches!(parts.scheme.as_str(), "http" | "https") || host.is_empty() {
        return Err(WrongUrl);
    }
    let origin = url::Url::parse(&format!("{}://{host}/", parts.scheme)).map_err(|_| WrongUrl)?;
    let path = match without_dots(parts.path) {
        path if path.is_empty() => "/".to_owned(),
        path => encoded(&path, "/:@!$&'()*+,;="),
    };
    let mut query = encoded(parts.query, "/?:@!$&'()*+,;=");
    if !parameters.is_empty() {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(parameters);
    }
    let origin = origin.as_str().trim_end_matches('/');
    let mut out = format!("{origin}{}", plain_where_unreserved(&path));
    if !query.is_empty() {
        out.push_str(&format!("?{}", plain_where_unreserved(&query)));
    }
    Ok(out)
}

fn without_dots(path: &str) -> String {
    let mut output: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => drop(output.pop()),
            other => output.push(other),
        }
    }
    if path.starts_with('/') && output.first().is_none_or(|first| !first.is_empty()) {
        output.insert(0, "");
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        output.push("");
    }
    output.join("/")
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Percent-encodes what is not allowed. A text whose percent signs are all escapes already keeps them.
fn encoded(text: &str, allowed: &str) -> String {
    let bytes = text.as_bytes();
    let escape = |at: usize| {
        bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
            && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit)
    };
    let escaped = bytes.iter().enumerate().all(|(at, byte)| *byte != b'%' || escape(at));
    let mut out = String::with_capacity(text.len());
    for (at, byte) in bytes.iter().enumerate() {
        let inside = (1..=2).any(|back| at >= back && bytes[at - back] == b'%' && escape(at - back));
        if *byte == b'%' && escaped {
            out.push('%');
        } else if unreserved(*byte) || (byte.is_ascii() && allowed.as_bytes().contains(byte)) {
            let letter = if inside { byte.to_ascii_uppercase() } else { *byte };
            out.push(char::from(letter));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Writes the escapes of unreserved characters as those characters.
fn plain_where_unreserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if unreserved(byte) => {
                out.push(char::from(byte));
                rest = &rest[3..];
            }
            _ => {
                out.push('%');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
