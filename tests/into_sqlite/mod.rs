//! A project whose rows are in a file of SQLite: from its plan to rows that SQL sees, what happens while others use the file,
//! and kills at any moment.

mod changes;
mod killed;
mod lost;
mod rekeyed;
mod trouble;

use std::fmt::Write as _;

use rusqlite::Connection;

use crate::environment::TestEnvironment;

/// People in a file, on their way into a table.
const YAML: &str = r"apiVersion: raccord/v1
kind: Stack
metadata: {name: main}
spec: {}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store: {type: sqlite, path: crm.db}
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
";

const PEOPLE: &str = "id,name,city\n1,Ada,Paris\n007,Bob,Lyon\n";

/// The shop; nothing is applied.
pub(crate) fn shop() -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", YAML), ("people.csv", PEOPLE)])
}

/// A connection of another program.
fn connect(shop: &TestEnvironment) -> Connection {
    let connection = Connection::open(shop.path().join("crm.db")).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

/// What the table holds, the key first.
fn contacts(shop: &TestEnvironment) -> String {
    let connection = connect(shop);
    let mut statement =
        connection.prepare("SELECT external_id, full_name, town FROM contacts ORDER BY 1").unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        let column = |at: usize| row.get::<_, Option<String>>(at).unwrap().unwrap_or_default();
        writeln!(text, "{}|{}|{}", column(0), column(1), column(2)).unwrap();
    }
    text.trim_end().to_owned()
}
