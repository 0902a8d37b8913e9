//! Finds what a service says went wrong in an answer with a status of success: where the settings say, and in the usual
//! places. It only looks; what is done about it is the reader's.

mod value;

use std::time::Duration;

use raccord_compiler::connector::{ErrorPlace, HttpStream};
use raccord_compiler::select::{Found, Selector, Slot};
use raccord_model::field_path::{FieldPath, Step};
use serde_json::Value;

pub(super) use self::value::{MAX_TOLD, words};
use self::value::{is_failure, is_graphql_errors, is_no, says_error, says_something};
use super::graphql;

/// Where services put errors when nothing is declared.
const USUAL: [&str; 2] = ["error", "errors"];
/// The members that say whether a request succeeded.
const SUCCESS: [&str; 3] = ["success", "ok", "succeeded"];
/// The members that say in a word, or with a status of HTTP, how a request went.
const OUTCOMES: [&str; 6] = ["status", "result", "state", "code", "statusCode", "status_code"];
/// Where the words for people stand beside them, the best first.
const SAID: [&str; 7] =
    ["message", "msg", "detail", "reason", "description", "error_message", "errorMessage"];
/// What a service says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// In its own words, not masked yet.
    pub(crate) message: String,
    /// Whether asking again may help.
    pub(crate) again: Again,
}

/// Whether asking again may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Again {
    /// It will be the same.
    Never,
    /// The settings say so.
    MayHelp,
    /// The service limits us: after the wait, where it says how long that is.
    Limited(Option<Duration>),
}

/// Where errors are looked for.
#[derive(Debug)]
pub(crate) struct Complaints {
    declared: Option<Declared>,
    usual: Vec<Slot>,
    outcome: Outcome,
    /// Whether the records are where GraphQL has them, which reports errors beside them.
    is_graphql: bool,
    /// Where a query in GraphQL has its errors, and what the service says of its limits.
    queried: Option<Queried>,
    /// The same places by themselves, for an answer that is one object where a list was expected.
    apart: Option<Selector>,
}

/// Where an answer says how the request went, and with what words.
#[derive(Debug)]
struct Outcome {
    success: Vec<Slot>,
    outcomes: Vec<Slot>,
    said: Vec<Slot>,
}

#[derive(Debug)]
struct Declared {
    path: Slot,
    message: Option<Slot>,
    retry: bool,
}

#[derive(Debug)]
struct Queried {
    errors: Slot,
    extensions: Slot,
}

impl Complaints {
    /// Adds the places that are looked at to the paths of a selector.
    pub(crate) fn new(stream: &HttpStream, paths: &mut Vec<FieldPath>) -> Self {
        let records = &stream.extractor.records.0;
        let first = records.first();
        let is_member = |name: &str| matches!(first, Some(Step::Member(member)) if member == name);
        // Where the answer itself is the list, looking inside of it costs a second pass that only errors are worth.
        let mut own = Vec::new();
        let in_one_pass = !records.is_empty();
        let places = if in_one_pass { paths } else { &mut own };
        let mut add = |path: FieldPath| {
            places.push(path);
            places.len() - 1
        };
        let declared = stream.errors.as_ref().map(|errors| Declared {
            path: add(errors.path.clone()),
            message: errors.message.clone().map(&mut add),
            retry: errors.retry,
        });
        let queried = stream.is_graphql().then(|| Queried {
            errors: add(FieldPath::member("errors")),
            extensions: add(FieldPath::member("extensions")),
        });
        // Where the errors of a service are read as records they are no failure.
        let mut members = |names: &[&str]| -> Vec<Slot> {
            let names = names.iter().filter(|name| !is_member(name));
            names.map(|name| add(FieldPath::member(name))).collect()
        };
        let usual = members(&USUAL);
        let outcome =
            Outcome { success: members(&SUCCESS), outcomes: members(&OUTCOMES), said: members(&SAID) };
        let apart = (!in_one_pass).then(|| Selector::new(&own));
        Self { declared, usual, outcome, is_graphql: is_member("data"), queried, apart }
    }

    /// The usual places alone, whatever was asked. What stands in `member` is read as records.
    pub(crate) fn usual(member: Option<&str>) -> Self {
        let mut own = Vec::new();
        let mut places = |names: &[&str]| -> Vec<Slot> {
            let names = names.iter().filter(|name| member != Some(**name));
            let mut add = |name: &&str| {
                own.push(FieldPath::member(name));
                own.len() - 1
            };
            names.map(&mut add).collect()
        };
        let usual = places(&USUAL);
        let outcome = Outcome { success: places(&SUCCESS), outcomes: places(&OUTCOMES), said: places(&SAID) };
        let apart = Some(Selector::new(&own));
        Self { declared: None, usual, outcome, is_graphql: member == Some("data"), queried: None, apart }
    }

    /// What a body says went wrong in the places that are looked at by themselves.
    pub(crate) fn find_apart(&self, body: &[u8], beside: Beside) -> Option<Complaint> {
        let apart = self.apart.as_ref().filter(|_| body.trim_ascii_start().starts_with(b"{"))?;
        let mut inside = Found::default();
        apart.select(body, &mut inside).ok()?;
        self.judge(&inside, beside)
    }

    /// What an answer says went wrong. `found` is what the selector of the pages found in it.
    pub(crate) fn find(&self, body: &[u8], found: &Found<'_>) -> Option<Complaint> {
        match self.apart {
            Some(_) => self.find_apart(body, Beside::Nothing),
            None => self.judge(found, Beside::of(found)),
        }
    }

    fn judge(&self, found: &Found<'_>, beside: Beside) -> Option<Complaint> {
        let at = |slot: Slot| found.values.get(slot).copied().flatten();
        if let Some(declared) = &self.declared
            && let Some(raw) = at(declared.path).filter(|raw| says_something(raw))
        {
            let said = declared.message.and_then(at).filter(|raw| says_something(raw)).unwrap_or(raw);
            let again = if declared.retry { Again::MayHelp } else { Again::Never };
            return Some(Complaint { message: words(said), again });
        }
        if let Some(queried) = &self.queried
            && let Some(raw) = at(queried.errors).filter(|raw| says_something(raw))
        {
            return Some(graphql::complaint(raw, at(queried.extensions)));
        }
        let raw = self.usual.iter().find_map(|slot| {
            let raw = at(*slot).filter(|raw| says_something(raw))?;
            let counts = match beside {
                Beside::Nothing => true,
                // Where the settings say where errors are, their word counts before the usual places.
                Beside::EmptyList => self.declared.is_none() && says_error(raw),
                Beside::Records => false,
            };
            (counts || (self.is_graphql && is_graphql_errors(raw))).then_some(raw)
        });
        let message = match raw {
            Some(raw) => words(raw),
            None if beside == Beside::Records || self.declared.is_some() => return None,
            None => self.outcome.failure(at)?,
        };
        Some(Complaint { message, again: Again::Never })
    }
}

impl Outcome {
    /// What an answer without records says of its failure, given what stands at a slot.
    fn failure<'a>(&self, at: impl Fn(Slot) -> Option<&'a str>) -> Option<String> {
        let failed = |slots: &[Slot], is_failure: fn(&Value) -> bool| {
            let values = slots.iter().filter_map(|slot| serde_json::from_str(at(*slot)?).ok());
            values.into_iter().any(|value: Value| is_failure(&value))
        };
        if !failed(&self.success, is_no) && !failed(&self.outcomes, is_failure) {
            return None;
        }
        let said = self.said.iter().find_map(|slot| at(*slot).filter(|raw| says_something(raw)));
        Some(said.map_or_else(|| "it says that the request failed, and not why".to_owned(), words))
    }
}

/// What stands where the records were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// No list.
    Nothing,
    /// A list without records: the last page, or what a service sends when it could not answer.
    EmptyList,
    /// Records.
    Records,
}

impl Beside {
    const fn of(found: &Found<'_>) -> Self {
        match (found.has_list(), found.list.is_empty()) {
            (false, _) => Self::Nothing,
            (true, true) => Self::EmptyList,
            (true, false) => Self::Records,
        }
    }
}

/// What an answer that is one record says went wrong, where the settings look for it alone: a record may well have a field
/// `error`.
pub(crate) fn declared(errors: &ErrorPlace, body: &[u8]) -> Option<Complaint> {
    let paths = [Some(&errors.path), errors.message.as_ref()];
    let mut found = Found::default();
    Selector::new(paths.into_iter().flatten()).select(body, &mut found).ok()?;
    let mut said = found.values.iter().map(|raw| raw.filter(|raw| says_something(raw)));
    let raw = said.next().flatten()?;
    let message = words(said.next().flatten().unwrap_or(raw));
    Some(Complaint { message, again: if errors.retry { Again::MayHelp } else { Again::Never } })
}

/// Whether an error, or how a request went, is what a member of this name says.
pub(crate) fn is_usual(name: &str) -> bool {
    let lists: [&[&str]; 4] = [&USUAL, &SUCCESS, &OUTCOMES, &SAID];
    lists.iter().any(|names| names.contains(&name))
}

#[cfg(test)]
mod tests;
