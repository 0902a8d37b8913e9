//! What a signature is made over: text in which parts of the delivery stand.

/// A text in which parts of the delivery stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedText(pub Vec<SignedPart>);

/// One part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    /// The same in every delivery.
    Text(String),
    /// The body, byte by byte.
    Body,
    /// The header of the time, as it came.
    Timestamp,
    /// The URL that the service pushes to, as the Stack's `webhooks.url` begins it.
    Url,
    /// A header, as it came.
    Header(String),
}

impl SignedText {
    /// Reads `{timestamp}.{body}`; the error completes the sentence "the signed text …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or("has a `{` without a `}`")?;
            if !before.is_empty() {
                parts.push(SignedPart::Text(before.to_owned()));
            }
            parts.push(part(inside)?);
            rest = after;
        }
        if rest.contains('}') {
            return Err("has a `}` without a `{`".to_owned());
        }
        if !rest.is_empty() {
            parts.push(SignedPart::Text(rest.to_owned()));
        }
        if !parts.contains(&SignedPart::Body) {
            return Err("lacks `{body}`, so anybody could change what is delivered".to_owned());
        }
        Ok(Self(parts))
    }

    /// Whether a part stands in it.
    pub fn has(&self, part: &SignedPart) -> bool {
        self.0.contains(part)
    }
}

fn part(inside: &str) -> Result<SignedPart, String> {
    match inside {
        "body" => Ok(SignedPart::Body),
        "timestamp" => Ok(SignedPart::Timestamp),
        "url" => Ok(SignedPart::Url),
        other => match other.strip_prefix("header.") {
            Some(name) if !name.is_empty() => Ok(SignedPart::Header(name.to_owned())),
            _ => Err(format!(
                "has `{{{other}}}`; its parts are `{{body}}`, `{{timestamp}}`, `{{url}}` and `{{header.NAME}}`"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_text_names_parts_of_the_delivery() {
        let text = |text: &str| SignedPart::Text(text.to_owned());
        let cases = [
            ("{body}", vec![SignedPart::Body]),
            ("{timestamp}.{body}", vec![SignedPart::Timestamp, text("."), SignedPart::Body]),
            ("v0:{timestamp}:{body}", vec![text("v0:"), SignedPart::Timestamp, text(":"), SignedPart::Body]),
            (
                "POST{url}{body}{header.X-Id}!",
                vec![
                    text("POST"),
                    SignedPart::Url,
                    SignedPart::Body,
                    SignedPart::Header("X-Id".to_owned()),
                    text("!"),
                ],
            ),
        ];
        for (written, parts) in cases {
            assert_eq!(SignedText::parse(written), Ok(SignedText(parts)), "{written}");
        }
        for bad in ["", "{timestamp}", "{body", "{body}}", "{id}.{body}", "{header.}{body}"] {
            assert!(SignedText::parse(bad).is_err(), "{bad}");
        }
    }
}
