//! The values of a list as what records of a parent are: one page of them, which no service is asked for.

use std::ops::Range;

use raccord_compiler::connector::ListRouter;
use reqwest::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use super::fetched::Fetched;

/// The page of all combinations: an object each, its members called as the lists are.
pub(crate) fn page(router: &ListRouter, url: Url) -> Fetched {
    let (mut body, mut spans) = (String::new(), Vec::<Range<usize>>::new());
    for combination in &router.combinations {
        let start = body.len();
        let members = router.names.iter().cloned().zip(combination.iter().cloned().map(Value::from));
        body.push_str(&Value::Object(members.collect::<Map<_, _>>()).to_string());
        spans.push(start..body.len());
    }
    Fetched {
        status: StatusCode::OK.as_u16(),
        url,
        body: body.into(),
        spans,
        outers: Vec::new(),
        faults: Vec::new(),
        position: String::new(),
        parent: None,
        partition: None,
        ends_partition: false,
        spot: None,
        next: None,
        by_position: false,
        total: None,
        token: None,
    }
}

/// A combination in words: `region ca, tier 1`.
pub(crate) fn describe(router: &ListRouter, at: usize) -> String {
    let values = router.combinations.get(at).into_iter().flatten();
    let named = router.names.iter().zip(values).map(|(name, value)| format!("{name} {value}"));
    named.collect::<Vec<_>>().join(", ")
}
