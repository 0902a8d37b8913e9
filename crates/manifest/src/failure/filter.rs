//! `HttpResponseFilter`: which answers a rule is about, and what it says of them.

use serde_json::Value;

use super::{Action, Seen, Verdict, message_of, standard};
use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::template::{Context, Template};

/// A rule.
#[derive(Debug)]
pub(super) struct ResponseFilter {
    action: Option<Action>,
    failure: Option<FailureKind>,
    statuses: Vec<u16>,
    contains: Option<String>,
    predicate: Option<Template>,
    message: Option<Template>,
}

impl ResponseFilter {
    pub(super) fn new(component: &Component) -> Result<Self, Problem> {
        let action = match component.str("action") {
            None => None,
            Some("SUCCESS") => Some(Action::Success),
            Some("FAIL") => Some(Action::Fail),
            Some("RETRY") => Some(Action::Retry),
            Some("IGNORE") => Some(Action::Ignore),
            Some("RESET_PAGINATION") => Some(Action::ResetPagination),
            Some("RATE_LIMITED") => Some(Action::RateLimited),
            Some("REFRESH_TOKEN_THEN_RETRY") => Some(Action::RefreshThenRetry),
            Some("REDUCE_PAGE_SIZE") => Some(Action::ReducePageSize),
            Some("SPLIT_REQUEST_WINDOW") => Some(Action::SplitWindow),
            Some(other) => return Err(component.invalid("action", format!("`{other}` is no action"))),
        };
        let failure = match component.str("failure_type") {
            None => None,
            Some("system_error") => Some(FailureKind::System),
            Some("config_error") => Some(FailureKind::Config),
            Some("transient_error") => Some(FailureKind::Transient),
            Some(other) => {
                return Err(component.invalid("failure_type", format!("`{other}` is no kind of failure")));
            }
        };
        let status = |code: &Value| {
            let number = code.as_u64().or_else(|| code.as_str()?.trim().parse().ok());
            number
                .and_then(|number| u16::try_from(number).ok())
                .ok_or_else(|| component.invalid("http_codes", "a list of statuses is expected"))
        };
        let codes = component.get("http_codes").and_then(Value::as_array);
        let filled = |name: &str| -> Result<Option<Template>, Problem> {
            Ok(component.template(name)?.filter(|template| !template.source().is_empty()))
        };
        Ok(Self {
            action,
            failure,
            statuses: codes.into_iter().flatten().map(status).collect::<Result<_, _>>()?,
            contains: component
                .str("error_message_contains")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            predicate: filled("predicate")?,
            message: filled("error_message")?,
        })
    }

    /// What the rule says of an answer; none where it is not about it. A rule without an action says nothing, and an
    /// absent answer is no rule's business.
    pub(super) fn verdict(&self, seen: &Seen<'_>, config: &Context) -> Result<Option<Verdict>, ReadError> {
        let (Some(action), Ok(answer)) = (self.action, seen.answer) else { return Ok(None) };
        if !(self.statuses.contains(&answer.status) || self.holds(seen)? || self.is_contained(seen)) {
            return Ok(None);
        }
        let standard = standard::by_status(answer.status);
        let own = match &self.message {
            Some(message) => Some(message.text(&seen.context(config))?).filter(|text| !text.is_empty()),
            None => None,
        };
        let failure = match (&standard, self.failure) {
            (_, Some(failure)) if action == Action::Fail => failure,
            (Some(standard), _) => standard.failure,
            (None, _) => FailureKind::System,
        };
        let message = own.or_else(|| standard.and_then(|standard| standard.message));
        Ok(Some(Verdict { action, failure, message }))
    }

    fn holds(&self, seen: &Seen<'_>) -> Result<bool, ReadError> {
        match &self.predicate {
            Some(predicate) => Ok(predicate.is_true(&seen.context(&Context::default()))?),
            None => Ok(false),
        }
    }

    fn is_contained(&self, seen: &Seen<'_>) -> bool {
        let (Some(wanted), Ok(answer)) = (&self.contains, seen.answer) else { return false };
        message_of(answer).is_some_and(|message| message.contains(wanted.as_str()))
    }
}
