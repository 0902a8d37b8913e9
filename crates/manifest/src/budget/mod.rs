//! `HTTPAPIBudget`: how many requests may be sent in which time. It says how long to wait, and learns from answers what
//! is left; it never waits itself.
//!
//! Where the reference would wait ten days, because a window has no end before the service names one, a window here
//! begins with its first request.

mod matcher;
mod window;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::component::{Component, Problem};
use crate::template::Context;
use crate::transport::{Request, Response};

pub(crate) use matcher::Matcher;
use window::{Fixed, Moving};

/// What may be sent, compiled, and what was sent.
#[derive(Debug)]
pub struct Budget {
    policies: Vec<Policy>,
    reset: String,
    remaining: String,
    exhausted: Vec<u16>,
}

#[derive(Debug)]
struct Policy {
    matchers: Vec<Matcher>,
    spent: Mutex<Spent>,
}

#[derive(Debug)]
enum Spent {
    Fixed(Fixed),
    Moving(Moving),
    Unlimited,
}

impl Budget {
    /// The budget that a component describes.
    ///
    /// # Errors
    /// When it is wrong.
    pub fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        if component.kind() != "HTTPAPIBudget" {
            return Err(component.unsupported());
        }
        let name = |member: &str, otherwise: &str| component.str(member).unwrap_or(otherwise).to_owned();
        let codes = component.get("status_codes_for_ratelimit_hit").and_then(Value::as_array);
        let exhausted = codes.map(|codes| {
            codes.iter().filter_map(|code| u16::try_from(code.as_u64()?).ok()).collect::<Vec<_>>()
        });
        let policies = component.children("policies");
        Ok(Self {
            policies: policies.iter().map(|it| Policy::new(it, config)).collect::<Result<_, _>>()?,
            reset: name("ratelimit_reset_header", "ratelimit-reset"),
            remaining: name("ratelimit_remaining_header", "ratelimit-remaining"),
            exhausted: exhausted.filter(|codes| !codes.is_empty()).unwrap_or_else(|| vec![429]),
        })
    }

    /// Spends a request. Where nothing is left, nothing is spent, and the answer is how long to wait before the next
    /// attempt.
    ///
    /// # Errors
    /// The wait.
    pub fn spend(&self, request: &Request, now: Timestamp) -> Result<(), Duration> {
        let Some((policy, weight)) = self.policy(request) else { return Ok(()) };
        match &mut *policy.spent.lock().unwrap_or_else(PoisonError::into_inner) {
            Spent::Fixed(window) => window.spend(weight, now),
            Spent::Moving(window) => window.spend(weight, now),
            Spent::Unlimited => Ok(()),
        }
    }

    /// Learns from an answer what is left.
    pub fn learn(&self, request: &Request, answer: &Response, now: Timestamp) {
        let Some((policy, _)) = self.policy(request) else { return };
        let header = |wanted: &str| {
            let found = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.trim().parse::<i64>().ok())
        };
        let left = header(&self.remaining)
            .map(|left| u64::try_from(left).unwrap_or(0))
            .or_else(|| self.exhausted.contains(&answer.status).then_some(0));
        let reset = header(&self.reset).and_then(|reset| instant(reset, now));
        match &mut *policy.spent.lock().unwrap_or_else(PoisonError::into_inner) {
            Spent::Fixed(window) => window.learn(left, reset, now),
            Spent::Moving(window) => {
                if left == Some(0) && reset.is_none() {
                    window.exhaust(now);
                }
            }
            Spent::Unlimited => {}
        }
    }

    /// The first policy that is about a request, and what the request counts.
    fn policy(&self, request: &Request) -> Option<(&Policy, u64)> {
        self.policies.iter().find_map(|policy| {
            if policy.matchers.is_empty() {
                return Some((policy, 1));
            }
            let matcher = policy.matchers.iter().find(|matcher| matcher.matches(request))?;
            Some((policy, matcher.weight()))
        })
    }
}

/// When a window ends: seconds since 1970, or from now where the number is too small for that.
fn instant(seconds: i64, now: Timestamp) -> Option<Timestamp> {
    const SMALLEST: i64 = 1_000_000_000;
    if seconds < SMALLEST {
        now.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?)).ok()
    } else {
        Timestamp::from_second(seconds).ok()
    }
}

impl Policy {
    fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let spent = match component.kind() {
            "FixedWindowCallRatePolicy" => Spent::Fixed(Fixed::new(
                count(component, "call_limit", config)?,
                period(component, "period", config, "")?,
            )),
            "MovingWindowCallRatePolicy" => {
                let rate = |rate: &Component| {
                    Ok((count(rate, "limit", config)?, period(rate, "interval", config, "")?))
                };
                let rates = component.children("rates");
                if rates.is_empty() {
                    return Err(component.invalid("rates", "it is empty"));
                }
                Spent::Moving(Moving::new(rates.iter().map(rate).collect::<Result<_, Problem>>()?))
            }
            "UnlimitedCallRatePolicy" => Spent::Unlimited,
            _ => return Err(component.unsupported()),
        };
        let matchers = component.children("matchers");
        let matchers: Vec<Matcher> =
            matchers.iter().map(|it| Matcher::new(it, config)).collect::<Result<_, _>>()?;
        let heaviest = matchers.iter().map(Matcher::weight).max().unwrap_or(1);
        let least = match &spent {
            Spent::Fixed(window) => window.limit(),
            Spent::Moving(window) => window.limit(),
            Spent::Unlimited => u64::MAX,
        };
        if heaviest > least {
            return Err(component.invalid("matchers", "a request counts more than there is to spend"));
        }
        Ok(Self { matchers, spent: Mutex::new(spent) })
    }
}

fn count(component: &Component, member: &str, config: &Context) -> Result<u64, Problem> {
    let template = component.required(member, component.template(member)?)?;
    let text = template.text(config).map_err(|error| component.invalid(member, error))?;
    text.trim().parse().map_err(|_| component.invalid(member, "a number is expected"))
}

/// A duration such as `PT1M`; the one that is given where none is stated.
pub(crate) fn period(
    component: &Component,
    member: &str,
    config: &Context,
    otherwise: &str,
) -> Result<Duration, Problem> {
    let template =
        component.template(member)?.map_or_else(|| component.template_of(member, otherwise), Ok)?;
    let text = template.text(config).map_err(|error| component.invalid(member, error))?;
    let wrong = || component.invalid(member, "a duration such as PT1M is expected");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let begin = Timestamp::UNIX_EPOCH.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let end = begin.checked_add(span).map_err(|_| wrong())?;
    Duration::try_from(end.timestamp().duration_since(begin.timestamp())).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
