//! The tokens of a service: what each says, which of them it still knows, and where they stand in an answer.

use serde_json::json;

use crate::form::{TokenPlace, Tokens};
use crate::pages::{Draft, number};
use crate::service::{Asked, Fault, Record, Service};

/// What a page shows.
pub(crate) struct Shown<'a> {
    /// When the first page of its chain was asked for.
    pub(crate) opened: i64,
    /// How many records stand before it.
    pub(crate) begin: usize,
    /// Whether no page follows.
    pub(crate) is_last: bool,
    /// The last record on it or before it.
    pub(crate) last: Option<&'a Record>,
}

impl Asked {
    /// The token that a request sends.
    pub(crate) fn token(&self) -> Option<i64> {
        self.query.get("token")?.trim_start_matches('t').parse().ok()
    }

    /// Whether it asks for a first page.
    fn is_first(&self) -> bool {
        let is_later = |name, first| number(self, name).is_some_and(|number| number > first);
        !(is_later("page", 1) || is_later("offset", 0) || self.query.contains_key("after"))
    }
}

impl Service {
    /// Removes a record, of which those are told who send a token.
    pub(crate) fn bury(&mut self, id: u32) {
        let Some(record) = self.records.remove(&id) else { return };
        self.graves.insert(id, Record { changed: self.now, before: None, is_deleted: true, ..record });
    }

    /// Whether the token of a request is no longer known. What went before one that is refused is not told any more, nor what
    /// went since a reading that has to begin anew without one.
    pub(crate) fn refuses_token(&mut self, asked: &Asked, fault: Option<Fault>) -> bool {
        if self.form.has_parents && Self::parent(asked).is_none() {
            return false;
        }
        let (token, is_forgotten) = (asked.token(), asked.token().is_some_and(|token| token < self.oldest));
        self.has_forgotten |= match token {
            Some(_) => is_forgotten || fault == Some(Fault::Status(410)),
            None => asked.is_first() && self.hides_deletions(asked),
        };
        let shown: Vec<u32> = self.visible(asked).into_iter().map(|(id, _)| id).collect();
        self.shown.extend(shown);
        is_forgotten
    }

    /// Whether a record was shown before and is gone without a trace for those who ask without a token.
    fn hides_deletions(&self, asked: &Asked) -> bool {
        let parent = Self::parent(asked);
        let is_known = |(id, grave): (&u32, &Record)| {
            parent.is_none_or(|parent| grave.parent == parent)
                && self.found_by(grave).is_some()
                && self.shown.contains(id)
        };
        self.shown_graves(None).next().is_none() && self.graves.iter().any(is_known)
    }

    /// Whether a record is shown to those who send a token.
    pub(crate) fn is_later(&self, record: &Record, token: i64) -> bool {
        let is_inclusive = self.form.tokens == Tokens::Position;
        self.found_by(record).is_some_and(|at| at > token || is_inclusive && at == token)
    }

    /// The records that are gone and shown as such, to those who send a token or to all.
    pub(crate) fn shown_graves(&self, token: Option<i64>) -> impl Iterator<Item = (&u32, &Record)> {
        let shows = self.tells_deletions && (token.is_some() || self.form.tokens == Tokens::Position);
        self.graves.iter().filter(move |(_, grave)| shows && self.found_by(grave).is_some())
    }

    /// Where a page is, with what the link to it carries along.
    pub(crate) fn carrying(&self, after: &str, opened: i64) -> String {
        if self.form.tokens == Tokens::Begin { format!("{after}~{opened}") } else { after.to_owned() }
    }

    /// Adds the token for the next reading to a page.
    pub(crate) fn add_token(
        &self,
        asked: &Asked,
        fault: Option<Fault>,
        shown: &Shown<'_>,
        draft: &mut Draft,
    ) {
        // Of what is not shown to all yet, it says nothing.
        let known_by = match self.form.tokens {
            Tokens::Begin => shown.is_last.then_some(shown.opened - self.lag),
            Tokens::Now => Some(self.now - self.lag),
            Tokens::Position => shown.last.and_then(|last| self.found_by(last)).or(asked.token()),
        };
        let may_be_missing = self.form.tokens == Tokens::Begin || shown.begin > 0;
        let is_missing = fault == Some(Fault::NoToken) && may_be_missing;
        let Some(at) = known_by.filter(|_| !is_missing) else { return };
        match self.form.token_place {
            TokenPlace::Header => draft.headers.push(("sync-token", format!("t{at}").into_bytes())),
            TokenPlace::Body => {
                let is_unreadable = fault == Some(Fault::UnreadableToken);
                let token = if is_unreadable { json!({"t": at}) } else { json!(at) };
                draft.body.insert("token".to_owned(), token);
            }
        }
    }
}
