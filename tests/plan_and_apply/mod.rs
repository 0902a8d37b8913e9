//! What a plan says, what an apply may do, how one goes back; and the verbs around them.

mod applying;
mod beginning;
mod history;
mod refusals;
mod text;
mod usage;

use crate::environment::TestEnvironment;

const PROJECT: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: id
      fields: {id: text, name: text, city: text}
";

const SOURCE: &str = "\
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec: {connector: file, config: {dataTypes: {people: {path: people.csv}}}}
";

const TRANSFER: &str = "\
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping:
    primaryKey: {id: id}
    fields: {name: name, city: city}
";

const INTEGRATION: &str = "\
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec:
  active: true
  subscriptions: {people: [created, updated]}
";

const PEOPLE: &str = "id,name,city\n1,Ann,Oslo\n2,Bob,Bergen\n3,Cyd,\n";

/// A small directory, nothing of it applied.
fn written() -> TestEnvironment {
    TestEnvironment::with(&[
        ("project.yaml", PROJECT),
        ("source.yaml", SOURCE),
        ("transfer.yaml", TRANSFER),
        ("integration.yaml", INTEGRATION),
        ("people.csv", PEOPLE),
    ])
    .at("2025-01-31T09:30:00Z")
}

/// The same, applied and run once: three rows are there.
fn applied() -> TestEnvironment {
    let environment = written();
    environment.ok("apply --auto-approve");
    environment.ok("run");
    environment
}

/// How many rows the entity has.
fn rows(environment: &TestEnvironment) -> usize {
    environment.json("records crm.contact --output json").as_array().unwrap().len()
}
