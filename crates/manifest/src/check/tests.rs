//! Checks against a service by script.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{check, overridden};
use crate::connector::Connector;
use crate::load::load;
use crate::script::Script;
use crate::service::Service;

fn manifest(check: &Value) -> Value {
    let retriever = |path: &str| {
        json!({
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": "https://a.example/", "path": path},
            "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["items"]}},
        })
    };
    let resolver = json!({"type": "ParametrizedComponentsResolver",
        "stream_parameters": {"type": "StreamParametersDefinition", "list_of_parameters_for_stream": [{"n": "x"}, {"n": "y"}]},
        "components_mapping": [{"type": "ComponentMappingDefinition", "field_path": ["name"], "value": "{{ components_values.n }}"}]});
    json!({
        "check": check,
        "streams": [{"type": "DeclarativeStream", "name": "a", "retriever": retriever("a")},
            {"type": "DeclarativeStream", "name": "b", "retriever": retriever("b")}],
        "dynamic_streams": [{"type": "DynamicDeclarativeStream", "components_resolver": resolver,
            "stream_template": {"type": "DeclarativeStream", "name": "", "retriever": retriever("later")}}],
    })
}

async fn checked(check_component: Value, config: Value, answers: &[(u16, Value)]) -> Vec<String> {
    let script = Arc::new(Script::new(answers));
    let service = Service::new(script.clone(), &Arc::new(config));
    let manifest = load(&manifest(&check_component).to_string()).unwrap();
    match check(&Connector::new(manifest, service, script)).await {
        Ok(checked) => {
            let shown = |failed: bool| if failed { "fails" } else { "is fine" };
            checked.iter().map(|one| format!("{} {}", one.stream, shown(one.failure.is_some()))).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

#[tokio::test]
async fn streams_are_read_up_to_their_first_record() {
    let (some, none, refused) =
        ((200, json!({"items": [{"id": 1}]})), (200, json!({"items": []})), (401, json!({})));
    let names = |names: &[&str]| json!({"type": "CheckStream", "stream_names": names});
    assert_eq!(checked(names(&["a"]), json!({}), std::slice::from_ref(&some)).await, ["a is fine"]);
    assert_eq!(
        checked(names(&["a", "b"]), json!({}), &[none.clone(), refused]).await,
        ["a is fine", "b fails"]
    );
    assert_eq!(checked(names(&["y"]), json!({}), std::slice::from_ref(&some)).await, ["y is fine"]);
    let missing = "check.stream_names: there is no stream `nope`";
    assert_eq!(checked(names(&["nope"]), json!({}), &[]).await, [missing]);
    let config = json!({"__airbyte_check_stream_names": ["b"]});
    assert_eq!(checked(names(&["a"]), config, std::slice::from_ref(&some)).await, ["b is fine"]);
    let counted = json!({"type": "CheckStream", "dynamic_streams_check_configs": [
        {"type": "DynamicStreamCheckConfig", "dynamic_stream_name": "dynamic_stream_0", "stream_count": 1}]});
    assert_eq!(checked(counted, json!({}), std::slice::from_ref(&some)).await, ["x is fine"]);
    let first =
        |more: bool| json!({"type": "CheckDynamicStream", "stream_count": 3, "use_check_availability": more});
    let answers = [some.clone(), none, some];
    assert_eq!(checked(first(true), json!({}), &answers).await, ["a is fine", "b is fine", "x is fine"]);
    assert!(checked(first(false), json!({}), &[]).await.is_empty());
}

#[test]
fn a_check_may_have_a_configuration_of_its_own() {
    let check = json!({"type": "CheckStream", "config_overrides": {"days": 1, "__airbyte_check_stream_names": ["a"]}});
    let manifest = load(&manifest(&check).to_string()).unwrap();
    assert_eq!(overridden(&manifest, json!({"days": 90, "key": "k"})), json!({"days": 1, "key": "k"}));
}
