//! The guide "into PostgreSQL": what it prints is written and typed as it stands, in both its languages, with a real
//! server.

use super::server;
use crate::documentation::{blocks, file_name, root};
use crate::environment::TestEnvironment;

/// The lines of the blocks of one sort.
fn lines(page: &str, sort: &str) -> Vec<String> {
    let begin = format!("\n```{sort}");
    let parts = page.split(&begin).skip(1).filter_map(|rest| rest.split_once('\n'));
    let bodies = parts.filter_map(|(_, rest)| Some(rest.split_once("\n```")?.0));
    bodies.flat_map(str::lines).map(str::to_owned).collect()
}

fn follow(guide: &str) {
    let page = std::fs::read_to_string(root().join("docs/guides").join(guide)).unwrap();
    let server = server();
    let environment = TestEnvironment::new().variable("WAREHOUSE_URL", &server.url("postgres"));
    for block in blocks(&page) {
        let text: Vec<&str> = block.text.lines().collect();
        if let Some(name) = file_name(&text) {
            environment.write(name, &block.text);
        }
    }
    let people = lines(&page, "csv").join("\n") + "\n";
    environment.write("people.csv", &people);
    let commands = lines(&page, "sh");
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        environment.ok(command.strip_prefix("raccord ").expect("a command of ours"));
    }
    let rows =
        server.sql("postgres", "SELECT external_id, full_name, town, since FROM crm.contacts ORDER BY 1");
    assert_eq!(rows, "007|Zoé|Montréal|2023-02-03\n2|Luc|Québec|2022-11-17");
}

#[test]
fn the_guide_does_what_it_says() {
    follow("postgres.md");
}

#[test]
fn the_guide_in_french_does_the_same() {
    let [english, french] = ["postgres.md", "postgres.fr.md"]
        .map(|guide| std::fs::read_to_string(root().join("docs/guides").join(guide)).unwrap());
    assert_eq!(lines(&english, "sh"), lines(&french, "sh"));
    assert_eq!(lines(&english, "csv"), lines(&french, "csv"));
    follow("postgres.fr.md");
}
