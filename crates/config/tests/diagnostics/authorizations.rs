//! Authorizations: what signs requests, connections that show a certificate, references that are written wrongly.

use super::{check, document};

fn authorization(spec: &str) -> String {
    document("Authorization", &format!("  {{{spec}}}"))
}

#[test]
fn signatures() {
    let hmac = |members: &str| authorization(&format!("type: hmac, secret: \"${{env:S}}\", {members}"));
    for (members, expected) in [
        ("signed: \"{timestamp}{body}\", header: X, timestamp: {header: Y}", ""),
        (
            "signed: \"{key}{nonce}\", query: sign, key: me, nonce: {query: n}, headers: {X-Key: \"${env:K}\"}",
            "",
        ),
        ("signed: \"{body}\"", "conflicting-fields@4:1 spec"),
        ("signed: \"{body}\", header: X, query: y", "conflicting-fields@4:1 spec"),
        ("signed: \"{body}\", query: y, prefix: \"a \"", "conflicting-fields@5:72 spec.prefix"),
        ("signed: \"\", header: X", "invalid-value@5:44 spec.signed"),
        ("signed: \"{bodi}\", header: X", "invalid-value@5:44 spec.signed"),
        ("signed: \"{body\", header: X", "invalid-value@5:44 spec.signed"),
        ("signed: \"{key}\", header: X", "conflicting-fields@5:44 spec.signed"),
        ("signed: \"{timestamp}\", header: X", "conflicting-fields@5:44 spec.signed"),
        ("signed: \"{body}\", header: X, prefix: \"{body}\"", "invalid-value@5:73 spec.prefix"),
        ("signed: \"{body}\", header: X, prefix: \"{nonce}\"", "conflicting-fields@5:73 spec.prefix"),
        ("signed: \"{body}\", header: \"X Y\"", "invalid-value@5:62 spec.header"),
        (
            "signed: \"{body}\", query: y, timestamp: {header: a, query: b}",
            "conflicting-fields@5:64 spec.timestamp",
        ),
        ("signed: \"{body}\", query: y, nonce: {query: \"\"}", "invalid-value@5:79 spec.nonce.query"),
        ("signed: \"{body}\", query: y, bodyHash: \"a b\"", "invalid-value@5:74 spec.bodyHash"),
    ] {
        check(&hmac(members), expected);
    }
    let aws = |members: &str| {
        let keys = "type: awsSigV4, accessKeyId: \"${env:A}\", secretAccessKey: \"${env:B}\"";
        authorization(&format!("{keys}, {members}"))
    };
    check(&aws("region: eu-west-1, service: s3"), "");
    check(&aws("region: \"EU (Ireland)\", service: s3"), "invalid-value@5:82 spec.region");
    check(&aws("region: eu-west-1"), "missing-field@4:1 spec.service");
}

#[test]
fn certificates() {
    let tls = |members: &str| authorization(&format!("type: none, tls: {{{members}}}"));
    check(&tls("certificate: \"${file:a}\", key: \"${vault:pki/a#key}\", ca: ca.pem"), "");
    check(&tls("ca: ca.pem"), "");
    check(&tls(""), "invalid-value@5:16 spec.tls");
    check(&tls("ca: \"\""), "invalid-value@5:26 spec.tls.ca");
    check(&tls("certificate: \"${file:a}\""), "conflicting-fields@5:16 spec.tls");
    check(&tls("key: \"${file:a}\""), "conflicting-fields@5:16 spec.tls");
    check(&tls("certificate: a.pem, key: \"${file:a}\""), "plain-secret@5:35 spec.tls.certificate");
}

#[test]
fn references() {
    let bearer = |reference: &str| authorization(&format!("type: bearer, token: '{reference}'"));
    for good in ["${vault:secret/crm#token}", "${cmd:pass show crm}", "${env:A}", "${file:/a}"] {
        check(&bearer(good), "");
    }
    for bad in
        ["${vault:secret/crm}", "${vault:crm#token}", "${cmd:}", "${cmd:sh -c 'x'}", "${sops:a#b}", "${x:y}"]
    {
        check(&bearer(&bad.replace('\'', "\"")), "plain-secret@5:25 spec.token");
    }
}
