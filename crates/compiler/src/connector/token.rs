//! Tokens that a service gives and that say how far a reading came: where they are, and what there is to tell of them.
//!
//! A token is opaque: it is never compared, only sent back.

use std::collections::BTreeSet;

use raccord_model::checkpoint::{Cursor, Token};
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::http::TokenPage;
use url::Url;

/// Where an answer holds the token from which the next reading goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCursor {
    /// Where it is.
    pub place: AnswerPlace,
    /// Which one counts when the pages of a reading have several.
    pub page: TokenPage,
    /// The statuses with which the service says that it no longer knows it.
    pub expired: BTreeSet<u16>,
}

/// Where an answer holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPlace {
    /// A path in the body.
    Body(FieldPath),
    /// A header, in lower case.
    Header(String),
    /// A path in the body to a URL, with which the next reading begins.
    Url(FieldPath),
}

impl TokenCursor {
    /// The token as the settings write it, for a message.
    pub fn name(&self) -> String {
        match &self.place {
            AnswerPlace::Body(path) => format!("token: {path}"),
            AnswerPlace::Header(header) => format!("token: {{header: {header}}}"),
            AnswerPlace::Url(path) => format!("token: {{url: {path}}}"),
        }
    }

    /// Whether it is a URL, with which the next reading begins.
    pub const fn is_url(&self) -> bool {
        matches!(self.place, AnswerPlace::Url(_))
    }

    /// A token as a person writes it.
    pub(super) fn point(&self, text: &str) -> Option<Cursor> {
        let is_one = !text.is_empty() && (!self.is_url() || Url::parse(text).is_ok_and(|url| url.has_host()));
        is_one.then(|| written(text)).flatten().map(Cursor::Token)
    }

    /// What to tell of readings that ended without a token: so many, and of how many where each is of one parent record.
    /// `goes_on`: whether there is something to go on from all the same.
    pub fn missing(&self, readings: u64, of: Option<u64>, goes_on: bool) -> String {
        let (whose, so) = match (of, goes_on) {
            (Some(of), _) => (
                format!(" of {readings} of {of} parent records"),
                "so that the next run asks of these from the same place again",
            ),
            (None, true) => (String::new(), "so that the next run asks from the same place again"),
            (None, false) => (String::new(), "so that every run reads everything"),
        };
        format!("`{}` is on no page of the reading{whose} that could be gone on from, {so}", self.name())
    }

    /// What to tell of pages with another token than the one that counts.
    pub fn varied(&self, pages: u64) -> String {
        let pages = if pages == 1 { "one page".to_owned() } else { format!("{pages} pages") };
        format!(
            "`{}` was another one on {pages}, and the first one counts: what came after it comes again with the next run. If \
             each says how far the pages were read, and not when, write `page: last` beside it",
            self.name()
        )
    }

    /// What to tell of readings that were begun again because the service no longer knew their token.
    pub fn expired(&self, readings: u64, has_initial: bool) -> String {
        let whose =
            if readings == 1 { "the token was".to_owned() } else { format!("{readings} tokens were") };
        let from = if has_initial { "from `initial` on" } else { "from the beginning" };
        format!(
            "{whose} no longer known to the service (`{}`), so that everything was read {from}; what was deleted meanwhile \
             is found by a snapshot alone",
            self.name()
        )
    }
}

/// A token as the settings or a person write it: a number where JSON would have it as one.
pub(super) fn written(text: &str) -> Option<Token> {
    let is_number = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    if is_number { Token::number(text) } else { Token::text(text) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(place: AnswerPlace) -> TokenCursor {
        TokenCursor { place, page: TokenPage::First, expired: BTreeSet::from([410]) }
    }

    #[test]
    fn what_a_person_writes_is_a_token() {
        let body = token(AnswerPlace::Body(FieldPath::member("t")));
        let url = token(AnswerPlace::Url(FieldPath::member("t")));
        for (text, is_number, is_url) in [
            ("CPDAlvWDx70CEPDAlvWDx70CGAU=", Some(false), false),
            ("17", Some(true), false),
            ("-1", Some(true), false),
            ("007", Some(false), false),
            ("1e3", Some(false), false),
            ("99999999999999999999", Some(false), false),
            ("https://api.example/delta?t=1", Some(false), true),
            ("", None, false),
        ] {
            let read = body.point(text);
            let found = read.as_ref().map(|cursor| match cursor {
                Cursor::Token(token) => token.is_number(),
                other => panic!("{other:?}"),
            });
            assert_eq!(found, is_number, "{text}");
            assert_eq!(read.map(|cursor| cursor.to_string()).unwrap_or_default(), text);
            assert_eq!(url.point(text).is_some(), is_url, "{text}");
        }
    }
}
