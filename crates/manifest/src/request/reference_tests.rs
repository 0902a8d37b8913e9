//! What the reference sends for 1300 requesters and what is added to them. The cases were made by running `airbyte-cdk`
//! 7.39.1 and taking the request before it went out.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::component::Component;
use crate::exchange::Additions;
use crate::slice::Slice;
use crate::template::Context;

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn sent(requester: &Value, add: &Value, config: &Context) -> Value {
    let mut component = members(requester);
    component.insert("type".to_owned(), "HttpRequester".into());
    let Ok(builder) = RequestBuilder::new(&Component::new(component, "requester")) else {
        return json!("INVALID");
    };
    let slice = Slice {
        partition: members(&json!({"id": 7, "deep": {"a": [1]}})),
        cursor: members(&json!({"start_time": "2024-01-01"})),
        ..Slice::default()
    };
    let additions = Additions {
        parameters: members(&add["parameters"]),
        headers: members(&add["headers"]),
        form: members(&add["form"]),
        json: members(&add["json"]),
    };
    let ask = crate::exchange::Ask {
        slice: &slice,
        token: add.get("token"),
        path: add.get("path").and_then(Value::as_str),
        additions: &additions,
    };
    let asked =
        Asked { additions: &additions, credentials: &Additions::default(), path: ask.path, properties: None };
    let Ok(request) = builder.request(&ask.context(config), asked) else { return json!("ERROR") };
    let body = request.body.map(|body| String::from_utf8(body.to_vec()).unwrap());
    let headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str().into())).collect();
    let is_json = headers.get("content-type") == Some(&json!("application/json"));
    let body = match body {
        Some(body) if is_json => json!({"json": serde_json::from_str::<Value>(&body).unwrap()}),
        Some(body) => Value::from(body),
        None => Value::Null,
    };
    json!({"method": request.method, "url": request.url, "headers": headers, "body": body})
}

/// A URL or a form whose pairs are in order, for theirs is another one.
fn in_order(text: &str) -> String {
    let (before, pairs) = text.split_once('?').unwrap_or(("", text));
    let mut pairs: Vec<_> = pairs.split('&').collect();
    pairs.sort_unstable();
    format!("{before}?{}", pairs.join("&"))
}

fn comparable(mut request: Value) -> Value {
    for name in ["url", "body"] {
        if let Some(text) = request.get(name).and_then(Value::as_str).filter(|text| text.contains('&')) {
            request[name] = in_order(text).into();
        }
    }
    request
}

#[test]
fn requests_are_those_of_the_reference() {
    let all: Value = serde_json::from_str(include_str!("reference_cases.json")).unwrap();
    let config = Context::new(&Arc::new(all["config"].clone()));
    let mut wrong = Vec::new();
    for case in all["cases"].as_array().unwrap() {
        let found = comparable(sent(&case[0], &case[1], &config));
        let expected = comparable(case[2].clone());
        if found != expected {
            wrong.push(format!("{} {}:\n   {found}\n   {expected}", case[0], case[1]));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
