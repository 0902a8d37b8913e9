//! Templates against what the reference gives: `cases.json` holds its values, over the variables of `context.json`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Literals, Template, TemplateError};
use crate::Json;

/// What the reference made of one template: `[value]`, or `"error"`.
#[derive(Deserialize)]
struct Case {
    template: String,
    #[serde(default)]
    invalid: bool,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    text: Value,
    #[serde(default)]
    entry: Value,
    #[serde(default, rename = "true")]
    truth: Value,
}

fn context() -> (Context, Json) {
    let variables: Value = serde_json::from_str(include_str!("context.json")).unwrap();
    let part = |value: &Value| Arc::new(value.clone());
    let mut context =
        Context::new(&part(&variables["config"])).at("2025-02-01T00:00:00.123456Z".parse().unwrap());
    for name in ["next_page_token", "response", "headers", "record", "last_record", "last_page_size"] {
        context = context.with(name, &part(&variables[name]));
    }
    let slice = &variables["stream_slice"];
    let context =
        context.with_slice(&part(&slice["partition"]), &part(&slice["cursor_slice"]), &part(&slice["extra"]));
    (context, part(&variables["parameters"]))
}

fn outcome<T: Into<Value>>(result: Result<T, TemplateError>) -> Value {
    result.map_or_else(|_| json!("error"), |value| json!([value.into()]))
}

#[test]
fn templates_give_what_the_reference_gives() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let (context, parameters) = context();
    assert!(cases.len() > 500);
    for case in cases {
        let Ok(template) = Template::compile(&case.template, &parameters) else {
            assert!(case.invalid, "{}", case.template);
            continue;
        };
        assert!(!case.invalid, "{}", case.template);
        assert_eq!(outcome(template.value(&context)), case.value, "the value of {}", case.template);
        assert_eq!(outcome(template.text(&context)), case.text, "the text of {}", case.template);
        assert_eq!(outcome(template.is_true(&context)), case.truth, "the truth of {}", case.template);
        let entry = template.entry(&context, Literals::TextsAndLists);
        assert_eq!(outcome(entry), case.entry, "the entry of {}", case.template);
    }
}

#[test]
fn a_template_that_works_too_much_stops() {
    let (context, parameters) = context();
    let loops = "{% for a in x %}".repeat(40) + &"{% endfor %}".repeat(40);
    let text = format!("{{% set x = 'abcdefghij' %}}{loops}");
    for text in [text.as_str(), "{{ 'a' * 100000000 }}", "{{ 9 ** 99999999 }}", "{{ [1] * 1000000000 }}"] {
        let template = Template::compile(text, &parameters).unwrap();
        assert!(template.value(&context).is_err(), "{text}");
    }
    let nested = "{% set ns = namespace(x=[]) %}{% for c in 'a' * 9000 %}{% set ns.x = [ns.x] %}{% endfor %}";
    let itself = "{% set l = [] %}{% set m = [l] %}{% set q = l.append(m) %}{{ l == m }}";
    let keeps = "{% set d = {} %}{% set q = d.update(a=d) %}{{ d }}";
    let space = "{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns == ns }}";
    for text in [nested, itself, keeps, space] {
        let template = Template::compile(text, &parameters).unwrap();
        assert!(template.value(&context).unwrap_err().message.contains("too deep"), "{text}");
    }
    for link in [".a", "['a']", " + 1", " | list", "()", " or 1", " ** 1", " if 1"] {
        let chain =
            |links: usize| Template::compile(&format!("{{{{ x{} }}}}", link.repeat(links)), &parameters);
        assert!(chain(5_000).is_err(), "{link}");
        assert!(chain(300).unwrap().value(&context.with("x", &parameters)).is_err() || link != ".a");
    }
    let deep = "(".repeat(5000) + "1" + &")".repeat(5000);
    assert!(Template::compile(&format!("{{{{ {deep} }}}}"), &parameters).is_err());
    let text = "[".repeat(5000) + &"]".repeat(5000);
    let template = Template::compile(&text, &parameters).unwrap();
    assert_eq!(template.value(&context).unwrap(), Value::String(text));
}

#[test]
fn neither_errors_nor_debug_show_values() {
    let config = Arc::new(json!({"token": "s3cret"}));
    let context = Context::new(&config);
    for text in ["{{ config.token.x.y }}", "{{ config['token'] + 1 / 0 }}", "{{ now_utc() ~ config.token }}"]
    {
        let template = Template::compile(text, &Arc::new(json!({}))).unwrap();
        let error = template.value(&context).unwrap_err();
        assert!(!format!("{error} {error:?} {context:?} {template:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn a_uuid_comes_from_the_seed_and_each_is_another() {
    let context = Context::new(&Arc::new(json!({}))).seeded(7);
    let template = Template::compile("{{ generate_uuid() }}", &Arc::new(json!({}))).unwrap();
    let (one, two) = (template.text(&context).unwrap(), template.text(&context).unwrap());
    assert_ne!(one, two);
    assert_eq!(one, template.text(&context.seeded(7)).unwrap());
    assert_eq!((one.len(), &one[14..15]), (36, "4"));
}

#[test]
fn the_variables_of_a_template_are_known_without_evaluating_it() {
    let text =
        "{% set a = record.x %}{% for b in a %}{{ b ~ loop.index ~ max(1, 2) }}{% endfor %}{{ config }}";
    let template = Template::compile(text, &Arc::new(json!({}))).unwrap();
    assert_eq!(template.variables().collect::<Vec<_>>(), ["record", "config"]);
}
