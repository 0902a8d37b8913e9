//! A state that several machines share, on a real server: what one process does another one sees, and what two do at once
//! is done by one. A directory stands for a machine.

mod api;
mod chaos;
mod copying;
mod daemons;
mod interrupted;
mod measured;
mod relay;
mod standby;
mod vault;
mod verbs;

use crate::environment::{TestEnvironment, fill};
use crate::postgres_server::{Durability, PostgresServer};

/// People in a file, on their way into a table of the database in which the state is, too.
const YAML: &str = r#"apiVersion: raccord/v1
kind: Stack
metadata: {name: main}
spec: {}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store:
    type: postgres
    authorization: {type: database, url: "${env:WAREHOUSE_URL}", tls: {mode: disable}}
    schema: crm
  entities:
    contact: {key: id, table: contacts, fields: {id: text, name: text}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: file
  config: {dataTypes: {people: {path: ROOT/people.csv}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: shop
  to: crm.contact
  active: true
  schedule: EVERY
  mapping: {primaryKey: {id: id}, fields: {name: name}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created, updated]}}
"#;

/// A server, and the directory whose data all machines read.
struct Cluster {
    server: PostgresServer,
    data: tempfile::TempDir,
    schedule: &'static str,
}

/// With these settings the server counts what each statement costs.
const TRACKED: [&str; 2] =
    ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on"];

/// Whether a measurement is to show what the statements of runs cost: for finding out what to mend.
fn are_statements_wanted() -> bool {
    std::env::var_os("RACCORD_STATEMENTS").is_some()
}

impl Cluster {
    fn new(schedule: &'static str) -> Self {
        let settings: &[&str] = if are_statements_wanted() { &TRACKED } else { &[] };
        let (server, data) =
            (PostgresServer::start_with(Durability::Fast, settings), tempfile::tempdir().unwrap());
        let cluster = Self { server, data, schedule };
        cluster.people(2);
        cluster
    }

    /// There are so many people from now on.
    fn people(&self, count: u32) {
        let people: String = (1..=count).map(|number| format!("{number},Person {number}\n")).collect();
        fill(&self.data.path().join("people.csv"), &format!("id,name\n{people}"));
    }

    fn state(&self) -> String {
        format!("{}?sslmode=disable", self.server.url("postgres"))
    }

    fn yaml(&self) -> String {
        YAML.replace("ROOT", self.data.path().to_str().unwrap()).replace("EVERY", self.schedule)
    }

    /// Another machine, with the same configuration.
    fn machine(&self) -> TestEnvironment {
        TestEnvironment::with(&[("raccord.yaml", &self.yaml())])
            .variable("WAREHOUSE_URL", &self.server.url("postgres"))
            .variable("RACCORD_STATE", &self.state())
    }

    /// How many rows there are.
    fn rows(&self) -> usize {
        let there = self.server.sql("postgres", "SELECT to_regclass('crm.contacts') IS NOT NULL");
        if there == "f" {
            return 0;
        }
        self.server.sql("postgres", "SELECT count(*) FROM crm.contacts").parse().unwrap()
    }

    /// Begins to count what statements cost, when that is wanted.
    fn track_statements(&self) -> bool {
        let is_wanted = are_statements_wanted();
        if is_wanted {
            let track =
                "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()";
            self.server.sql("postgres", track);
        }
        is_wanted
    }

    /// What was counted, the most expensive first: for each of so many runs how often, and the microseconds of planning and execution.
    fn statements(&self, runs: f64) -> String {
        let query = format!(
            "SELECT round((calls / {runs})::numeric, 2), round((total_plan_time * 1000 / {runs})::numeric), \
             round((total_exec_time * 1000 / {runs})::numeric), left(regexp_replace(query, '\\s+', ' ', 'g'), 150) \
             FROM pg_stat_statements ORDER BY total_plan_time + total_exec_time DESC LIMIT 60"
        );
        self.server.sql("postgres", &query)
    }
}
