//! A server on loopback that answers as the KV engine of Vault does, in its words, and what is made of each answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::secret::SecretRef;
use serde_json::json;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::fill;
use super::*;

const SECRET_TOKEN: &str = "hvs.CAESIJ-hunter2";

/// The engine `secret` with one secret, and the engine `team/kv` of a namespace with another.
fn answer(request: &Request) -> ResponseTemplate {
    let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
    let errors =
        |status: u16, errors: &[&str]| ResponseTemplate::new(status).set_body_json(json!({"errors": errors}));
    assert_eq!((request.method.as_str(), header("x-vault-request")), ("GET", Some("true")));
    if header("x-vault-token") != Some(SECRET_TOKEN) {
        return errors(403, &["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]);
    }
    let found = |data: Value, deleted: &str| {
        let metadata = json!({
            "created_time": "2026-03-22T02:24:06.945319214Z", "custom_metadata": null, "deletion_time": deleted,
            "destroyed": false, "version": 2
        });
        json!({
            "request_id": "0c8e6a3b", "lease_id": "", "renewable": false, "lease_duration": 0,
            "data": {"data": data, "metadata": metadata}, "wrap_info": null, "warnings": null, "auth": null
        })
    };
    let secret = json!({"token": "hunter2", "port": 8443, "live": true, "more": {"a": 1}, "none": null});
    match (request.url.path(), header("x-vault-namespace")) {
        ("/v1/secret/data/shops/eu/boutique", None) | ("/v1/team/kv/data/a%20b", Some("admin/crm")) => {
            ResponseTemplate::new(200).set_body_json(found(secret, ""))
        }
        ("/v1/secret/data/deleted", _) => {
            let deleted = found(json!(null), "2026-03-22T02:36:43.986212308Z");
            ResponseTemplate::new(404).set_body_json(deleted)
        }
        ("/v1/secret/data/forbidden", _) => errors(403, &["1 error occurred:\n\t* permission denied\n\n"]),
        ("/v1/secret/data/sealed", _) => errors(503, &["Vault is sealed"]),
        ("/v1/secret/data/echo", _) => errors(400, &[&format!("no {SECRET_TOKEN} please")]),
        ("/v1/secret/data/broken", _) => errors(500, &["internal error"]),
        ("/v1/secret/data/busy", _) => errors(429, &["request path rate limit exceeded"]),
        ("/v1/secret/data/standby", _) => ResponseTemplate::new(307)
            .insert_header("Location", "https://active.example:8200/v1/secret/data/standby"),
        ("/v1/secret/data/page", _) => ResponseTemplate::new(200).set_body_string("<html>log in</html>"),
        ("/v1/old/data/x", _) => {
            ResponseTemplate::new(200).set_body_json(json!({"data": {"token": "hunter2"}}))
        }
        _ => errors(404, &[]),
    }
}

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    server
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: BTreeMap<String, String> = variables.iter().map(owned).collect();
    Arc::new(move |name| variables.get(name).cloned())
}

async fn read(reference: &str, variables: &[(&str, &str)]) -> Result<String, Failure> {
    let Ok(SecretRef::Vault(reference)) = format!("${{vault:{reference}}}").parse() else {
        panic!("{reference}")
    };
    Vault::default().read(&reference, &environment(variables)).await
}

#[tokio::test]
async fn an_entry_is_read() {
    let server = server().await;
    let uri = server.uri();
    let here = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", SECRET_TOKEN)];
    for (key, expected) in [("token", "hunter2"), ("port", "8443"), ("live", "true")] {
        assert_eq!(read(&format!("secret/shops/eu/boutique#{key}"), &here).await.unwrap(), expected);
    }
    let inside = [here[0], here[1], ("VAULT_NAMESPACE", "admin/crm")];
    assert_eq!(read("team%2Fkv/a b#token", &inside).await.unwrap(), "hunter2");
}

#[tokio::test]
async fn the_token_is_read_where_an_agent_renews_it() {
    let (server, home) = (server().await, tempfile::tempdir().unwrap());
    let (uri, path) = (server.uri(), home.path().join(".vault-token"));
    let (home, file) = (home.path().to_str().unwrap(), path.to_str().unwrap());
    for variable in [("VAULT_TOKEN_FILE", file), ("HOME", home)] {
        let here = [("VAULT_ADDR", uri.as_str()), variable];
        fill(&path, "hvs.old\n");
        let failure = format!("{:?}", read("secret/shops/eu/boutique#token", &here).await.unwrap_err());
        assert!(failure.contains("invalid token"), "{failure}");
        fill(&path, &format!("{SECRET_TOKEN}\n"));
        assert_eq!(read("secret/shops/eu/boutique#token", &here).await.unwrap(), "hunter2");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let server = server().await;
    let uri = server.uri();
    let here = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", SECRET_TOKEN)];
    let other = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", "hvs.hunter2-other")];
    let unreachable = [("VAULT_ADDR", "http://127.0.0.1:9"), ("VAULT_TOKEN", SECRET_TOKEN)];
    let tls = uri.replace("http:", "https:");
    let tls = [("VAULT_ADDR", tls.as_str()), ("VAULT_TOKEN", SECRET_TOKEN)];
    let trusting = [here[0], here[1], ("VAULT_CACERT", "/nowhere.pem")];
    let both = [here[0], here[1], ("VAULT_TOKEN_FILE", "/x")];
    for (reference, variables, is_for_now, expected) in [
        ("secret/shops/eu/boutique#more", &here[..], false, "is no text"),
        ("secret/shops/eu/boutique#none", &here, false, "is no text"),
        ("secret/shops/eu/boutique#secret", &here, false, "which has 5 other entries"),
        ("secret/nothing#token", &here, false, "no such secret, or `secret` is no KV engine"),
        ("secret/deleted#token", &here, false, "newest version of the secret is gone"),
        ("old/x#token", &here, false, "not in a KV engine of version 2"),
        (
            "secret/forbidden#token",
            &here,
            false,
            "forbids it this path (1 error occurred: * permission denied)",
        ),
        ("secret/nothing#token", &other, false, "invalid token"),
        ("secret/standby#token", &here, false, "set VAULT_ADDR to the place itself"),
        ("secret/echo#token", &here, false, "answered 400 (no *** please)"),
        ("secret/sealed#token", &here, true, "sealed or not ready (Vault is sealed)"),
        ("secret/broken#token", &here, true, "answered 500"),
        ("secret/busy#token", &here, true, "answered 429"),
        ("secret/page#token", &here, true, "something else than Vault does"),
        ("secret/x#token", &unreachable, true, "nothing listens there"),
        ("secret/x#token", &tls, true, "does not speak TLS"),
        ("secret/x#token", &here[1..], false, "VAULT_ADDR is not set"),
        ("secret/x#token", &here[..1], false, "neither VAULT_TOKEN nor VAULT_TOKEN_FILE"),
        ("secret/x#token", &both, false, "both set"),
        ("secret/x#token", &[("VAULT_ADDR", "vault.example"), here[1]], false, "no URL with http"),
        ("secret/x#token", &trusting, false, "VAULT_CACERT names `/nowhere.pem`"),
    ] {
        let failure = read(reference, variables).await.unwrap_err();
        let said = format!("{failure:?}");
        assert!(said.contains(expected) && !said.contains("hunter2"), "{reference}: {said}");
        assert_eq!(matches!(failure, Failure::Unavailable(_)), is_for_now, "{reference}: {said}");
    }
}
