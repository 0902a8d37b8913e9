//! What of a webhook and of its registration is wrong, where it stands.

use super::*;

/// `path code` of every finding of a webhook.
pub(super) fn check(members: &Value, expected: &[&str]) {
    let (hook, findings) = lower(&webhook(members), &settings());
    let line = |finding: &Finding| format!("{} {}", finding.path.join("."), finding.code.as_str());
    assert_eq!(findings.iter().map(line).collect::<Vec<_>>(), expected, "{members}");
    assert_eq!(hook.is_some(), expected.is_empty(), "{members}");
}

fn check_verify(verify: &Value, expected: &[&str]) {
    check(&json!({ "verify": verify }), expected);
}

#[test]
fn schemes_are_checked() {
    let hmac = |members: Value| {
        let mut hmac = json!({"secret": "${env:S}", "header": "X-Signature"});
        for (name, value) in members.as_object().unwrap() {
            hmac[name] = value.clone();
        }
        json!({ "hmac": hmac })
    };
    let time = json!({"header": "X-Time"});
    check_verify(&hmac(json!({})), &[]);
    check_verify(&hmac(json!({"timestamp": time, "signed": "v0:{timestamp}:{body}"})), &[]);
    check_verify(&hmac(json!({"signed": "{url}{header.X-Id}{body}"})), &[]);
    check_verify(&json!({}), &["verify missing-field"]);
    check_verify(
        &json!({"bearer": "${env:T}", "stripe": {"secret": "${env:S}"}}),
        &["verify conflicting-fields"],
    );
    check_verify(&hmac(json!({"header": "X Signature"})), &["verify.hmac.header invalid-value"]);
    check_verify(&hmac(json!({"secret": []})), &["verify.hmac.secret invalid-value"]);
    check_verify(
        &hmac(json!({"secret": ["${env:A}", "${env:B}", "${env:C}"]})),
        &["verify.hmac.secret invalid-value"],
    );
    check_verify(&hmac(json!({"signed": "{timestamp}"})), &["verify.hmac.signed invalid-value"]);
    check_verify(&hmac(json!({"signed": "{timestamp}.{body}"})), &["verify.hmac.signed conflicting-fields"]);
    check_verify(
        &hmac(json!({"timestamp": time, "signed": "{body}"})),
        &["verify.hmac.signed conflicting-fields"],
    );
    check_verify(
        &hmac(
            json!({"timestamp": {"header": "", "tolerance": "0s"}, "signed": "{timestamp}{body}{header. }"}),
        ),
        &[
            "verify.hmac.timestamp.header invalid-value",
            "verify.hmac.timestamp.tolerance invalid-value",
            "verify.hmac.signed invalid-value",
        ],
    );
    check_verify(
        &json!({"stripe": {"secret": "${env:S}", "tolerance": "0s"}}),
        &["verify.stripe.tolerance invalid-value"],
    );
    check_verify(
        &json!({"standardWebhooks": {"secret": "${env:S}", "headerPrefix": "svix:"}}),
        &["verify.standardWebhooks.headerPrefix invalid-value"],
    );
    check_verify(
        &json!({"basic": {"username": "a:b", "password": "${env:P}"}}),
        &["verify.basic.username invalid-value"],
    );
    check_verify(&json!({"bearer": []}), &["verify.bearer invalid-value"]);
    check_verify(&json!({"query": {"name": "key", "value": "${env:K}"}}), &[]);
    check_verify(&json!({"query": {"name": "", "value": "${env:K}"}}), &["verify.query.name invalid-value"]);
    check_verify(
        &json!({"apiKey": {"header": "", "value": "${env:K}"}}),
        &["verify.apiKey.header invalid-value"],
    );
}

#[test]
fn events_are_checked() {
    let event = |rule: Value| json!({"event": "type", "events": {"a": rule}});
    check(&event(json!({"dataType": "customers", "record": "data.object", "deleted": true})), &[]);
    check(&event(json!({"dataType": "orders", "fetch": {"path": "/orders/{event.data.id}"}})), &[]);
    check(&event(json!({"dataType": "customers", "partial": true})), &[]);
    let fetched = json!({"dataType": "orders", "partial": true, "fetch": {"path": "/"}});
    check(&event(fetched), &["events.a.partial conflicting-fields"]);
    check(&event(json!({"dataType": "order"})), &["events.a.dataType unknown-data-type"]);
    check(
        &event(json!({"dataType": "orders", "fetch": {"path": "/orders/{id}"}})),
        &["events.a.fetch.path invalid-value"],
    );
    check(
        &event(json!({"dataType": "orders", "deleted": true, "fetch": {"path": "/"}})),
        &["events.a.fetch conflicting-fields"],
    );
    check(&json!({"event": {}, "delivery": {}}), &["event missing-field", "delivery missing-field"]);
    check(&json!({"event": {"header": "X-Event", "body": "action"}}), &[]);
    check(&json!({"delivery": {"header": "X-Id", "body": "id"}}), &["delivery conflicting-fields"]);
    check(
        &json!({"event": {"header": "X:"}, "delivery": {"header": ""}}),
        &["event.header invalid-value", "delivery.header invalid-value"],
    );
    check(&json!({"maxBody": "0B"}), &["maxBody invalid-value"]);
    check(&json!({"maxBody": "25MB"}), &[]);
    check(&json!({"maxBody": "26MB"}), &["maxBody invalid-value"]);
}

#[test]
fn the_public_url_is_one_that_something_can_follow() {
    for good in ["https://raccord.example", "http://127.0.0.1:8080/in/"] {
        assert!(public_url(good).is_ok(), "{good}");
    }
    for bad in ["raccord.example", "ftp://x.example", "https://x.example/?a", "https://me:pw@x.example"] {
        let error = public_url(bad).unwrap_err();
        assert!(!error.contains("pw") || bad.len() < 20, "{error}");
    }
}

/// `path code` of every finding of a registration.
fn check_register(create: &Value, delete: &Value, expected: &[&str]) {
    let spec = webhook(&json!({"register": {"create": create, "delete": delete}}));
    let (registrar, findings) = lower_register(&spec, &settings());
    let line = |finding: &Finding| format!("{} {}", finding.path.join("."), finding.code.as_str());
    assert_eq!(findings.iter().map(line).collect::<Vec<_>>(), expected, "{create} {delete}");
    assert_eq!(registrar.is_some(), expected.is_empty(), "{create} {delete}");
}

#[test]
fn registrations_are_checked() {
    let (create, delete) =
        (json!({"path": "/hooks", "body": {"to": "{{ url }}"}}), json!({"path": "/hooks/{id}"}));
    check_register(&create, &delete, &[]);
    let form =
        json!({"path": "/hooks", "form": {"url": "{{ url }}", "secret": "{{ secret }}", "events[]": "*"}});
    check_register(&form, &json!({"path": "/hooks/{id}/stop", "method": "POST"}), &[]);
    for (wrong, expected) in [
        (json!({"path": "/hooks"}), "register.create missing-field"),
        (json!({"path": "/hooks", "body": {"to": "here"}}), "register.create invalid-value"),
        (
            json!({"path": "/hooks", "body": {}, "form": {"url": "{{ url }}"}}),
            "register.create conflicting-fields",
        ),
        (json!({"path": "/hooks", "body": "{{ url }} {{ name }}"}), "register.create.body invalid-value"),
        (json!({"path": "/hooks", "form": {"url": "{{ url"}}), "register.create.form.url invalid-value"),
        (json!({"path": "/{id}", "body": "{{ url }}"}), "register.create.path invalid-value"),
        (json!({"path": "/a#b", "body": "{{ url }}"}), "register.create.path invalid-value"),
        (json!({"path": "/hooks", "body": "{{ url }}", "id": "$"}), "register.create.id invalid-value"),
    ] {
        check_register(&wrong, &delete, &[expected]);
    }
    check_register(&create, &json!({"path": "/hooks"}), &["register.delete.path invalid-value"]);
    check_register(&create, &json!({"path": "/{id}/{it}"}), &["register.delete.path invalid-value"]);
    let spec = webhook(&json!({"register": {"create": create, "delete": {"path": "/h/{id}/x?also={id}"}}}));
    let registrar = lower_register(&spec, &settings()).0.unwrap();
    assert_eq!(registrar.delete.path("a/b"), "/h/a%2Fb/x?also=a%2Fb");
    assert_eq!(registrar.create.id.to_string(), "id");
}
