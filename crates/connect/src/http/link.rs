//! Reads `Link` headers (RFC 8288) for the target of one relation. What is there and cannot be read is an error.

/// A link to a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where it leads, as it is written, in ASCII.
    pub(crate) url: String,
    /// Whether it says of itself that no records are there: `results="false"`.
    pub(crate) is_empty: bool,
}

/// The first link with the relation, in any of the headers. Relations ignore case. The error is the header that cannot be
/// read.
pub(crate) fn find_relation<'a>(
    headers: impl Iterator<Item = &'a [u8]>,
    relation: &str,
) -> Result<Option<Target>, String> {
    let mut wanted = None;
    for header in headers {
        let header = in_ascii(header);
        for link in links(&header).ok_or_else(|| header.clone())? {
            if wanted.is_none() && link.has_relation(relation) {
                let is_empty =
                    link.parameter("results").is_some_and(|value| value.eq_ignore_ascii_case("false"));
                wanted = Some(Target { url: link.target.to_owned(), is_empty });
            }
        }
    }
    Ok(wanted)
}

/// A header as ASCII: services write characters into URLs as they are, which percent-encoding stands for.
pub(crate) fn in_ascii(header: &[u8]) -> String {
    let mut text = String::with_capacity(header.len());
    for &byte in header {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

struct Link<'a> {
    target: &'a str,
    parameters: &'a str,
}

impl<'a> Link<'a> {
    fn has_relation(&self, relation: &str) -> bool {
        self.parameter("rel")
            .is_some_and(|rel| rel.split_whitespace().any(|one| one.eq_ignore_ascii_case(relation)))
    }

    /// The value of a parameter. Only the first one of a name counts. Some services write single quotes, which RFC 8288 does not know.
    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        split_outside_quotes(self.parameters, ';').into_iter().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches(['"', '\'']))
        })
    }
}

/// The links of one header; `None` when something else stands there. A comma may stand inside a target and inside quotes.
fn links(header: &str) -> Option<Vec<Link<'_>>> {
    let mut links = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(links);
        }
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let parameters = split_outside_quotes(after, ',').into_iter().next().unwrap_or_default();
        links.push(Link { target: target.trim(), parameters });
        rest = &after[parameters.len()..];
    }
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = |c: char| {
        let end = c == separator && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        end
    };
    text.split(is_end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers, and where the next page is.
    type Case = (&'static [&'static [u8]], Option<(&'static str, bool)>);

    fn check(headers: &[&[u8]], expected: Result<Option<(&str, bool)>, &str>) {
        let found = find_relation(headers.iter().copied(), "next");
        let found = found.map(|target| target.map(|target| (target.url, target.is_empty)));
        let expected = expected.map(|target| target.map(|(url, is_empty)| (url.to_owned(), is_empty)));
        assert_eq!(found, expected.map_err(str::to_owned), "{headers:?}");
    }

    #[test]
    fn the_target_of_a_relation_is_found() {
        let cases: [Case; 13] = [
            (&[b"</p2>; rel=\"next\""], Some(("/p2", false))),
            (&[b"</p2>; rel='next'"], Some(("/p2", false))),
            (&[b"</p2>; rel=next"], Some(("/p2", false))),
            (&[b"</p1>; rel=\"prev\", </p3>; rel=\"next\""], Some(("/p3", false))),
            (&[b"</p1>; rel=prev", b"</p3>;rel=NEXT"], Some(("/p3", false))),
            (
                &[b"</a,b>; rel=\"first\", </c?x=1,2>; title=\"a, <b>; rel=next\"; rel=\"last next\""],
                Some(("/c?x=1,2", false)),
            ),
            (&[b"</p>; title=\"x\\\", y\"; rel=next"], Some(("/p", false))),
            (&[b"</p>; rel=\"nextish\""], None),
            (&[b"</p>"], None),
            (&[b""], None),
            (&[b" , "], None),
            (&[b"</p?q=\xe9>; rel=next"], Some(("/p?q=%E9", false))),
            (&[b"</p>; rel=\"next\"; results=\"false\"; cursor=\"1:2\""], Some(("/p", true))),
        ];
        for (headers, expected) in cases {
            check(headers, Ok(expected));
        }
        check(&[b"</p>; results=\"true\"; rel=next"], Ok(Some(("/p", false))));
        let utf8 = "</p?q=é&p=2>; rel=\"next\"; title=\"é\"".as_bytes();
        check(&[utf8], Ok(Some(("/p?q=%C3%A9&p=2", false))));
    }

    #[test]
    fn what_is_no_link_is_an_error() {
        for header in
            ["</p; rel=next", "rel=next", "https://api.example/p2", "</p1>; rel=prev, /p2; rel=next"]
        {
            check(&[header.as_bytes()], Err(header));
        }
    }
}
