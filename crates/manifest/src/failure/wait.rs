//! The backoff strategies: how long the manifest wants to wait before a request is sent again, in seconds.

use fancy_regex::Regex;
use serde_json::Value;

use super::{Moment, Seen};
use crate::component::{Component, Problem};
use crate::error::{FailureKind, ReadError};
use crate::template::{Context, Template};

/// A strategy, compiled.
#[derive(Debug)]
pub(super) enum Strategy {
    Constant { seconds: Template, jitter: f64 },
    Exponential { factor: Option<Template>, jitter: f64 },
    ForHeader { header: Header, most: Option<f64> },
    UntilHeader { header: Header, least: Option<f64>, most: Option<f64> },
    Response { seconds: Template, most: Option<f64> },
}

/// A number in a header.
#[derive(Debug)]
pub(super) struct Header {
    name: String,
    pattern: Option<Regex>,
}

/// What an exponential wait is multiplied with where nothing is said.
const FACTOR: f64 = 5.0;

impl Strategy {
    pub(super) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let most = || number(component, "max_waiting_time_in_seconds", config);
        let jitter = component.get("jitter_range_in_seconds").and_then(Value::as_f64).unwrap_or(0.0);
        let needed = |name: &str| component.template(name).and_then(|it| component.required(name, it));
        Ok(match component.kind() {
            "ConstantBackoffStrategy" => {
                Self::Constant { seconds: needed("backoff_time_in_seconds")?, jitter }
            }
            "ExponentialBackoffStrategy" => {
                Self::Exponential { factor: component.template("factor")?, jitter }
            }
            "WaitTimeFromHeader" => {
                Self::ForHeader { header: Header::new(component, config)?, most: most()? }
            }
            "WaitUntilTimeFromHeader" => Self::UntilHeader {
                header: Header::new(component, config)?,
                least: number(component, "min_wait", config)?,
                most: most()?,
            },
            "WaitTimeFromResponse" => {
                Self::Response { seconds: needed("wait_time_in_seconds")?, most: most()? }
            }
            _ => return Err(component.unsupported()),
        })
    }

    pub(super) fn wait(&self, seen: &Seen<'_>, at: Moment<'_>) -> Result<Option<f64>, ReadError> {
        match self {
            Self::Constant { seconds, jitter } => {
                let value = seconds.value(at.config)?;
                let seconds = float(&value).ok_or_else(|| wrong("backoff_time_in_seconds"))?;
                Ok(Some(seconds + 2.0 * jitter * at.random))
            }
            Self::Exponential { factor, jitter } => {
                let factor = match factor {
                    Some(factor) => float(&factor.value(at.config)?).ok_or_else(|| wrong("factor"))?,
                    None => FACTOR,
                };
                let exponent = i32::try_from(at.attempt).unwrap_or(i32::MAX);
                Ok(Some(factor * 2.0_f64.powi(exponent) + 2.0 * jitter * at.random))
            }
            Self::ForHeader { header, most } => {
                header.number(seen).map(|it| allowed(it, *most, seen)).transpose()
            }
            Self::UntilHeader { header, least, most } => {
                let wait = header.number(seen).filter(|until| *until != 0.0).map(|until| until - at.now);
                let wait = match (wait, least.filter(|least| *least != 0.0)) {
                    (Some(wait), Some(least)) => Some(wait.max(least)),
                    (Some(wait), None) => Some(wait).filter(|wait| *wait >= 0.0),
                    (None, least) => least,
                };
                wait.map(|wait| allowed(wait, *most, seen)).transpose()
            }
            Self::Response { seconds, most } => {
                // An answer without the number is the next strategy's business.
                let value = seconds.value(&seen.context(at.config)).ok().as_ref().and_then(float);
                value
                    .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
                    .map(|wait| allowed(wait, *most, seen))
                    .transpose()
            }
        }
    }
}

impl Header {
    fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let text = |name: &str| -> Result<Option<String>, Problem> {
            let template = component.template(name)?;
            template
                .map(|template| template.text(config).map_err(|error| component.invalid(name, error)))
                .transpose()
        };
        let name = component.required("header", text("header")?)?;
        let pattern = text("regex")?
            .filter(|pattern| !pattern.is_empty())
            .map(|pattern| {
                Regex::new(&format!("^(?:{pattern})")).map_err(|error| component.invalid("regex", error))
            })
            .transpose()?;
        Ok(Self { name, pattern })
    }

    fn number(&self, seen: &Seen<'_>) -> Option<f64> {
        let headers = &seen.answer.ok()?.headers;
        let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.name))?;
        let matched = self.pattern.as_ref().and_then(|pattern| pattern.find(value).ok().flatten());
        matched.map_or(value.as_str(), |found| found.as_str()).trim().parse().ok()
    }
}

/// The wait, unless it is as long as the manifest's limit or longer.
fn allowed(wait: f64, most: Option<f64>, seen: &Seen<'_>) -> Result<f64, ReadError> {
    match (most, seen.answer) {
        (Some(most), Ok(answer)) if wait != 0.0 && wait >= most => Err(ReadError::Status {
            status: answer.status,
            url: seen.url.to_owned(),
            message: format!(
                "the service asks for a wait of {wait} seconds, and less than {most} are allowed"
            ),
            failure: FailureKind::Transient,
        }),
        _ => Ok(wait),
    }
}

fn number(component: &Component, member: &str, config: &Context) -> Result<Option<f64>, Problem> {
    let Some(template) = component.template(member)? else { return Ok(None) };
    let value = template.value(config).map_err(|error| component.invalid(member, error))?;
    match float(&value).filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None => Err(component.invalid(member, "a number is expected")),
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn wrong(member: &str) -> ReadError {
    ReadError::Settings(format!("`{member}` of a backoff strategy is no number"))
}
