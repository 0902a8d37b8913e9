//! Configurations made for measuring: many resources, and one transfer of many records.

/// How many entities a project has, and thus how many integrations share it.
const ENTITIES: usize = 25;

/// So many resources: projects, and an authorization, a source, a transfer and an integration for each entity.
pub(super) fn many(resources: usize) -> Vec<(String, String)> {
    // Each hundred integrations bring four projects with them.
    let integrations = resources * ENTITIES / (4 * ENTITIES + 1);
    let projects = resources - 4 * integrations;
    let mut files: Vec<(String, String)> =
        (0..projects).map(|number| (format!("project-{number}.yaml"), project(number))).collect();
    files.extend(
        (0..integrations).map(|number| (format!("integration-{number}.yaml"), integration(number, projects))),
    );
    files
}

fn project(number: usize) -> String {
    let mut text =
        format!("apiVersion: raccord/v1\nkind: Project\nmetadata: {{name: p{number}}}\nspec:\n  entities:\n");
    for entity in 0..ENTITIES {
        text.push_str(&format!(
            "    e{entity}:\n      key: id\n      fields:\n        id: text\n        \
             email: {{type: email, required: true}}\n        name: text\n        city: text\n        \
             createdAt: datetime\n"
        ));
    }
    text
}

fn integration(number: usize, projects: usize) -> String {
    let (project, entity) = (number / ENTITIES % projects, number % ENTITIES);
    format!(
        "apiVersion: raccord/v1
kind: Authorization
metadata: {{name: a{number}}}
spec: {{type: apiKey, header: X-Access-Token, value: \"${{env:TOKEN_{number}}}\"}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: s{number}}}
spec:
  connector: http
  authorization: a{number}
  config:
    baseUrl: https://s{number}.example/api
    dataTypes:
      customers:
        records: data
        pagination: {{nextUrl: links.next}}
        incremental: {{field: updated_at, param: since, lookback: 5m}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: t{number}}}
spec:
  source: s{number}
  dataType: customers
  to: p{project}.e{entity}
  active: true
  schedule: 15m
  mapping:
    primaryKey: {{id: id}}
    fields:
      email: {{from: email, transform: [trim, lowercase]}}
      name: name
      city: \"addresses[0].city\"
      createdAt: created_at
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: i{number}}}
spec:
  active: true
  subscriptions: {{t{number}: [created, updated]}}
  alerts: [ops@example.com]
"
    )
}

/// One transfer over HTTP.
pub(super) fn contacts_over_http(port: u16) -> String {
    let source = format!(
        "  connector: http
  authorization: {{type: none}}
  config:
    baseUrl: http://127.0.0.1:{port}
    dataTypes:
      contacts: {{records: data, pagination: {{nextUrl: next}}}}
"
    );
    contacts(&source)
}

/// One transfer from a file.
pub(super) fn contacts_from_file() -> String {
    contacts("  connector: file\n  config:\n    dataTypes:\n      contacts: {path: contacts.jsonl}\n")
}

fn contacts(source: &str) -> String {
    format!(
        "{PROJECT}---\napiVersion: raccord/v1\nkind: Source\nmetadata: {{name: bench}}\nspec:\n{source}{TRANSFER}"
    )
}

/// Every field of the record has a field of its own.
const PROJECT: &str = "apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: id
      fields:
        {id: integer, ref: text, name: text, email: email, phone: phone, street: text, city: text, zip: text,
         country: text, status: text, score: integer, balance: decimal, vip: boolean, notes: text,
         createdAt: datetime, updatedAt: datetime}
";

const TRANSFER: &str = "---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: contacts}
spec:
  source: bench
  to: crm.contact
  active: true
  mapping:
    primaryKey: {id: id}
    fields: {ref: external_ref, name: customer.name, email: customer.email, phone: customer.phone,
             street: address.street, city: address.city, zip: address.zip, country: address.country,
             status: status, score: score, balance: balance, vip: vip, notes: notes,
             createdAt: created_at, updatedAt: updated_at}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: bench}
spec:
  active: true
  subscriptions: {contacts: [created, updated]}
";
