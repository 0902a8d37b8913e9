//! Webhooks: what is wrong with them, at its place, and never with a secret in it.

use super::{check, document, load};

/// A source with this webhook, which begins on line 9.
fn with(webhook: &str) -> String {
    let service = "config: {baseUrl: \"https://x.example\", dataTypes: {customers: {}}}";
    document(
        "Source",
        &format!("  connector: http\n  authorization: {{type: none}}\n  {service}\n  webhook:\n{webhook}"),
    )
}

#[test]
fn members() {
    let good = "    verify: {bearer: \"${env:T}\"}";
    let cases = [
        ("", ""),
        ("    event: type", "no-effect?@10:12 spec.webhook.event"),
        (
            "    event: {heder: X}",
            "no-effect?@10:5 spec.webhook.event\nunknown-field@10:13 spec.webhook.event.heder",
        ),
        ("    evnts: {}", "unknown-field@10:5 spec.webhook.evnts"),
        ("    maxBody: 1", "invalid-value@10:14 spec.webhook.maxBody"),
        ("    rateLimit: fast", "invalid-value@10:16 spec.webhook.rateLimit"),
        ("    events: {a: ignore}", ""),
        ("    events: {a: skip}", "invalid-value@10:17 spec.webhook.events.a"),
        ("    events: {a: {}}", "missing-field@10:14 spec.webhook.events.a.dataType"),
        ("    events: {\"*.a\": ignore}", "invalid-value@10:14 spec.webhook.events[\"*.a\"]"),
        ("    events: {a: {dataType: customer}}", "unknown-data-type@10:28 spec.webhook.events.a.dataType"),
        (
            "    events:\n      a: {dataType: customers, fetch: {path: \"/{id}\"}}",
            "invalid-value@11:46 spec.webhook.events.a.fetch.path",
        ),
        (
            "    events: {a: {dataType: customers, record: \"a..b\"}}",
            "invalid-value@10:47 spec.webhook.events.a.record",
        ),
    ];
    for (members, expected) in cases {
        check(&with(&format!("{good}\n{members}")), expected);
    }
    check(&with("    {}"), "missing-field@8:3 spec.webhook.verify");
    check(&with("    verify: {}"), "missing-field@9:5 spec.webhook.verify");
    check(
        &with("    verify: {stripe: {secret: \"${env:S}\"}, bearer: \"${env:T}\"}"),
        "conflicting-fields@9:5 spec.webhook.verify",
    );
    check(
        &with("    verify: {hmac: {secret: \"${env:S}\"}}"),
        "missing-field@9:14 spec.webhook.verify.hmac.header",
    );
    check(
        &with("    verify: {hmac: {secret: \"${env:S}\", header: X, algorithm: md5}}"),
        "invalid-value@9:63 spec.webhook.verify.hmac.algorithm",
    );
    let file = "  connector: file\n  config: {dataTypes: {a: {path: a.csv}}}\n  webhook: {verify: {bearer: \"${env:T}\"}}";
    check(&document("Source", file), "unknown-field@7:3 spec.webhook");
}

#[test]
fn registrations() {
    let good = "    verify: {bearer: \"${env:T}\"}\n    register:\n";
    let delete = "      delete: {path: \"/hooks/{id}\"}";
    let create = "      create: {path: /hooks, body: {to: \"{{ url }}\"}}";
    let alone = with(&format!("{good}{create}\n{delete}"));
    check(&alone, "no-effect?@10:5 spec.webhook.register");
    let stack = "---\napiVersion: raccord/v1\nkind: Stack\nmetadata: {name: a}\nspec: {webhooks: {url: \"https://raccord.example\"}}\n";
    check(&format!("{alone}{stack}"), "");
    for (register, expected) in [
        (create.to_owned(), "missing-field@10:5 spec.webhook.register.delete"),
        (
            format!("      create: {{path: /hooks}}\n{delete}"),
            "missing-field@11:7 spec.webhook.register.create",
        ),
        (
            format!("      create: {{path: /hooks, form: {{to: here}}}}\n{delete}"),
            "invalid-value@11:7 spec.webhook.register.create",
        ),
        (
            format!("{create}\n      delete: {{path: /hooks}}"),
            "invalid-value@12:22 spec.webhook.register.delete.path",
        ),
    ] {
        check(&format!("{}{stack}", with(&format!("{good}{register}"))), expected);
    }
}

#[test]
fn deletes_by_webhook_need_one() {
    let project = document("Project", "  entities: {c: {key: id, fields: {id: text}}}");
    let transfer =
        document("Transfer", "  {source: a, dataType: customers, to: a.c, deletes: {webhook: true}}");
    let source = with("    verify: {bearer: \"${env:T}\"}");
    check(&format!("{project}---\n{transfer}---\n{source}"), "");
    let (without, _) = source.split_once("  webhook:").unwrap();
    let text = format!("{project}---\n{transfer}---\n{without}");
    check(&text, "conflicting-fields@11:64 spec.deletes.webhook");
}

#[test]
fn the_public_address() {
    check(&document("Stack", "  webhooks: {url: \"https://raccord.example\"}"), "");
    check(&document("Stack", "  webhooks: {}"), "missing-field@5:3 spec.webhooks.url");
    check(&document("Stack", "  webhooks: {url: raccord.example}"), "invalid-value@5:19 spec.webhooks.url");
}

#[test]
fn secrets_are_never_shown() {
    let cases = [
        ("{bearer: hunter2}", "plain-secret@9:22 spec.webhook.verify.bearer"),
        ("{stripe: {secret: hunter2}}", "plain-secret@9:31 spec.webhook.verify.stripe.secret"),
        (
            "{stripe: {secret: [\"${env:NEW}\", hunter2]}}",
            "plain-secret@9:46 spec.webhook.verify.stripe.secret[1]",
        ),
        (
            "{stripe: {secrt: hunter2, secret: \"${env:S}\"}}",
            "unknown-field@9:23 spec.webhook.verify.stripe.secrt",
        ),
        ("{basic: {username: u, password: hunter2}}", "plain-secret@9:45 spec.webhook.verify.basic.password"),
        (
            "{apiKey: {header: X, value: \"${env:A}hunter2\"}}",
            "plain-secret@9:41 spec.webhook.verify.apiKey.value",
        ),
        ("{hmac: hunter2}", "wrong-type@9:20 spec.webhook.verify.hmac"),
        ("hunter2", "wrong-type@9:13 spec.webhook.verify"),
        ("{bearer: [hunter2}", "yaml-syntax@9:22"),
    ];
    for (verify, expected) in cases {
        let text = with(&format!("    verify: {verify}"));
        let shown = format!("{:?}", load(&text).diagnostics);
        assert!(!shown.contains("hunter2"), "{shown}");
        check(&text, expected);
    }
}
