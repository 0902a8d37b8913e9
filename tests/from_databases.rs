//! The guide "from a database": what it prints is written and typed as it stands, with a real server.

use crate::documentation::{blocks, file_name, root};
use crate::environment::TestEnvironment;
use crate::postgres_server::{Durability, PostgresServer};

/// The bodies of the blocks of one sort.
fn bodies(page: &str, sort: &str) -> Vec<String> {
    let begin = format!("\n```{sort}");
    let parts = page.split(&begin).skip(1).filter_map(|rest| rest.split_once('\n'));
    parts.filter_map(|(_, rest)| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

#[test]
fn the_guide_does_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/guides/databases.md")).unwrap();
    let server = PostgresServer::start(Durability::Fast);
    let environment = TestEnvironment::new().variable("ERP_URL", &server.url("postgres"));
    for statements in bodies(&page, "sql") {
        server.sql("postgres", &statements);
    }
    for block in blocks(&page) {
        let text: Vec<&str> = block.text.lines().collect();
        if let Some(name) = file_name(&text) {
            environment.write(name, &block.text);
        }
    }
    let commands: Vec<String> =
        bodies(&page, "sh").iter().flat_map(|body| body.lines()).map(str::to_owned).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    let mut said = String::new();
    for command in commands {
        said = environment.ok(command.strip_prefix("raccord ").expect("a command of ours"));
    }
    for part in ["Zoé", "zoe@example.com", "2025-01-02T10:00:00Z", "11.25", "Luc"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    // What has changed since, and nothing else, is asked for.
    server.sql(
        "postgres",
        "UPDATE customers SET name = 'Luce', changed = '2025-01-04 10:00:00+00' WHERE id = 2",
    );
    let run = environment.ok("run");
    assert!(environment.ok("records crm.customer").contains("Luce"), "{run}");
    let status = environment.ok("status");
    assert!(status.contains("2025-01-04T10:00:00Z"), "{status}");
}
