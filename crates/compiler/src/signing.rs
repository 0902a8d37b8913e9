//! The text that a signature over a request is made of, read from its written form. Pure; nothing is signed here.

/// What is signed, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestText(pub Vec<RequestPart>);

/// One part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPart {
    /// The same in every request.
    Text(String),
    /// `GET`, `POST`.
    Method,
    /// The host, with its port where it is not the usual one.
    Host,
    /// The path, encoded as it is sent.
    Path,
    /// The query, encoded as it is sent, without the signature.
    Query,
    /// The same with its parameters in the order of their names, encoded as RFC 3986 says.
    SortedQuery,
    /// The path, and the query after a question mark where there is one.
    PathAndQuery,
    /// The whole URL, without the signature.
    Url,
    /// The body, byte by byte; nothing where there is none.
    Body,
    /// The hash of the body.
    BodyHash,
    /// When the request is sent.
    Timestamp,
    /// What no other request has.
    Nonce,
    /// Who we are.
    Key,
    /// The secret itself, where a service has it signed along.
    Secret,
    /// A header of the request.
    Header(String),
}

/// The names of parts.
const PARTS: [(&str, RequestPart); 13] = [
    ("method", RequestPart::Method),
    ("host", RequestPart::Host),
    ("path", RequestPart::Path),
    ("query", RequestPart::Query),
    ("sortedQuery", RequestPart::SortedQuery),
    ("pathAndQuery", RequestPart::PathAndQuery),
    ("url", RequestPart::Url),
    ("body", RequestPart::Body),
    ("bodyHash", RequestPart::BodyHash),
    ("timestamp", RequestPart::Timestamp),
    ("nonce", RequestPart::Nonce),
    ("key", RequestPart::Key),
    ("secret", RequestPart::Secret),
];

impl RequestText {
    /// Reads `{timestamp}{method}{path}`; the error completes the sentence "the text …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or("has a `{` without a `}`")?;
            if before.contains('}') {
                return Err("has a `}` without a `{`".to_owned());
            }
            if !before.is_empty() {
                parts.push(RequestPart::Text(before.to_owned()));
            }
            parts.push(part(inside)?);
            rest = after;
        }
        if rest.contains('}') {
            return Err("has a `}` without a `{`".to_owned());
        }
        if !rest.is_empty() {
            parts.push(RequestPart::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether a part stands in it.
    pub fn has(&self, part: &RequestPart) -> bool {
        self.0.contains(part)
    }
}

fn part(inside: &str) -> Result<RequestPart, String> {
    if let Some((_, part)) = PARTS.into_iter().find(|(name, _)| *name == inside) {
        return Ok(part);
    }
    match inside.strip_prefix("header.") {
        Some(name) if !name.is_empty() => Ok(RequestPart::Header(name.to_owned())),
        _ => {
            let names = PARTS.map(|(name, _)| format!("`{{{name}}}`")).join(", ");
            Err(format!("has `{{{inside}}}`; its parts are {names} and `{{header.NAME}}`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_part_by_part() {
        let text = |text: &str| RequestPart::Text(text.to_owned());
        for (written, expected) in [
            ("", vec![]),
            ("a", vec![text("a")]),
            ("{timestamp}{method}", vec![RequestPart::Timestamp, RequestPart::Method]),
            (
                "{method}\n{header.X-Date};x",
                vec![RequestPart::Method, text("\n"), RequestPart::Header("X-Date".to_owned()), text(";x")],
            ),
        ] {
            assert_eq!(RequestText::parse(written), Ok(RequestText(expected)), "{written}");
        }
        for bad in ["{", "{body", "}{body}", "{body}}", "{id}", "{header.}", "{Body}"] {
            assert!(RequestText::parse(bad).is_err(), "{bad}");
        }
    }
}
