//! Smaller pages: when an error handler says that a page is too large, the same page is asked again with a smaller
//! page size. What is remembered lives as long as the reading of one slice.

use std::time::Duration;

use serde_json::Value;

use crate::component::{Component, Problem};
use crate::error::ReadError;

/// How a page size shrinks: a manifest's `PageSizeReduction`.
#[derive(Debug, Clone)]
pub struct PageSizeReduction {
    factor: f64,
    minimum: u32,
    attempts: u32,
    restores: bool,
    backoff: Duration,
    retries_at_minimum: u32,
    failure_message: Option<String>,
}

/// A whole number that a member is.
fn count(component: &Component, name: &str, default: u32, least: u32) -> Result<u32, Problem> {
    let number = match component.get(name) {
        None => Some(default),
        Some(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    let expected = || component.invalid(name, format!("a whole number from {least} is expected"));
    number.filter(|number| *number >= least).ok_or_else(expected)
}

/// A size divided by a factor above 1, without its fraction: the greatest number that times the factor stays within it.
fn divided(size: u32, factor: f64) -> u32 {
    let within = |tried: u32| f64::from(tried) * factor <= f64::from(size);
    (0..u32::BITS)
        .rev()
        .map(|bit| 1 << bit)
        .fold(0, |found, bit| if within(found | bit) { found | bit } else { found })
}

/// The page size of one slice while it is read.
#[derive(Debug, Clone)]
pub struct Reducer {
    rule: PageSizeReduction,
    configured: Option<u32>,
    reduced: Option<u32>,
    attempts: u32,
    retries: u32,
}

impl PageSizeReduction {
    /// The reduction that a component is.
    ///
    /// # Errors
    /// When a number in it is out of range.
    pub fn build(component: &Component) -> Result<Self, Problem> {
        let factor = component.get("reduction_factor").map_or(Some(2.0), Value::as_f64);
        let factor = component.required("reduction_factor", factor)?;
        if factor <= 1.0 {
            return Err(component.invalid("reduction_factor", "it is not above 1"));
        }
        let backoff = component.get("backoff_seconds").map_or(Some(0.5), Value::as_f64);
        let backoff = backoff.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Self {
            factor,
            minimum: count(component, "minimum_page_size", 1, 1)?,
            attempts: count(component, "max_attempts", 5, 1)?,
            restores: component.str("reset_policy") == Some("AFTER_SUCCESSFUL_PAGE"),
            backoff: component.required("backoff_seconds", backoff)?,
            retries_at_minimum: count(component, "retries_at_minimum_page_size", 0, 0)?,
            failure_message: component.str("failure_message").map(str::to_owned),
        })
    }

    /// What is remembered for a slice whose pages have a size in the manifest.
    pub fn begin(&self, configured: Option<u32>) -> Reducer {
        Reducer { rule: self.clone(), configured, reduced: None, attempts: 0, retries: 0 }
    }
}

impl Reducer {
    /// The page size to ask for, where it is another than the manifest's.
    pub fn reduced(&self) -> Option<u32> {
        self.reduced
    }

    /// A page was refused: the size shrinks, and the answer is how long to wait.
    ///
    /// # Errors
    /// When it cannot shrink any further.
    pub fn shrink(&mut self) -> Result<Duration, ReadError> {
        let Some(configured) = self.configured else {
            let message = "the service wants smaller pages, and the paginator has no page size";
            return Err(ReadError::Settings(message.to_owned()));
        };
        let current = self.reduced.unwrap_or(configured);
        let smaller = divided(current, self.rule.factor).max(self.rule.minimum);
        if smaller >= current {
            return self.wait_at_minimum(current);
        }
        self.attempts += 1;
        if self.attempts > self.rule.attempts {
            return Err(
                self.failure(&format!("the service refused pages of every size down to {current} records"))
            );
        }
        self.reduced = Some(smaller);
        Ok(self.rule.backoff * self.attempts)
    }

    fn wait_at_minimum(&mut self, current: u32) -> Result<Duration, ReadError> {
        if self.retries < self.rule.retries_at_minimum {
            self.retries += 1;
            return Ok(self.rule.backoff * self.retries);
        }
        Err(self.failure(&format!("the service refused pages of {current} records, the smallest allowed")))
    }

    fn failure(&self, message: &str) -> ReadError {
        match self.rule.failure_message.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(more) => ReadError::Settings(format!("{message}. {more}")),
            None => ReadError::Settings(message.to_owned()),
        }
    }

    /// A page was read.
    pub fn succeeded(&mut self) {
        self.attempts = 0;
        self.retries = 0;
        if self.rule.restores {
            self.reduced = None;
        }
    }
}
