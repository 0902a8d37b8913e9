//! Which records the reference selects in 400 answers, and what it makes of them. The cases were made by running
//! `airbyte-cdk` 7.39.1.

use bytes::Bytes;
use serde_json::json;

use super::*;

fn component(value: &Value) -> Component {
    Component::new(value.as_object().unwrap().clone(), "selector")
}

/// A number is a number, whether it is written with a point or not; the order of members says nothing.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(comparable).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), comparable(value))).collect())
        }
        other => other.clone(),
    }
}

#[test]
fn records_are_those_of_the_reference() {
    let all: Value = serde_json::from_str(include_str!("reference_cases.json")).unwrap();
    let at = |name: &str, index: &Value| all[name][usize::try_from(index.as_u64().unwrap()).unwrap()].clone();
    let service =
        Arc::new(Service::new(Arc::new(crate::script::Script::new(&[])), &Arc::new(all["config"].clone())));
    let slice = Slice {
        partition: json!({"p": 7}).as_object().unwrap().clone(),
        cursor: json!({"start_time": "t0"}).as_object().unwrap().clone(),
        ..Slice::default()
    };
    let mut wrong = Vec::new();
    for case in all["cases"].as_array().unwrap() {
        let transformations: Vec<_> = case[1].as_array().unwrap().iter().map(component).collect();
        let schema = Arc::new(at("schemas", &case[3]));
        let parts = Parts {
            selector: &component(&case[0]),
            decoder: None,
            transformations: &transformations,
            schema: Some(&schema),
            client_side: false,
        };
        let body = at("bodies", &case[2]).as_str().unwrap().to_owned();
        let answer = Response { status: 200, headers: Vec::new(), body: Bytes::from(body.clone()) };
        let found = match RecordSelector::new(parts, &service) {
            Err(problem) => json!(problem.to_string()),
            Ok(selector) => match selector.select(&answer, &slice, Some(&json!("tok"))) {
                Err(_) => json!("ERROR"),
                Ok(found) => {
                    let records: Vec<_> = found.records.iter().map(Record::value).collect();
                    json!({"records": records, "count": found.extracted})
                }
            },
        };
        if comparable(&found) != comparable(&case[4]) {
            wrong.push(format!("{} {} {body:.60}:\n   {found}\n   {}", case[0], case[1], case[4]));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
