//! What each grant of OAuth needs, and what says nothing beside it. Pure.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::authorization::{ClientAuth, Grant, OAuth2};

use super::is_token;

/// What is wrong with it.
pub(super) fn check(oauth: &OAuth2) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members(oauth) {
        let grants = member.grants.iter().map(|grant| format!("`{}`", grant.as_str()));
        let fits = member.grants.contains(&oauth.grant);
        if member.is_there && !fits {
            let grants = grants.collect::<Vec<_>>().join(" or ");
            let message = format!("`{}` stands beside `grant: {}`", member.name, oauth.grant.as_str());
            let help = format!("it belongs to {grants}");
            findings.push(Finding::error(&[member.name], Code::ConflictingFields, message).help(help));
        } else if !member.is_there && fits && member.is_needed {
            let message = format!("`{}` is missing", member.name);
            let help = format!("`grant: {}` needs {}", oauth.grant.as_str(), member.what);
            findings.push(Finding::error::<&str>(&[], Code::ConflictingFields, message).help(help));
        }
    }
    if oauth.client_auth == ClientAuth::Basic && oauth.client_secret.is_none() {
        let message = "`clientAuth: basic` stands beside `clientSecret` only";
        findings.push(Finding::error(&["clientAuth"], Code::ConflictingFields, message));
    }
    for (name, url) in urls(oauth) {
        if let Some(why) = wrong_url(url) {
            findings.push(Finding::error(&[name], Code::InvalidValue, why));
        }
    }
    if let Some(header) = oauth.header.as_deref().filter(|header| !is_token(header)) {
        let message = format!("`{header}` cannot be the name of a header");
        findings.push(Finding::error(&["header"], Code::InvalidValue, message));
    }
    for scope in oauth.scopes.iter().filter(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
        let message = format!("`{scope}` is not one scope");
        findings.push(Finding::error(&["scopes"], Code::InvalidValue, message).help("write each by itself"));
    }
    for name in oauth.parameters.keys().filter(|name| OWN.contains(&name.as_str())) {
        let message = format!("`{name}` is said by other fields");
        findings.push(Finding::error(&["parameters", name], Code::ConflictingFields, message));
    }
    findings
}

/// Parameters of the standard, which have fields of their own.
const OWN: [&str; 14] = [
    "grant_type",
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "refresh_token",
    "response_type",
    "scope",
    "state",
    "assertion",
    "device_code",
];

/// A member that some grants have.
struct Member<'a> {
    name: &'static str,
    what: &'static str,
    is_there: bool,
    is_needed: bool,
    grants: &'a [Grant],
}

fn members(oauth: &OAuth2) -> [Member<'static>; 6] {
    let member = |name, what, is_there, is_needed, grants| Member { name, what, is_there, is_needed, grants };
    let code: &[Grant] = &[Grant::AuthorizationCode];
    let secret: &[Grant] = if oauth.grant == Grant::ClientCredentials {
        &[Grant::ClientCredentials]
    } else {
        &[Grant::AuthorizationCode, Grant::DeviceCode, Grant::JwtBearer, Grant::RefreshToken]
    };
    let needs_secret = oauth.grant == Grant::ClientCredentials;
    [
        member(
            "authorizationUrl",
            "the page on which a person agrees",
            oauth.authorization_url.is_some(),
            true,
            code,
        ),
        member("redirectUrl", "", oauth.redirect_url.is_some(), false, code),
        member(
            "deviceUrl",
            "the URL that issues codes for a person to type",
            oauth.device_url.is_some(),
            true,
            &[Grant::DeviceCode],
        ),
        member(
            "clientSecret",
            "the client's own secret",
            oauth.client_secret.is_some(),
            needs_secret,
            secret,
        ),
        member(
            "refreshToken",
            "the first refresh token",
            oauth.refresh_token.is_some(),
            true,
            &[Grant::RefreshToken],
        ),
        member("assertion", "what is signed", oauth.assertion.is_some(), true, &[Grant::JwtBearer]),
    ]
}

fn urls(oauth: &OAuth2) -> impl Iterator<Item = (&'static str, &str)> {
    let optional = [
        ("authorizationUrl", &oauth.authorization_url),
        ("redirectUrl", &oauth.redirect_url),
        ("deviceUrl", &oauth.device_url),
    ];
    let optional = optional.into_iter().filter_map(|(name, url)| Some((name, url.as_deref()?)));
    std::iter::once(("tokenUrl", oauth.token_url.as_str())).chain(optional)
}

/// Why a text is no URL that can be asked.
fn wrong_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || text.contains(char::is_whitespace) {
        return Some(format!("`{text}` is not a URL that begins with https:// and a host"));
    }
    if host.contains('@') {
        return Some(
            "a URL with a user name may hold a secret; write `clientId` and `clientSecret`".to_owned(),
        );
    }
    text.contains('#').then(|| "a part behind `#` is never sent".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check_of(grant: &str, members: &Value, expected: &[&str]) {
        let mut oauth =
            json!({"grant": grant, "tokenUrl": "https://id.example/token", "clientId": "raccord"});
        for (name, value) in members.as_object().unwrap() {
            oauth[name] = value.clone();
        }
        let oauth: OAuth2 = serde_json::from_value(oauth).unwrap();
        let found: Vec<String> = check(&oauth).into_iter().map(|finding| finding.message).collect();
        assert_eq!(found, expected, "{members}");
    }

    #[test]
    fn each_grant_has_what_it_needs_and_nothing_of_another() {
        let secret = "${env:SECRET}";
        check_of("clientCredentials", &json!({"clientSecret": secret, "scopes": ["a", "b"]}), &[]);
        check_of("clientCredentials", &json!({}), &["`clientSecret` is missing"]);
        check_of("authorizationCode", &json!({}), &["`authorizationUrl` is missing"]);
        check_of("authorizationCode", &json!({"authorizationUrl": "https://id.example/agree"}), &[]);
        check_of("deviceCode", &json!({}), &["`deviceUrl` is missing"]);
        check_of("jwtBearer", &json!({"assertion": {"key": secret}}), &[]);
        check_of("refreshToken", &json!({"refreshToken": secret, "rotation": "oldUntilUsed"}), &[]);
        check_of(
            "refreshToken",
            &json!({"refreshToken": secret, "deviceUrl": "https://id.example/device"}),
            &["`deviceUrl` stands beside `grant: refreshToken`"],
        );
    }

    #[test]
    fn what_cannot_be_right_is_told() {
        let with = |name: &str, value: Value| {
            let mut members = json!({"clientSecret": "${env:SECRET}"});
            members[name] = value;
            members
        };
        for (name, value, expected) in [
            (
                "tokenUrl",
                json!("id.example/token"),
                "`id.example/token` is not a URL that begins with https:// and a host",
            ),
            (
                "tokenUrl",
                json!("https://me:pass@id.example/token"),
                "a URL with a user name may hold a secret; write `clientId` and `clientSecret`",
            ),
            ("tokenUrl", json!("https://id.example/token#a"), "a part behind `#` is never sent"),
            ("header", json!("X Token"), "`X Token` cannot be the name of a header"),
            ("scopes", json!(["read write"]), "`read write` is not one scope"),
            ("parameters", json!({"client_id": "x"}), "`client_id` is said by other fields"),
        ] {
            check_of("clientCredentials", &with(name, value), &[expected]);
        }
        check_of(
            "jwtBearer",
            &json!({"assertion": {"key": "${env:KEY}"}, "clientAuth": "basic"}),
            &["`clientAuth: basic` stands beside `clientSecret` only"],
        );
    }
}
