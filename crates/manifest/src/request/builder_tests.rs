use std::sync::Arc;

use serde_json::json;

use super::*;

fn component(value: &Value) -> Component {
    Component::new(value.as_object().unwrap().clone(), "requester")
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn additions(value: &Value) -> Additions {
    Additions {
        parameters: map(&value["parameters"]),
        headers: map(&value["headers"]),
        form: map(&value["form"]),
        json: map(&value["json"]),
    }
}

fn built(requester: &Value, added: &Value, path: Option<&str>) -> Result<Request, ReadError> {
    let context =
        Context::new(&Arc::new(json!({"name": "p", "list": [1, "x", null, true], "host": "https://h"})));
    let credentials = additions(&json!({"headers": {"Authorization": "Bearer t"}}));
    let additions = additions(added);
    let asked = Asked { additions: &additions, credentials: &credentials, path, properties: None };
    RequestBuilder::new(&component(requester))?.request(&context, asked)
}

#[test]
fn requests_are_as_the_reference_sends_them() {
    let check = |requester: Value, added: Value, expected: &str| {
        let request = built(&requester, &added, None).unwrap();
        let headers: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name != "Authorization")
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        let body =
            request.body.map(|body| format!(" {}", String::from_utf8_lossy(&body))).unwrap_or_default();
        let shown = format!("{} {}{}{body}", request.method, request.url, headers.concat());
        assert_eq!(shown, expected, "{requester}");
    };
    check(json!({"url_base": "{{ config.host }}/v1/", "path": "/a"}), json!({}), "GET https://h/v1/a");
    check(json!({"url": "https://h/v1"}), json!({}), "GET https://h/v1");
    check(json!({"url": "https://h/v1", "path": "x"}), json!({}), "GET https://h/v1/x");
    check(
        json!({"url_base": "https://h", "request_parameters": {
            "{{ config.name }}": "1", "b": true, "i": 5, "f": 1.0, "e": "{{ config.zz }}", "none": "None"}}),
        json!({"parameters": {"page": 2, "ids": ["a", "b"], "empty": "", "null": null}}),
        "GET https://h/?b=True&empty=&f=1.0&i=5&ids=a&ids=b&none=None&p=1&page=2",
    );
    check(
        json!({"url_base": "https://h/a?page=2&x=1", "request_parameters": {"x": "2"}}),
        json!({"parameters": {"page": 2}}),
        "GET https://h/a?page=2&x=1&x=2",
    );
    check(
        json!({"url_base": "https://h", "request_headers": {"N": 5, "E": "{{ config.zz }}"}}),
        json!({"headers": {"From": 1.5, "L": ["a"]}}),
        "GET https://h/ From=1.5 L=['a'] N=5",
    );
    check(
        json!({"url_base": "https://h", "http_method": "POST", "request_body_json":
            {"a": "{{ config.zz }}", "n": [1, "2", "[3]"], "o": {"x": "y"}}}),
        json!({"json": {"o": {"x": "y", "page": 2}}}),
        "POST https://h/ Content-Type=application/json {\"n\":[1,2,[3]],\"o\":{\"page\":2,\"x\":\"y\"}}",
    );
    check(
        json!({"url_base": "https://h", "request_body_data": {"a b": "ä"}}),
        json!({"form": {"page": 2}}),
        "GET https://h/ Content-Type=application/x-www-form-urlencoded a+b=%C3%A4&page=2",
    );
    check(
        json!({"url_base": "https://h", "http_method": "POST", "request_body": {
            "type": "RequestBodyPlainText", "value": "x {{ config.name }}"}}),
        json!({}),
        "POST https://h/ x p",
    );
    check(
        json!({"url_base": "https://h", "http_method": "DELETE", "request_body_json": {"a": 1}}),
        json!({}),
        "DELETE https://h/",
    );
}

#[test]
fn a_path_of_the_page_stands_for_the_own() {
    let check = |path: &str, expected: &str| {
        let requester = json!({"url_base": "https://h/v1", "path": "a"});
        assert_eq!(built(&requester, &json!({}), Some(path)).unwrap().url, expected, "{path}");
    };
    check("https://o/b?page=2", "https://o/b?page=2");
    check("/b?page=2", "https://h/b?page=2");
    check("b", "https://h/v1/b");
    check("", "https://h/v1/a");
}

#[test]
fn what_is_set_twice_is_an_error() {
    let check = |requester: Value, added: Value, expected: &str| {
        assert_eq!(built(&requester, &added, None).unwrap_err().to_string(), expected);
    };
    let base =
        |name: &str, value: Value| json!({"url_base": "https://h", "http_method": "POST", name: value});
    check(
        base("request_parameters", json!({"a": "1"})),
        json!({"parameters": {"a": "1"}}),
        "`a` is set twice in the query of a request",
    );
    check(
        json!({"url_base": "https://h"}),
        json!({"headers": {"Authorization": "x"}}),
        "`Authorization` is set twice in the headers of a request",
    );
    check(
        base("request_body_json", json!({"a": {"b": 1}})),
        json!({"json": {"a": {"b": 2}}}),
        "`a.b` is set twice in the JSON body of a request",
    );
    check(
        base("request_body_json", json!({"a": 1})),
        json!({"form": {"b": 2}}),
        "a request has either a form or a JSON body, not both",
    );
    check(
        base("request_body_data", json!("text")),
        json!({"form": {"b": 2}}),
        "the body of a request is a text, and fields are added to it",
    );
    check(
        json!({"url_base": "https://h"}),
        json!({"parameters": {"o": {"b": 2}}}),
        "the parameter `o` cannot be an object",
    );
    check(
        json!({"url_base": "/h"}),
        json!({}),
        "the URL of the request has no scheme, no host or a wrong port",
    );
}
