//! The reader of a page: in which language it is written, as whom the person is signed in, and what they may do.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use raccord_model::fact::Role;
use raccord_model::language::integration::Language;

use super::cookie;
use super::session::Person;
use super::text::Texts;
use crate::access::required;
use crate::request::Sort;
use crate::transport::{Caller, Way};

/// Who reads a page.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// In which language.
    pub(super) language: Language,
    /// As whom the person is signed in, as the audit log names them; none without a session.
    pub(super) name: Option<String>,
    /// What every form carries; empty without a session.
    pub(super) csrf: String,
    /// Whether the daemon that is asked stands by, and changes nothing for any reader.
    pub(super) looks_only: bool,
    roles: BTreeSet<Role>,
}

impl Reader {
    /// A person who is not signed in.
    pub(super) fn stranger(headers: &HeaderMap) -> Self {
        let language = cookie::language(headers).unwrap_or_else(|| accepted(headers));
        Self { language, name: None, csrf: String::new(), looks_only: false, roles: BTreeSet::new() }
    }

    /// The same person at a daemon that changes nothing, or at one that works.
    pub(super) fn at(self, looks_only: bool) -> Self {
        Self { looks_only, ..self }
    }

    /// The same person, who has said who they are and may do nothing.
    pub(super) fn known_as(self, name: String) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The same person, who may look at everything without a session.
    pub(super) fn looking(self) -> Self {
        Self { roles: BTreeSet::from([Role::Read]), ..self }
    }

    /// The same person, signed in.
    pub(super) fn signed_in(self, person: Person, csrf: String) -> Self {
        Self { name: Some(person.name), csrf, roles: person.roles, ..self }
    }

    /// The words of the page.
    pub(super) const fn texts(&self) -> &'static Texts {
        Texts::of(self.language)
    }

    /// Whether the reader has a role.
    pub(super) fn has(&self, role: Role) -> bool {
        self.roles.iter().any(|own| own.includes(role))
    }

    /// Whether the reader may ask a request of a sort here. What no caller may ask over HTTP is asked on no page, and a daemon
    /// that stands by is asked for no change.
    pub(super) fn may(&self, sort: Sort) -> bool {
        let is_answered = !(self.looks_only && sort.changes());
        is_answered && self.has(required(sort)) && crate::access::admit(sort, Way::Http).is_ok()
    }

    /// As whom the reader asks.
    pub(super) fn caller(&self) -> Caller {
        let name = self.name.clone().unwrap_or_else(|| "a reader of the public console".to_owned());
        Caller { name: Some(name), way: Way::Http }
    }
}

/// A language by its code.
pub(super) fn language(code: &str) -> Option<Language> {
    [Language::En, Language::Fr].into_iter().find(|language| self::code(*language) == code)
}

/// The code of a language (BCP 47).
pub(super) const fn code(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Fr => "fr",
    }
}

/// The language that a browser prefers, of those there are.
fn accepted(headers: &HeaderMap) -> Language {
    let texts = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0.0, Language::En);
    for wish in texts.flat_map(|text| text.split(',')) {
        let mut parts = wish.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        let own = language(tag.split('-').next().unwrap_or_default());
        if let (Some(own), Ok(weight)) = (own, weight) {
            // Of two that are liked as much, the first.
            if weight > best.0 {
                best = (weight, own);
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_liked_most() {
        let check = |accept: &str, cookie: &str, expected: Language| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_str(accept).unwrap());
            headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
            assert_eq!(Reader::stranger(&headers).language, expected, "{accept} {cookie}");
        };
        check("", "", Language::En);
        check("de, fr-CH;q=0.8, en;q=0.7", "", Language::Fr);
        check("en-GB,en;q=0.9,fr;q=0.8", "", Language::En);
        check("FR", "", Language::Fr);
        check("fr;q=0, en;q=0.1", "", Language::En);
        check("fr;q=x", "", Language::En);
        check("de", "", Language::En);
        check("fr", "raccord-language=en", Language::En);
        check("en", "raccord-language=fr", Language::Fr);
        check("fr", "raccord-language=xx", Language::Fr);
    }

    #[test]
    fn a_reader_may_what_the_roles_allow() {
        let stranger = Reader::stranger(&HeaderMap::new());
        assert!(!stranger.may(Sort::Status) && stranger.clone().looking().may(Sort::Status));
        assert!(!stranger.looking().may(Sort::Resume));
        let ann = Person { name: "ann (token)".to_owned(), roles: BTreeSet::from([Role::Operate]) };
        let reader = Reader::stranger(&HeaderMap::new()).signed_in(ann, "csrf".to_owned());
        assert!(reader.may(Sort::Resume) && reader.may(Sort::Status) && !reader.may(Sort::Apply));
        assert!(!reader.may(Sort::CreateToken), "tokens are made on the machine alone");
    }
}
