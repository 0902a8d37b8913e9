//! Which requests a policy is about: `HttpRequestRegexMatcher`.

use fancy_regex::Regex;
use serde_json::Value;
use url::Url;

use crate::component::{Component, Problem};
use crate::request::text::python_text;
use crate::template::Context;
use crate::transport::Request;

/// A matcher, compiled.
#[derive(Debug)]
pub(crate) struct Matcher {
    method: Option<String>,
    /// The origin, and the path that it begins with, if any.
    base: Option<Url>,
    path: Option<Regex>,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    weight: u64,
}

impl Matcher {
    pub(crate) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let text = |member: &str| -> Result<Option<String>, Problem> {
            let template = component.template(member)?;
            let text = template
                .map(|it| it.text(config).map_err(|error| component.invalid(member, error)))
                .transpose()?;
            Ok(text.filter(|text| !text.is_empty()))
        };
        let base = text("url_base")?
            .map(|base| base.parse().map_err(|_| component.invalid("url_base", "a URL is expected")))
            .transpose()?;
        let path = text("url_path_pattern")?
            .map(|pattern| Regex::new(&pattern).map_err(|error| component.invalid("url_path_pattern", error)))
            .transpose()?;
        let weight = match text("weight")? {
            None => 1,
            Some(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|weight| *weight > 0)
                .ok_or_else(|| component.invalid("weight", "a number from 1 is expected"))?,
        };
        Ok(Self {
            method: text("method")?.map(|method| method.to_ascii_uppercase()),
            base,
            path,
            parameters: pairs(component, "params"),
            headers: pairs(component, "headers"),
            weight,
        })
    }

    /// What a request counts.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    pub(crate) fn matches(&self, request: &Request) -> bool {
        let Ok(url) = Url::parse(&request.url) else { return false };
        if self.method.as_ref().is_some_and(|method| *method != request.method) {
            return false;
        }
        let below = |base: &Url| {
            base.origin() == url.origin() && url.path().starts_with(base.path().trim_end_matches('/'))
        };
        if !self.base.as_ref().is_none_or(below) {
            return false;
        }
        let path = url.path().trim_end_matches('/');
        if !self.path.as_ref().is_none_or(|pattern| pattern.is_match(path).unwrap_or(false)) {
            return false;
        }
        let has_parameter = |(name, value): &(String, String)| {
            url.query_pairs().any(|(known, stated)| known == *name && stated == *value)
        };
        let has_header = |(name, value): &(String, String)| {
            request.headers.iter().any(|(known, stated)| known.eq_ignore_ascii_case(name) && stated == value)
        };
        self.parameters.iter().all(has_parameter) && self.headers.iter().all(has_header)
    }
}

fn pairs(component: &Component, member: &str) -> Vec<(String, String)> {
    let members = component.get(member).and_then(Value::as_object);
    members.into_iter().flatten().map(|(name, value)| (name.clone(), python_text(value))).collect()
}
