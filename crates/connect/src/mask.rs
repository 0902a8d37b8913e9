//! Replaces secrets by `***` in what services say, before it gets into a message.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What stands for a secret.
const MASK: &str = "***";

/// The secrets that were used, in every form in which a service may echo them.
#[derive(Clone, Default)]
pub(crate) struct Masker {
    forms: Vec<SecretString>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({} forms)", self.forms.len())
    }
}

impl Masker {
    /// Hides a secret from now on: as it is, as part of a URL, as part of a JSON text.
    pub(crate) fn hide(&mut self, secret: &str) {
        let form_encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let percent_encoded = form_encoded.replace('+', "%20");
        let json = serde_json::Value::from(secret).to_string();
        let json = json.trim_matches('"').to_owned();
        for form in [secret.to_owned(), form_encoded, percent_encoded, json] {
            if !form.is_empty() && !self.forms.iter().any(|known| known.expose_secret() == form) {
                self.forms.push(SecretString::from(form));
            }
        }
        // The longest first, so that a secret that contains another leaves no rest behind.
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.expose_secret().len()));
    }

    /// The text with every secret replaced.
    pub(crate) fn mask(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form.expose_secret(), MASK))
    }
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
            "x p@ss y",
        ] {
            assert_eq!(masker.mask(text), "x *** y", "{text}");
        }
        assert_eq!(format!("{masker:?}"), "Masker(6 forms)");
    }

    #[test]
    fn excerpts_are_one_line_of_whole_characters() {
        assert_eq!(excerpt("  a\n b\u{7}é ", 10), "a b\u{fffd}é");
        assert_eq!(excerpt("ééééé", 3), "ééé…");
    }
}
