//! Access to a database: a URL or its parts, and what TLS needs.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::authorization::{Database, TlsMode};

use crate::check::exactly_one;

/// What is wrong with the access to a database.
pub(super) fn check(database: &Database) -> Vec<Finding> {
    const NOWHERE: [&str; 0] = [];
    let mut findings = Vec::new();
    let mut conflict = |path: &[&str], message: String, help: &str| {
        findings.push(Finding::error(path, Code::ConflictingFields, message).help(help));
    };
    let parts = [
        ("port", database.port.is_some()),
        ("database", database.database.is_some()),
        ("user", database.user.is_some()),
        ("password", database.password.is_some()),
    ];
    if let Err(message) = exactly_one(&[("url", database.url.is_some()), ("host", database.host.is_some())]) {
        conflict(&NOWHERE, message, "write url: \"${env:NAME}\", or host, database, user and password");
    } else if database.url.is_some() {
        for (name, _) in parts.iter().filter(|(_, is_there)| *is_there) {
            conflict(&[name], format!("`{name}` stands beside `host` only"), "the URL says it");
        }
    } else {
        for (name, _) in
            parts.iter().filter(|(name, is_there)| matches!(*name, "database" | "user") && !is_there)
        {
            conflict(
                &NOWHERE,
                format!("`{name}` is missing"),
                "`host` needs `database` and `user` beside it",
            );
        }
    }
    if database.tls.ca.is_some() && database.tls.mode != TlsMode::Verify {
        let message = "`ca` stands beside `mode: verify` only".to_owned();
        conflict(&["tls", "ca"], message, "nothing is verified with the other modes");
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check_of(database: &Value, expected: &[&str]) {
        let database: Database = serde_json::from_value(database.clone()).unwrap();
        let found: Vec<_> = check(&database).into_iter().map(|finding| finding.message).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_url_or_its_parts() {
        check_of(&json!({"url": "${env:URL}"}), &[]);
        check_of(
            &json!({"host": "db", "database": "crm", "user": "me", "password": "${env:P}", "port": 5433}),
            &[],
        );
        check_of(&json!({}), &["one of `url` and `host` must stand here"]);
        check_of(&json!({"url": "${env:URL}", "host": "db"}), &["`url` and `host` exclude each other"]);
        check_of(&json!({"url": "${env:URL}", "user": "me"}), &["`user` stands beside `host` only"]);
        check_of(&json!({"host": "db"}), &["`database` is missing", "`user` is missing"]);
        check_of(
            &json!({"url": "${env:URL}", "tls": {"mode": "require", "ca": "ca.pem"}}),
            &["`ca` stands beside `mode: verify` only"],
        );
    }
}
