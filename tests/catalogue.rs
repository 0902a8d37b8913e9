//! The catalogue of connectors: its page, and what was proved of it against services that others wrote.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::counterpart::{Kinto, Localstripe};
use crate::documentation::{check_generated, file_name, root};
use crate::environment::{TestEnvironment, assert_says};
use crate::tally;

const INTRODUCTION: &str = "\
# The catalogue

The manifests that come with the program: `connector` of a Source says the name, `config` what the manifest asks for. Made from the files in
`crates/connect/catalogue`, which are written in [Airbyte's low-code language](../guides/connectors.md) as anybody's connector is, each from
the documentation of its vendor, whose pages its first lines name. `raccord connectors NAME` tells the same.

Update types: what is *incremental* brings what was created and updated since the last reading, and what was deleted only with
[`deletes: {snapshot: …}`](../guides/deletes.md), for which everything is read, or with `deletes: {field: …}` where a field is named. What is
*read as a whole* shows all three each time; deletions count with `deletes` as well. A changed manifest of a newer version of Raccord is a
change of the source: a plan shows it, and what it means.

Levels of proof: *run* against the service or an independent implementation of its API; *schema*: its requests were checked by the vendor's own
OpenAPI or GraphQL schema; *documentation*: written from the documentation, and never sent to anybody. Below *run*, try `raccord check`,
`discover` and `preview` with an account of your own before you activate a transfer.

";

/// A value as a cell of a table.
fn cell(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('|', "\\|")
}

#[test]
fn the_page_of_the_catalogue_is_fresh() {
    let environment = TestEnvironment::new();
    let all = environment.json("connectors --output json");
    let listed: Vec<&Value> =
        all.as_array().unwrap().iter().filter(|entry| entry["proof"].is_string()).collect();
    let mut page = String::from(INTRODUCTION);
    page.push_str("| connector | | | proof |\n|---|---|---|---|\n");
    for entry in &listed {
        let (name, features) = (cell(&entry["name"]), entry["features"].as_array().unwrap());
        let types = cell(features.last().unwrap());
        writeln!(
            page,
            "| [`{name}`](#{name}) | {} | {types} | {} |",
            cell(&entry["title"]),
            cell(&entry["proof"])
        )
        .unwrap();
    }
    for entry in listed {
        let name = cell(&entry["name"]);
        section(&mut page, &name, &environment.json(&format!("connectors {name} --output json")));
    }
    check_generated("docs/reference/catalogue.md", &page);
}

fn section(page: &mut String, name: &str, about: &Value) {
    let by = about["provenBy"].as_str().map(|by| format!(" ({by})")).unwrap_or_default();
    let (title, address) = (cell(&about["title"]), cell(&about["documentation"]));
    write!(page, "\n## {name}\n\n[{title}]({address}). Proof: {}{by}.\n\n", cell(&about["proof"])).unwrap();
    page.push_str("| data type | key | incremental by | update types |\n|---|---|---|---|\n");
    for data_type in about["dataTypes"].as_array().unwrap() {
        let words = |list: &Value| list.as_array().unwrap().iter().map(cell).collect::<Vec<_>>().join(", ");
        let (key, updates) = (words(&data_type["primaryKey"]), words(&data_type["updates"]));
        let cursor = cell(&data_type["cursorField"]);
        let by = data_type["deletedField"].as_str();
        let updates = by.map_or(updates.clone(), |by| format!("{updates} by `{by}`"));
        writeln!(page, "| `{}` | {key} | {cursor} | {updates} |", cell(&data_type["name"])).unwrap();
    }
    page.push_str("\n| setting | | default | |\n|---|---|---|---|\n");
    let schema = &about["configSchema"];
    for (setting, it) in schema["properties"].as_object().unwrap() {
        let is_required = schema["required"].as_array().is_some_and(|all| all.iter().any(|it| it == setting));
        let required = if is_required { "required" } else { "optional" };
        let secret = if it["airbyte_secret"] == true { ", secret" } else { "" };
        let default = it.get("default").map(|value| format!("`{value}`")).unwrap_or_default();
        writeln!(page, "| `{setting}` | {required}{secret} | {default} | {} |", cell(&it["title"])).unwrap();
    }
    let example = root().join("crates/connect/catalogue/examples").join(format!("{name}.yaml"));
    write!(page, "\n```yaml\n{}```\n", fs::read_to_string(example).unwrap()).unwrap();
}

#[test]
fn every_manifest_of_the_directory_is_in_the_catalogue() {
    let mut files: Vec<String> = fs::read_dir(root().join("crates/connect/catalogue"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    files.sort();
    let listed = TestEnvironment::new().json("connectors --output json");
    let listed: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["proof"].is_string())
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(files, listed);
}

#[test]
fn every_data_type_of_the_catalogue_can_be_read() {
    let directory = root().join("crates/connect/catalogue");
    let report = TestEnvironment::new().json(&format!("connector check {} --json", directory.display()));
    assert_eq!(
        (&report["total"]["unusable"], &report["total"]["broken"]),
        (&0.into(), &0.into()),
        "{report:#}"
    );
    for manifest in report["manifests"].as_array().unwrap() {
        let types = manifest["dataTypes"].as_array().unwrap().len();
        assert!(types >= 3, "{manifest:#}");
    }
}

#[test]
fn a_name_that_is_near_is_suggested() {
    let environment = TestEnvironment::with(&[(
        "a.yaml",
        "apiVersion: raccord/v1\nkind: Source\nmetadata: {name: a}\nspec:\n  connector: strpe\n  config: {api_key: \"${env:K}\"}\n",
    )]);
    assert_says(
        &environment.fails(1, "validate"),
        &["there is no connector `strpe`", "did you mean `stripe`?"],
    );
    assert_says(&environment.fails(1, "connectors strpe"), &["did you mean `stripe`?"]);
}

/// The connector `stripe` through the whole chain: the example of its page, against localstripe.
#[test]
fn stripe_reads_localstripe() {
    let stripe = Localstripe::start();
    for number in 0..102 {
        stripe.create("/v1/customers", &format!("email=C{number}@Example.com&name=Client {number}"));
    }
    let example = fs::read_to_string(root().join("crates/connect/catalogue/examples/stripe.yaml")).unwrap();
    let example = example.replace(
        "api_key: \"${env:STRIPE_API_KEY}\"",
        "api_key: \"${env:STRIPE_API_KEY}\"\n    api_url: \"${var:API}\"",
    );
    let environment =
        TestEnvironment::with(&[("stripe.yaml", &example)]).variable("STRIPE_API_KEY", Localstripe::KEY);
    environment.ok(&format!("apply --auto-approve --var API={}", stripe.url()));

    assert_eq!(tally::run(&environment), ["customers: 102 fetched, 102 created"]);
    let report = environment.json("runs --output json");
    assert!(report[0]["pages"].as_u64().unwrap() >= 2, "{report:#}");
    assert_eq!(tally::run(&environment), ["customers: 102 fetched, 102 unchanged"]);
    let rows = environment.json("records company.customer --output json");
    assert_eq!(rows.as_array().unwrap().len(), 102);
    assert!(rows.as_array().unwrap().iter().any(|row| row["email"] == "c7@example.com"), "{}", rows[0]);
}

/// Where Kinto is in the guides.
const KINTO: &str = "http://127.0.0.1:8888/v1";

/// Does what a guide says against a Kinto that is there: writes its files, and types the commands of every block; returns
/// what each block has printed.
fn follow(guide: &str, kinto: &Kinto, environment: &TestEnvironment) -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/guides").join(guide)).unwrap();
    let secret = format!("{:?}", Kinto::PASSWORD);
    let (mut printed, mut named) = (Vec::new(), None);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- file: ") {
            named = comment.strip_suffix(" -->");
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        let own = file_name(&body).filter(|_| info == "yaml");
        if let Some(name) = named.take().or(own) {
            environment
                .write(name, &body.join("\n").replace(KINTO, &kinto.url()).replace(r#""secret""#, &secret));
        } else if info.starts_with("sh") {
            let commands = body.iter().filter_map(|line| line.strip_prefix("raccord "));
            printed.push(commands.map(|command| environment.ok(command)).collect());
        }
    }
    printed
}

/// A Kinto with a collection of records.
fn kinto_with(collection: &str, records: usize, record: impl Fn(usize) -> String) -> Kinto {
    let kinto = Kinto::start();
    kinto.put("/v1/buckets/shop");
    kinto.put(&format!("/v1/buckets/shop/collections/{collection}"));
    for number in 1..=records {
        let path = format!("/v1/buckets/shop/collections/{collection}/records/c-{number}");
        kinto.replace(&path, &record(number));
    }
    kinto
}

#[test]
fn the_guide_of_connectors_ends_with_a_transfer_that_runs() {
    let kinto =
        kinto_with("customers", 7, |number| format!(r#"{{"name": "Client {number}", "city": "Lyon"}}"#));
    let environment = TestEnvironment::new().variable("KINTO_PASSWORD", Kinto::PASSWORD);
    let printed = follow("connectors.md", &kinto, &environment);
    assert_says(&printed[0], &["1 of 1 data type", "read as a whole", r#""id":"c-7""#, r#""id":"c-6""#]);
    assert!(!printed[0].contains(r#""id":"c-5""#), "{}", printed[0]);
    assert_says(&printed[1], &["incremental by last_modified", "password: text, required, secret"]);
    assert_eq!(printed[1].matches("Client").count(), 7, "{}", printed[1]);
    assert_says(&printed[2], &["the first page of `customers` has 3 records", "from 7 records", "Client 7"]);

    let record = |id: &str| format!("/v1/buckets/shop/collections/customers/records/{id}");
    kinto.replace(&record("c-2"), r#"{"name": "Zoé", "city": "Brest"}"#);
    kinto.delete(&record("c-4"));
    assert_eq!(tally::run(&environment), ["customers: 2 fetched, 1 updated, 1 deleted"]);
    assert_eq!(tally::run(&environment), ["customers: 0 fetched"]);
}

#[test]
fn the_guide_from_airbyte_ends_with_a_transfer_that_runs() {
    let kinto =
        kinto_with("notes", 4, |number| format!(r#"{{"title": "Note {number}", "done": {}}}"#, number == 3));
    let environment = TestEnvironment::new().variable("NOTES_PASSWORD", Kinto::PASSWORD);
    let printed = follow("from-airbyte.md", &kinto, &environment);
    assert_says(&printed[0], &["1 of 1 data type", "Open_Notes"]);
    assert_says(&printed[3], &["Note 4"]);
    assert!(!printed[3].contains("Note 3"), "{}", printed[3]);
}
