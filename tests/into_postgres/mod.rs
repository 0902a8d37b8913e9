//! A project whose rows are in PostgreSQL, with a real server: from its plan to rows that SQL sees, and what happens while
//! the database is away, refuses us, or was changed by others.

mod absent;
mod changes;
mod deliveries;
mod existing;
mod guide;
mod killed;
mod lost;
mod rekeyed;

use crate::environment::TestEnvironment;
use crate::postgres_server::{Durability, PostgresServer};

/// People in a file, on their way into a table.
const YAML: &str = r#"apiVersion: raccord/v1
kind: Stack
metadata: {name: main}
spec: {}
---
apiVersion: raccord/v1
kind: Authorization
metadata: {name: warehouse}
spec: {type: database, url: "${env:WAREHOUSE_URL}", tls: {mode: disable}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store: {type: postgres, authorization: warehouse, schema: crm}
  entities:
    contact:
      key: externalId
      table: contacts
      fields:
        externalId: text
        fullName: text
        city: {type: text, column: town}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: file
  config: {dataTypes: {people: {path: people.csv}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping:
    primaryKey: {externalId: id}
    fields: {fullName: name, city: city}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created, updated]}}
"#;

const PEOPLE: &str = "id,name,city\n1,Ada,Paris\n007,Bob,Lyon\n";

/// Where nothing listens.
const NOWHERE: &str = "postgres://postgres@127.0.0.1:9/postgres";

pub(crate) fn server() -> PostgresServer {
    PostgresServer::start(Durability::Fast)
}

/// The shop, and its database at a URL; nothing is applied.
pub(crate) fn shop_at(url: &str) -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", YAML), ("people.csv", PEOPLE)]).variable("WAREHOUSE_URL", url)
}

/// What the table holds, the key first.
pub(crate) fn contacts(server: &PostgresServer) -> String {
    server.sql("postgres", "SELECT external_id, full_name, town FROM crm.contacts ORDER BY 1")
}
