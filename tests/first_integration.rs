//! A first integration, step by step, as a person sets it up: every step has its YAML and what it must show.
//!
//! Each test begins where the one before it ended, with the files that were written up to there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{self, HttpServer};

const PROJECT: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: externalId
      fields:
        externalId: text
        email: {type: email, required: true}
        fullName: text
        vip: {type: boolean, default: false}
";

const AUTHORIZATION: &str = "\
apiVersion: raccord/v1
kind: Authorization
metadata: {name: boutique-token}
spec: {type: apiKey, header: X-Access-Token, value: \"${env:BOUTIQUE_TOKEN}\"}
";

const SOURCE: &str = "\
apiVersion: raccord/v1
kind: Source
metadata: {name: boutique}
spec:
  connector: http
  authorization: boutique-token
  config:
    baseUrl: URL
    retry: {attempts: 1}
    dataTypes:
      customers: {records: data}
";

const TRANSFER: &str = "\
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: boutique
  to: crm.contact
";

const PRIMARY_KEY: &str = "  mapping:
    primaryKey: {externalId: id}
";

const FIELDS: &str = "    fields:
      email: {from: email, transform: [trim, lowercase]}
      fullName: {expr: \"first_name ~ ' ' ~ last_name\"}
      vip: {from: is_vip, onEmpty: default}
";

const INTEGRATION: &str = "\
apiVersion: raccord/v1
kind: Integration
metadata: {name: boutique}
spec:
  subscriptions:
    customers: [created, updated]
";

const ALERTS: &str = "  alerts: [ops@example.com]\n";

const CUSTOMERS: &str = r#"{"data": [
    {"id": 7, "email": " ZOE@example.com", "first_name": "Zoé", "last_name": "Roy", "is_vip": true},
    {"id": 8, "email": "luc@example.com", "first_name": "Luc", "last_name": "Côté"}
]}"#;

/// The shop: it lets a client in that has the token, and can be told to answer with an error.
struct Boutique {
    server: HttpServer,
    status: Arc<AtomicU16>,
}

impl Boutique {
    fn open() -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let answer = Arc::clone(&status);
        let server = HttpServer::start(move |request| match answer.load(Ordering::SeqCst) {
            200 if request.headers.get("x-access-token").is_some_and(|token| token == "s3cret") => {
                http_server::json(CUSTOMERS)
            }
            200 => http_server::status(401),
            other => http_server::status(other),
        });
        Self { server, status }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn source(&self) -> String {
        SOURCE.replace("URL", &self.server.url())
    }
}

/// A shop, and a directory where nothing but the project, the source and its authorization is written.
fn source() -> (Boutique, TestEnvironment) {
    let shop = Boutique::open();
    let environment = TestEnvironment::new().at("2025-01-31T09:30:00Z").variable("BOUTIQUE_TOKEN", "s3cret");
    environment.write("project.yaml", PROJECT);
    environment.write("authorization.yaml", AUTHORIZATION);
    environment.write("source.yaml", &shop.source());
    (shop, environment)
}

/// The same with a transfer whose fields are assigned, applied while it is inactive.
fn transfer() -> (Boutique, TestEnvironment) {
    let (shop, environment) = source();
    environment.write("transfer.yaml", &format!("{TRANSFER}{PRIMARY_KEY}{FIELDS}"));
    environment.ok("apply --auto-approve");
    (shop, environment)
}

/// The same with everything active and applied.
fn integration() -> (Boutique, TestEnvironment) {
    let (shop, environment) = transfer();
    environment.write("transfer.yaml", &format!("{TRANSFER}  active: true\n{PRIMARY_KEY}{FIELDS}"));
    environment.write("integration.yaml", &format!("{INTEGRATION}{ALERTS}  active: true\n"));
    environment.ok("apply --auto-approve");
    (shop, environment)
}

#[test]
fn a_source_is_chosen_from_the_catalogue_and_named() {
    let (_shop, environment) = source();
    assert_says(
        &environment.ok("connectors"),
        &["file", "http", "Any REST or GraphQL service that answers JSON"],
    );
    assert_says(&environment.ok("validate"), &["valid: 3 resources"]);
    environment.replace("source.yaml", "connector: http", "connector: htp");
    let said = environment.fails(1, "validate");
    assert_says(&said, &["unknown-connector", "source.yaml:5:14", "did you mean `http`?"]);
}

#[test]
fn an_authorization_made_beforehand_is_attached_by_its_name() {
    let (shop, environment) = source();
    let said = environment.ok("check boutique");
    assert_says(&said, &["boutique.customers"]);
    assert!(!said.contains("s3cret"), "{said}");
    assert_eq!(shop.server.requests()[0].headers["x-access-token"], "s3cret");
    environment.replace("source.yaml", "boutique-token", "boutique-tokn");
    assert_says(
        &environment.fails(1, "validate"),
        &["dangling-reference", "source.yaml:6:18", "did you mean `boutique-token`?"],
    );
}

#[test]
fn a_wrong_token_is_told_by_check() {
    let (_shop, environment) = source();
    let environment = environment.variable("BOUTIQUE_TOKEN", "stolen");
    let said = environment.fails(1, "check boutique");
    assert_says(&said, &["401"]);
    assert!(!said.contains("stolen"), "{said}");
}

#[test]
fn a_data_type_is_added_and_its_transfer_is_inactive_by_default() {
    let (shop, environment) = source();
    assert_says(&environment.ok("discover boutique"), &["customers", "first_name", "is_vip", "boolean"]);
    environment.write("transfer.yaml", TRANSFER);
    environment.write("integration.yaml", &format!("{INTEGRATION}  active: true\n"));
    assert_says(&environment.ok("plan"), &["+ Transfer/customers", "+ Integration/boutique"]);
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("status"), &["customers  no"]);
    shop.server.forget();
    assert_says(&environment.ok("run"), &["customers did not run: the transfer is not active"]);
    assert!(shop.server.requests().is_empty());
}

#[test]
fn it_cannot_be_activated_before_its_fields_are_assigned() {
    let (_shop, environment) = source();
    environment.write("transfer.yaml", &format!("{TRANSFER}  active: true\n"));
    let said = environment.fails(1, "validate");
    assert_says(&said, &["not-ready", "transfer.yaml:7:11", "no field is assigned", "the primary key first"]);
    assert_says(&environment.fails(1, "apply --auto-approve"), &["not-ready", "1 error"]);
    assert!(
        !environment.path().join(".raccord/state.redb").exists(),
        "a wrong configuration begins no state"
    );
}

#[test]
fn it_cannot_be_activated_without_an_authorization() {
    let (_shop, environment) = transfer();
    environment.replace("source.yaml", "  authorization: boutique-token\n", "");
    environment.replace("transfer.yaml", "  mapping:", "  active: true\n  mapping:");
    assert_says(
        &environment.fails(1, "validate"),
        &["not-ready", "transfer.yaml:7:11", "its source `boutique` has no authorization"],
    );
}

#[test]
fn the_primary_key_comes_first_and_maps_to_the_key_of_the_project() {
    let (_shop, environment) = source();
    let fields_alone = format!("{TRANSFER}  active: true\n  mapping:\n{FIELDS}");
    environment.write("transfer.yaml", &fields_alone);
    let said = environment.fails(1, "validate");
    assert_says(&said, &["incomplete-key", "transfer.yaml:8", "the key field `externalId` is not assigned"]);

    environment.write("transfer.yaml", &format!("{TRANSFER}  active: true\n{PRIMARY_KEY}"));
    let said = environment.fails(1, "validate");
    assert_says(&said, &["required-field", "the required field `email` is neither fed nor defaulted"]);
    assert!(!said.contains("incomplete-key"), "{said}");

    environment.write("transfer.yaml", &format!("{TRANSFER}{PRIMARY_KEY}"));
    assert_says(&environment.ok("validate"), &["valid: 4 resources"]);
}

#[test]
fn further_fields_are_assigned_and_can_be_looked_at_before_anything_is_stored() {
    let (_shop, environment) = transfer();
    let said = environment.ok("preview customers");
    assert_says(
        &said,
        &[
            "externalId \"7\"",
            "email \"zoe@example.com\"",
            "fullName \"Zoé Roy\"",
            "vip false",
            "2 records, 0 would be rejected",
        ],
    );
    assert_eq!(environment.run("records crm.contact").expect_code(0).stderr, "no record\n");
    environment.replace("transfer.yaml", "fullName:", "fulName:");
    assert_says(
        &environment.fails(1, "validate"),
        &["unknown-entity-field", "transfer.yaml:11:7", "fulName"],
    );
}

#[test]
fn activating_it_changes_its_status() {
    let (shop, environment) = transfer();
    assert_says(&environment.ok("status"), &["customers  no"]);
    environment.replace("transfer.yaml", "  mapping:", "  active: true\n  mapping:");
    assert_says(&environment.ok("plan"), &["▶ Transfer/customers", "1 to activate"]);
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("status"), &["customers  yes"]);
    shop.server.forget();
    assert_says(&environment.ok("run"), &["nothing to run: no active integration subscribes"]);
    assert!(shop.server.requests().is_empty());
}

#[test]
fn an_integration_chooses_update_types_and_alerts_and_is_activated() {
    let (shop, environment) = transfer();
    environment.replace("transfer.yaml", "  mapping:", "  active: true\n  mapping:");
    environment.write("integration.yaml", INTEGRATION);
    environment.ok("apply --auto-approve");
    let said = environment.ok("status");
    assert_says(&said, &["integration boutique: inactive", "  customers: created, updated\n"]);
    assert!(!said.contains("alerts"), "{said}");
    assert_says(&environment.ok("run"), &["boutique did not run: it is not active"]);

    environment.write("integration.yaml", &format!("{INTEGRATION}{ALERTS}"));
    assert_says(&environment.ok("plan"), &["~ Integration/boutique", "alerts", "ops@example.com"]);
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("status"), &["  alerts: ops@example.com\n"]);

    environment.write("integration.yaml", &format!("{INTEGRATION}{ALERTS}  active: true\n"));
    assert_says(&environment.ok("plan"), &["▶ Integration/boutique"]);
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("status"), &["integration boutique: active"]);
    shop.server.forget();
    environment.ok("run");
    let rows = environment.ok("records crm.contact --output csv");
    assert_eq!(
        rows,
        "externalId,email,fullName,vip\n7,zoe@example.com,Zoé Roy,true\n8,luc@example.com,Luc Côté,false\n"
    );
    assert_says(&environment.ok("plan"), &["no changes"]);
}

#[test]
fn after_many_errors_it_is_tripped_and_status_says_why() {
    let (shop, environment) = integration();
    shop.answers(500);
    for _ in 0..4 {
        assert_says(&environment.fails(1, "run"), &["customers failed", "500"]);
        assert_says(&environment.ok("status"), &["integration boutique: active"]);
    }
    environment.fails(1, "run");
    let status = environment.ok("status");
    assert_says(
        &status,
        &[
            "integration boutique: tripped\n",
            "disabled since 2025-01-31T09:30:00Z: 5 failed runs in a row (transfer customers)",
            "500",
            "`raccord resume boutique` starts it again",
        ],
    );
    assert_says(
        &environment.ok("plan"),
        &["no changes", "note: the integration boutique is disabled", "`raccord resume boutique`"],
    );
    shop.server.forget();
    let disabled = "boutique did not run: it was disabled: 5 failed runs in a row";
    assert_says(&environment.fails(1, "run"), &[disabled]);
    environment.ok("apply --auto-approve");
    environment.fails(1, "run");
    assert!(shop.server.requests().is_empty(), "neither a run nor an apply starts it again");

    shop.answers(200);
    assert_says(&environment.ok("resume boutique"), &["boutique is resumed", "5 failed runs in a row"]);
    assert_says(&environment.ok("status"), &["integration boutique: active"]);
    environment.ok("run");
    assert_eq!(environment.json("records crm.contact --output json").as_array().unwrap().len(), 2);
    assert_says(&environment.ok("status"), &["succeeded"]);
}

#[test]
fn refused_credentials_trip_it_at_once() {
    let (shop, environment) = integration();
    shop.answers(401);
    assert_says(&environment.fails(1, "run"), &["customers failed", "401"]);
    assert_eq!(shop.server.requests().len(), 1, "a refusal is not tried again");
    let status = environment.ok("status");
    assert_says(&status, &["integration boutique: tripped", "401", "(transfer customers)"]);
    assert!(!status.contains("s3cret"), "{status}");
}

#[test]
fn an_unset_secret_is_named_when_it_is_needed_and_not_before() {
    let (_shop, environment) = integration();
    environment.replace("authorization.yaml", "BOUTIQUE_TOKEN", "UNSET_TOKEN");
    environment.ok("validate");
    environment.ok("plan");
    environment.ok("apply --auto-approve");
    assert_says(&environment.fails(1, "run"), &["customers failed", "UNSET_TOKEN"]);
}
