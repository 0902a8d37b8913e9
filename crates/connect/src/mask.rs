//! Replaces secrets by `***` in what services say, before it gets into a message.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// What stands for a secret.
const MASK: &str = "***";

/// The most of what a service said that is looked at.
const MAX_SAID: usize = 64 * 1024;

/// How many backslashes may stand before a character of a secret.
const MAX_ESCAPES: usize = 15;

/// From how many characters on a secret is told from what stands in a text by chance, and is looked for in base64.
const TELLING: usize = 8;

/// How many characters of a secret at the end of a text give it away, when the rest was cut off.
const PIECE: usize = 4;

/// The secrets that were used. They are found in whatever encoding a service echoes them.
#[derive(Clone, Default)]
pub(crate) struct Masker {
    /// The longest first, so that a secret that contains another leaves no rest behind.
    secrets: Vec<Vec<Spellings>>,
}

/// The ways in which one character of a secret may be written, the plain one first.
type Spellings = Vec<SecretString>;

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({} secrets)", self.secrets.len())
    }
}

impl Masker {
    /// Hides a secret from now on: as it is, as part of a URL, a JSON text or an HTML page, and inside of base64.
    pub(crate) fn hide(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        self.secrets.push(secret.chars().map(spellings).collect());
        if secret.chars().count() >= TELLING {
            let encoded = in_base64(secret.as_bytes());
            self.secrets.extend(encoded.iter().map(|text| text.chars().map(spellings).collect()));
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// What finds the secrets of both.
    #[must_use]
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.secrets.extend(other.secrets.iter().cloned());
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self
    }

    /// Whether a secret stands in a text, in any spelling. One that is so short that it may stand there by chance
    /// is not looked for.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let telling = || self.secrets.iter().filter(|secret| secret.len() >= TELLING);
        text.char_indices()
            .any(|(at, _)| telling().any(|secret| length(&text[at..], secret, Ending::Closed).is_some()))
    }

    /// Whether a text is a secret and nothing else, however short that is.
    pub(crate) fn is_whole(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| length(text, secret, Ending::Closed) == Some(text.len()))
    }

    /// The text with every secret replaced.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let found = self.secrets.iter().find_map(|secret| length(rest, secret, Ending::Open));
            match found {
                Some(_) => masked.push_str(MASK),
                None => masked.push(first),
            }
            rest = &rest[found.unwrap_or(first.len_utf8())..];
        }
        masked
    }

    /// The beginning of what a service said, on one line. Masked before it is cut, for half a secret is one too.
    pub(crate) fn excerpt(&self, said: &[u8], length: usize) -> String {
        let beginning = said.get(..MAX_SAID).unwrap_or(said);
        excerpt(&self.mask(&String::from_utf8_lossy(beginning)), length)
    }
}

/// What the end of a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The text may have been cut there: the beginning of a secret counts, too.
    Open,
    /// The text is whole.
    Closed,
}

/// How much of the beginning of a text a secret takes, each of its characters in any spelling.
fn length(text: &str, secret: &[Spellings], ending: Ending) -> Option<usize> {
    let begins = |spelling: &SecretString| {
        let spelling = spelling.expose_secret().as_bytes();
        text.as_bytes().get(..spelling.len()).is_some_and(|written| is_written(written, spelling))
    };
    if !secret.first().is_some_and(|first| first.iter().any(begins)) {
        return None;
    }
    // A spelling may begin like another, so all places where the characters so far may end are kept.
    let mut ends = vec![0];
    for (at, spellings) in secret.iter().enumerate() {
        let may_be_cut = ending == Ending::Open && at >= PIECE;
        if may_be_cut && ends.iter().any(|end| is_cut_off(&text.as_bytes()[*end..], spellings)) {
            return Some(text.len());
        }
        let mut next = Vec::new();
        // Texts within texts are escaped several times over.
        let escaped = |end: &usize| {
            let slashes = text.as_bytes()[*end..].iter().take(MAX_ESCAPES).take_while(|byte| **byte == b'\\');
            let most = if *end == 0 { 0 } else { slashes.count() };
            *end..=*end + most
        };
        for end in ends.iter().flat_map(escaped) {
            let rest = &text.as_bytes()[end..];
            for spelling in spellings.iter().map(|spelling| spelling.expose_secret().as_bytes()) {
                let is_there =
                    rest.get(..spelling.len()).is_some_and(|written| is_written(written, spelling));
                if is_there && !next.contains(&(end + spelling.len())) {
                    next.push(end + spelling.len());
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.into_iter().max()
}

/// Whether a text ends before the next character of a secret, or within it.
fn is_cut_off(rest: &[u8], spellings: &[SecretString]) -> bool {
    spellings.iter().map(|spelling| spelling.expose_secret().as_bytes()).any(|spelling| {
        spelling.get(..rest.len()).is_some_and(|part| rest.len() < spelling.len() && is_written(rest, part))
    })
}

/// What a secret becomes inside of something that is encoded in base64, at each of the three places where it may
/// begin, in both alphabets. The characters at its ends, which also depend on its neighbours, are left out.
fn in_base64(secret: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for skipped in 0..3 {
        let rest = secret.get(skipped..).unwrap_or_default();
        let whole = rest.get(..rest.len() / 3 * 3).unwrap_or_default();
        for text in [STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)] {
            if text.len() >= TELLING && !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

/// Whether a spelling is written there; the letters of an encoding may be large or small.
fn is_written(written: &[u8], spelling: &[u8]) -> bool {
    let is_encoding = spelling.len() > 1 && spelling.is_ascii();
    written == spelling || is_encoding && written.eq_ignore_ascii_case(spelling)
}

/// The ways in which a character may be written in texts, URLs, JSON and HTML.
fn spellings(c: char) -> Spellings {
    let code = u32::from(c);
    let mut utf8 = [0; 4];
    let percent: String = c.encode_utf8(&mut utf8).bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut all = vec![
        c.to_string(),
        percent,
        c.escape_debug().to_string(),
        format!("\\u{code:04x}"),
        format!("&#{code};"),
        format!("&#{code:03};"),
        format!("&#x{code:x};"),
    ];
    let other: &[&str] = match c {
        ' ' => &["+", "&nbsp;"],
        '/' => &["\\/"],
        '"' => &["&quot;"],
        '\'' => &["&apos;"],
        '&' => &["&amp;"],
        '<' => &["&lt;"],
        '>' => &["&gt;"],
        _ => &[],
    };
    all.extend(other.iter().map(ToString::to_string));
    all.into_iter().map(SecretString::from).collect()
}

/// The beginning of a text on one line, for a message.
pub(crate) fn excerpt(text: &str, length: usize) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        if words.len() > length.saturating_mul(4) {
            break;
        }
    }
    match words.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_replaced() {
        let mut masker = Masker::default();
        masker.hide("p@ss \"word");
        masker.hide("p@ss");
        for text in [
            "x p@ss \"word y",
            "x p%40ss+%22word y",
            "x p%40ss%20%22word y",
            r#"x p@ss \"word y"#,
            r"x p\u0040ss\u0020\u0022word y",
            r#"x p@ss \\\"word y"#,
            "x p&#64;ss &quot;word y",
            "x p&#x40;ss &#034;word y",
            "x p@ss y",
        ] {
            assert_eq!(masker.mask(text), "x *** y", "{text}");
        }
        assert!(format!("{masker:?}").ends_with(" secrets)"));
    }

    #[test]
    fn what_looks_like_an_encoding_may_be_the_secret_itself() {
        for secret in ["%25", "a%2fb", "&amp;", r"\", r"\u0041", "+ +", "é"] {
            let mut masker = Masker::default();
            masker.hide(secret);
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let lower = form.to_lowercase();
            let json = serde_json::Value::from(secret).to_string();
            for written in [secret, &form, &lower, json.trim_matches('"')] {
                assert_eq!(masker.mask(&format!("x{written}y")), "x***y", "{secret} as {written}");
            }
        }
    }

    #[test]
    fn a_secret_is_masked_before_the_text_is_cut() {
        let mut masker = Masker::default();
        masker.hide("hunter2  and 3");
        let said = format!("{}hunter2  and 3", ".".repeat(96));
        assert_eq!(masker.excerpt(said.as_bytes(), 100), format!("{}***", ".".repeat(96)));
        assert_eq!(masker.excerpt(said.as_bytes(), 98), format!("{}**…", ".".repeat(96)));
        // What came breaks off within the secret, or the part that is looked at does.
        for piece in ["hunt", "hunter2  an", "hunter2%20"] {
            assert_eq!(masker.excerpt(format!("x {piece}").as_bytes(), 100), "x ***");
        }
        assert_eq!(masker.excerpt(b"a hun", 100), "a hun");
        let blank = " ".repeat(MAX_SAID - 7);
        assert_eq!(masker.excerpt(format!("{blank}hunter2  and 3").as_bytes(), 100), "***");
    }

    #[test]
    fn a_secret_is_found_by_its_value() {
        let mut masker = Masker::default();
        masker.hide("sekret-0123/+?");
        masker.hide("1");
        for text in [
            "https://x.example/a?t=sekret-0123%2F%2b%3F&page=1",
            r#"{"cursor":"sekret-0123\/+?"}"#,
            // `a:sekret-0123/+?`, `{"t":"sekret-0123/+?"}` in base64
            "YTpzZWtyZXQtMDEyMy8rPw==",
            "eyJ0Ijoic2VrcmV0LTAxMjMvKz8ifQ",
        ] {
            assert!(masker.is_in(text), "{text}");
        }
        for text in ["page=1", "sekret-0124", ""] {
            assert!(!masker.is_in(text), "{text}");
        }
        assert!(masker.is_whole("1") && masker.is_whole("sekret-0123%2f%2b%3f") && !masker.is_whole("11"));
    }

    #[test]
    fn excerpts_are_one_line_of_whole_characters() {
        assert_eq!(excerpt("  a\n b\u{7}é ", 10), "a b\u{fffd}é");
        assert_eq!(excerpt("ééééé", 3), "ééé…");
    }
}
