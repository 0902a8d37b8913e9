//! The text of plans: a summary first and last, what destroys before what adds, changed fields alone, and what
//! it all means for the data.

use insta::assert_snapshot;

use super::{applied, written};
use crate::environment::TestEnvironment;

/// The plan after a change of one file.
fn plan_after(file: &str, from: &str, to: &str) -> String {
    let environment = applied();
    environment.replace(file, from, to);
    plan_of(&environment)
}

/// The plan, which fails where something of it is refused.
fn plan_of(environment: &TestEnvironment) -> String {
    let answer = environment.run("plan");
    let is_refused = answer.stdout.contains("refused: ");
    answer.expect_code(i32::from(is_refused)).stdout
}

#[test]
fn everything_is_new() {
    let environment = written();
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 4 to create

      + Project/crm
      + Source/shop
      + Transfer/people
      + Integration/shop

    default: 4 to create
    --full shows every field of what is created
    "#);
    let full = environment.ok("plan --full");
    assert!(full.contains("      mapping.primaryKey.id.from = \"id\"\n"), "{full}");
}

#[test]
fn nothing_changes() {
    let environment = applied();
    assert_snapshot!(environment.ok("plan"), @r#"
    default: no changes; generation 1 is what the configuration says
    "#);
}

#[test]
fn a_mapping_changes() {
    assert_snapshot!(plan_after("transfer.yaml", "city: city", "city: {from: city, transform: [uppercase]}"), @r#"
    default: 1 to update; ≈3 records are read again

      ~ Transfer/people
          mapping.fields.city.transform  + ["uppercase"]   re-map

    What it means for the data
      transfer people: everything is read again and mapped by the new rules (≈3)

    default: 1 to update; ≈3 records are read again
    "#);
}

#[test]
fn a_field_is_added_and_fed() {
    let environment = applied();
    environment.replace("project.yaml", "city: text", "city: text, country: text");
    environment.replace("transfer.yaml", "city: city", "city: city, country: land");
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 2 to update; ≈3 records are read again

      ~ Project/crm
          entities.contact.fields.country  + {"type":"text"}
      ~ Transfer/people
          mapping.fields.country.from  + "land"   re-map

    What it means for the data
      transfer people: everything is read again and mapped by the new rules (≈3)

    default: 2 to update; ≈3 records are read again
    "#);
}

#[test]
fn a_schedule_begins_anew() {
    assert_snapshot!(plan_after("transfer.yaml", "  active: true\n", "  active: true\n  schedule: 15m\n"), @r#"
    default: 1 to update

      ~ Transfer/people
          schedule.every  + "15m"   restart

    What it means for the data
      transfer people: its schedule begins anew

    default: 1 to update
    "#);
}

#[test]
fn deletions_begin() {
    let environment = applied();
    environment.replace("transfer.yaml", "  active: true\n", "  active: true\n  deletes: {snapshot: {}}\n");
    environment.replace("integration.yaml", "updated]", "updated, deleted]");
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 2 to update

      ~ Transfer/people
          deletes.snapshot  + {}   deletions
      ~ Integration/shop
          subscriptions.people.updates  ["created","updated"] → ["created","updated","deleted"]   deletions

    What it means for the data
      transfer people: deletions begin or cease to be received

    default: 2 to update
    "#);
}

#[test]
fn another_file_is_read() {
    assert_snapshot!(plan_after("source.yaml", "people.csv", "persons.csv"), @r#"
    default: 1 to update; ≈3 records are read again

      ~ Source/shop
          config.dataTypes.people.path  "people.csv" → "persons.csv"   re-read

    What it means for the data
      transfer people: its checkpoint is reset and everything is read again (≈3)

    default: 1 to update; ≈3 records are read again
    "#);
}

#[test]
fn the_key_changes() {
    assert_snapshot!(plan_after("transfer.yaml", "{id: id}", "{id: name}"), @r#"
    default: 1 to update; ≈3 records are read again; 3 rows are dropped

      ~ Transfer/people
          mapping.primaryKey.id.from  "id" → "name"   re-key

    What it means for the data
      entity crm.contact: 3 rows are dropped and read again under other keys
      transfer people: its checkpoint is reset and everything is read again (≈3)

    refused: 3 rows of crm.contact would be dropped and read again under other keys; --allow-rekey allows it

    default: 1 to update; ≈3 records are read again; 3 rows are dropped
    "#);
}

#[test]
fn a_field_goes() {
    let environment = applied();
    environment.replace("project.yaml", ", city: text", "");
    environment.replace("transfer.yaml", ", city: city", "");
    assert_snapshot!(plan_of(&environment), @r#"
    default: 2 to update; ≈3 records are read again

      ~ Project/crm
          entities.contact.fields.city  - {"type":"text"}   drop field
      ~ Transfer/people
          mapping.fields.city.from  - "city"   re-map

    What it means for the data
      field crm.contact.city: its values are dropped from 3 rows
      transfer people: everything is read again and mapped by the new rules (≈3)

    refused: `city` would be dropped from 3 rows of crm.contact; --allow-delete allows it

    default: 2 to update; ≈3 records are read again
    "#);
}

#[test]
fn resources_go() {
    let environment = applied();
    environment.remove("integration.yaml");
    environment.remove("transfer.yaml");
    assert_snapshot!(plan_of(&environment), @r#"
    default: 2 to delete

      - Transfer/people
          its checkpoint is forgotten; its rows stay as long as their entity does
      - Integration/shop
          what only it subscribed to runs no more; the rows stay

    refused: Transfer/people would be deleted; --allow-delete allows it
    refused: Integration/shop would be deleted; --allow-delete allows it

    default: 2 to delete
    "#);
}

#[test]
fn an_integration_is_deactivated_and_activated_again() {
    let environment = applied();
    environment.replace("integration.yaml", "  active: true\n", "");
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 1 to deactivate

      ■ Integration/shop
          active  - true

    default: 1 to deactivate
    "#);
    environment.ok("apply --auto-approve");
    environment.replace("integration.yaml", "spec:\n", "spec:\n  active: true\n");
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 1 to activate

      ▶ Integration/shop
          active  + true

    default: 1 to activate
    "#);
}

#[test]
fn a_renamed_resource_keeps_its_rows() {
    let environment = applied();
    environment.replace(
        "transfer.yaml",
        "{name: people}\nspec:\n",
        "{name: persons, annotations: {raccord/renamed-from: people}}\nspec:\n  dataType: people\n",
    );
    environment.replace("integration.yaml", "{people:", "{persons:");
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 1 to rename, 1 to update

      → Transfer/persons  (was people)
      ~ Integration/shop
          subscriptions  "people" → "persons"

    default: 1 to rename, 1 to update
    "#);
    environment.ok("apply --auto-approve");
    let report = environment.json("run --output json");
    assert_eq!(report["runs"][0]["tally"]["unchanged"], 3, "{report:#}");
    assert!(environment.ok("plan").contains("no changes"), "the annotation may stay");
}

#[test]
fn the_order_and_the_place_of_things_make_no_difference() {
    let environment = applied();
    let documents = ["integration.yaml", "transfer.yaml", "source.yaml", "project.yaml"];
    let all: Vec<String> = documents.iter().map(|name| environment.read(name)).collect();
    for name in documents {
        environment.remove(name);
    }
    environment.write("deep/er/all.yml", &all.join("---\n"));
    environment.replace("deep/er/all.yml", "path: people.csv", "path: ../../people.csv");
    assert!(environment.ok("plan").contains("no changes"));
}

/// A small directory with an integration that tells two addresses, and the plan after one word of it changes.
fn plan_of_alerts(output: &str) -> String {
    let environment = written();
    let integration = environment.read("integration.yaml").trim_end().to_owned();
    let alert =
        |address: &str, language: &str| format!("    - {{email: [{address}], language: {language}}}\n");
    let alerts = |language: &str| {
        let before = alert("direction@example.com", "fr");
        format!("{integration}\n  alerts:\n{before}{}", alert("ventes@example.com", language))
    };
    environment.write("integration.yaml", &alerts("fr"));
    environment.ok("apply --auto-approve");
    environment.write("integration.yaml", &alerts("en"));
    environment.ok(&format!("plan --output {output}"))
}

#[test]
fn a_long_list_shows_the_element_that_changes() {
    assert_snapshot!(plan_of_alerts("text"), @r#"
    default: 1 to update

      ~ Integration/shop
          alerts[1]  {"email":["ventes@example.com"],"language":"fr"} → {"email":["ventes@example.com"],"language":"en"}

    default: 1 to update
    "#);
    assert_snapshot!(plan_of_alerts("markdown"), @r#"
    ### default: 1 to update

    ~ **update** `Integration/shop`

    | field | before | after | data |
    |---|---|---|---|
    | `alerts[1]` | `{"email":["ventes@example.com"],"language":"fr"}` | `{"email":["ventes@example.com"],"language":"en"}` |  |
    "#);
}

#[test]
fn a_long_text_is_cut_around_what_changes() {
    let environment = written();
    let directory = "everything/that/was/ever/exported/by/the/shop/in/the/harbour";
    environment.replace("source.yaml", "people.csv", &format!("{directory}/in-2024/people.csv"));
    environment.ok("apply --auto-approve");
    environment.replace("source.yaml", "2024", "2025");
    assert_snapshot!(environment.ok("plan"), @r#"
    default: 1 to update

      ~ Source/shop
          config.dataTypes.people.path  …n/the/harbour/in-2024/people.csv" → …n/the/harbour/in-2025/people.csv"   re-read

    What it means for the data
      transfer people: its checkpoint is reset and everything is read again (≈0)

    default: 1 to update
    "#);
}

fn many(count: usize) -> TestEnvironment {
    let environment = written();
    let sources: Vec<String> = (0..count)
        .map(|n| {
            format!(
                "apiVersion: raccord/v1\nkind: Source\nmetadata: {{name: source-{n}}}\n\
                 spec: {{connector: file, config: {{dataTypes: {{people: {{path: people-{n}.csv}}}}}}}}\n"
            )
        })
        .collect();
    environment.write("many.yaml", &sources.join("---\n"));
    environment
}

#[test]
fn markdown_fits_a_comment_whatever_the_size() {
    let environment = many(5_000);
    let markdown = environment.ok("plan --output markdown");
    assert!(markdown.chars().count() < 65_000, "{} characters", markdown.chars().count());
    assert!(markdown.contains("5,004 to create"), "{}", &markdown[..200]);
    let text = environment.ok("plan");
    assert!(text.contains("more; --output json lists all"), "a plan of thousands is counted, not scrolled");
    let json = environment.json("plan --output json");
    assert_eq!(json["changes"].as_array().unwrap().len(), 5_004);
}

#[test]
fn markdown_shows_what_a_reviewer_needs() {
    let environment = applied();
    environment.replace("transfer.yaml", "city: city", "city: {from: city, transform: [uppercase]}");
    assert_snapshot!(environment.ok("plan --output markdown"), @r#"
    ### default: 1 to update; ≈3 records are read again

    ~ **update** `Transfer/people`

    | field | before | after | data |
    |---|---|---|---|
    | `mapping.fields.city.transform` |  | `["uppercase"]` | re-map |

    #### What it means for the data

    - transfer people: everything is read again and mapped by the new rules (≈3)
    "#);
}

#[test]
fn a_pipe_gets_no_colour_unless_it_asks() {
    let environment = written();
    for verb in ["plan", "apply --auto-approve", "run", "status", "validate", "history", "runs"] {
        let answer = environment.run(verb).expect_code(0);
        assert!(!(answer.stdout + &answer.stderr).contains('\u{1b}'), "{verb}");
    }
    let colored = environment.ok("status --color always");
    assert!(colored.contains('\u{1b}'), "{colored}");
}
