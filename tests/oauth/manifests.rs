//! A manifest whose refresh token counts once: what the server puts in its place survives the process, and several data
//! types never use it twice.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use super::assert_secret;
use super::server::{CLIENT_SECRET, Manner, OAuthServer, SEED};
use crate::environment::TestEnvironment;

const MANIFEST: &str = r##"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [people]}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [client_secret, refresh_token, base]
    properties:
      client_secret: {type: string, airbyte_secret: true}
      refresh_token: {type: string, airbyte_secret: true}
      base: {type: string}
definitions:
  requester:
    type: HttpRequester
    url_base: "{{ config['base'] }}"
    authenticator:
      type: OAuthAuthenticator
      token_refresh_endpoint: "{{ config['base'] }}/token"
      client_id: raccord
      client_secret: "{{ config['client_secret'] }}"
      refresh_token: "{{ config['refresh_token'] }}"
      refresh_token_updater:
        refresh_token_config_path: [refresh_token]
        access_token_config_path: [access_token]
        token_expiry_date_config_path: [token_expiry_date]
  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
streams:
  - type: DeclarativeStream
    name: people
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: /people}
      record_selector: {$ref: "#/definitions/selector"}
  - type: DeclarativeStream
    name: people_of_late
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: /people_of_late}
      record_selector: {$ref: "#/definitions/selector"}
"##;

const YAML: &str = r#"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact: {key: id, fields: {id: text, name: text}}
    late: {key: id, fields: {id: text, name: text}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: ./connectors/shop.yaml
  config: {client_secret: "${env:CLIENT_SECRET}", refresh_token: "${env:SEED}", base: "BASE"}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: shop, to: crm.contact, active: true, mapping: {primaryKey: {id: id}, fields: {name: name}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people-of-late}
spec: {source: shop, dataType: people_of_late, to: crm.late, active: true, mapping: {primaryKey: {id: id}, fields: {name: name}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created, updated], people-of-late: [created, updated]}}
"#;

fn shop(server: &OAuthServer) -> TestEnvironment {
    let yaml = YAML.replace("BASE", &server.url());
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml), ("connectors/shop.yaml", MANIFEST)])
        .variable("CLIENT_SECRET", CLIENT_SECRET)
        .variable("SEED", SEED);
    environment.ok("apply --auto-approve");
    environment
}

#[test]
fn a_manifests_refresh_token_is_rotated_and_kept() {
    let server = OAuthServer::start(Manner { life: 600, says: Some(1), slow: 30, ..Manner::default() });
    let environment = shop(&server);
    for _ in 0..4 {
        let run = environment.run("run").expect_code(0);
        assert_secret(&server, &environment, &[&run]);
        std::thread::sleep(Duration::from_millis(1_100));
    }
    let (issued, reused, most) = server.with(|memory| (memory.issued, memory.reused, memory.most_at_once));
    assert_eq!((reused, most), (0, 1));
    assert!((4..=8).contains(&issued), "{issued}");
    let kept = environment.ok("state check");
    assert!(kept.contains("1 sealed secret"), "{kept}");
}

#[test]
fn a_kill_after_a_manifests_tokens_are_kept_loses_nothing() {
    for failpoint in ["token.before", "token.kept"] {
        let server = OAuthServer::start(Manner { life: 600, says: Some(1), ..Manner::default() });
        let environment = shop(&server);
        let output = environment.command("run").env("RACCORD_FAILPOINT", failpoint).output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "{failpoint}: {output:?}");
        std::thread::sleep(Duration::from_millis(1_100));
        environment.ok("run");
        assert_eq!(server.with(|memory| memory.reused), 0, "{failpoint}");
    }
}
