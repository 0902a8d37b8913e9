//! Connectors that stand elsewhere: locked, kept beside the configuration, and never fetched when it is loaded.

use std::sync::{Arc, Mutex};

use crate::api::Daemon;
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{HttpServer, answer, json, status};

/// A manifest of one stream, whose records are at this path.
fn manifest(path: &str) -> String {
    format!(
        "type: DeclarativeSource\ncheck: {{type: CheckStream, stream_names: [people]}}\nstreams:\n  - type: DeclarativeStream\n    \
         name: people\n    primary_key: id\n    retriever:\n      type: SimpleRetriever\n      requester: {{type: HttpRequester, \
         url_base: \"{{{{ config['url'] }}}}\", path: {path}}}\n      record_selector: {{type: RecordSelector, extractor: {{type: \
         DpathExtractor, field_path: [data]}}}}\nspec:\n  type: Spec\n  connection_specification: {{type: object, required: [url], \
         properties: {{url: {{type: string}}}}}}\n"
    )
}

const PEOPLE: &str = r#"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text, name: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: hub}
spec: {connector: "CONNECTOR", config: {url: "URL"}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: hub, to: crm.contact, active: true, mapping: {primaryKey: {id: id}, fields: {name: name}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: hub}
spec: {active: true, subscriptions: {people: [created, updated]}}
"#;

/// A service that gives out its own manifest, as long as there is one.
fn hub() -> (HttpServer, Arc<Mutex<Option<String>>>) {
    let text = Arc::new(Mutex::new(Some(manifest("/people"))));
    let held = Arc::clone(&text);
    let server = HttpServer::start(move |request| match request.path.as_str() {
        "/manifest.yaml" => {
            let text = held.lock().unwrap().clone();
            text.map_or_else(|| status(404), |text| answer(200, "Content-Type: text/yaml", &text))
        }
        "/elsewhere" => answer(302, "Location: http://hub.example/manifest.yaml", ""),
        path => json(format!(r#"{{"data": [{{"id": "1", "name": "{path}"}}]}}"#)),
    });
    (server, text)
}

fn with(connector: &str, url: &str) -> TestEnvironment {
    let yaml = PEOPLE.replace("CONNECTOR", connector).replace("URL", url);
    TestEnvironment::with(&[("raccord.yaml", &yaml)])
}

/// The file that holds what is locked.
fn kept(environment: &TestEnvironment) -> String {
    let mut entries = std::fs::read_dir(environment.path().join("raccord.lock.d")).unwrap();
    let entry = entries.next().unwrap().unwrap();
    assert!(entries.next().is_none(), "there is more than one text");
    format!("raccord.lock.d/{}", entry.file_name().to_str().unwrap())
}

#[test]
fn a_connector_by_its_url_is_what_was_locked_until_it_is_updated() {
    let (server, text) = hub();
    let url = format!("{}/manifest.yaml", server.url());
    let environment = with(&url, &server.url());
    let said = environment.fails(1, "validate");
    assert_says(&said, &["not-locked", "raccord.yaml:10:", "is not locked", "raccord connector lock"]);
    assert!(server.requests().is_empty(), "it was fetched");

    assert_says(&environment.ok("connector lock"), &[&url, "locked", "1 connector in raccord.lock"]);
    assert_eq!(server.requests().len(), 1);
    *text.lock().unwrap() = None;
    environment.ok("validate");
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("plan --detailed-exitcode"), &["no changes"]);
    assert_says(&environment.ok("connector lock"), &["unchanged"]);
    // A file alone has the lock that stands beside it.
    environment.ok("plan -f raccord.yaml --detailed-exitcode");
    assert_eq!(server.requests().len(), 1, "only `lock` fetches, and only what is missing");
    environment.ok("run");
    assert_eq!(environment.json("records crm.contact --output json")[0]["name"], "/people");

    assert_says(
        &environment.fails(1, "connector lock --update"),
        &[&url, "it answered 404", "nothing was written"],
    );
    *text.lock().unwrap() = Some(manifest("/persons"));
    environment.ok("validate");
    assert_says(
        &environment.fails(1, "connector lock --update other"),
        &["no source names the connector `other`"],
    );
    assert_says(&environment.ok(&format!("connector lock --update {url}")), &["updated"]);
    assert_says(&environment.fails(2, "plan --detailed-exitcode"), &["hub", "config.text"]);
    environment.ok("apply --auto-approve");
    environment.ok("run");
    assert_eq!(environment.json("records crm.contact --output json")[0]["name"], "/persons");
}

#[test]
fn a_text_that_is_missing_or_changed_is_told_with_what_mends_it() {
    let (server, text) = hub();
    let environment = with(&format!("{}/manifest.yaml", server.url()), &server.url());
    environment.ok("connector lock");
    let file = kept(&environment);

    // Line ends say nothing: a version control may change them.
    let whole = environment.read(&file);
    environment.write(&file, &whole.replace('\n', "\r\n"));
    environment.ok("validate");
    environment.replace(&file, "/people", "/passwords");
    let name = file.trim_start_matches("raccord.lock.d/");
    let said = environment.fails(1, "validate");
    assert_says(&said, &["not-locked", name, "was changed", "raccord connector lock", "1 error"]);
    assert_says(&environment.ok("connector lock"), &["restored"]);
    assert_eq!(environment.read(&file), whole);
    environment.ok("validate");

    environment.remove(&file);
    assert_says(&environment.fails(1, "validate"), &["not-locked", "is missing", name, "1 error"]);
    *text.lock().unwrap() = Some(manifest("/persons"));
    let said = environment.fails(1, "connector lock");
    assert_says(&said, &["the URL leads to another one", "--update", "nothing was written"]);
    *text.lock().unwrap() = Some("kind: Project".to_owned());
    assert_says(&environment.fails(1, "connector lock --update"), &["it is no manifest"]);

    environment.write("raccord.lock", "version: 2\nconnectors: {}\n");
    assert_says(&environment.fails(1, "validate"), &["raccord.lock:1:", "a lock of version 2"]);
    environment.write("raccord.lock", "version: 1\nconnectors: {https://a.example/x.yaml: sha256:12}\n");
    assert_says(&environment.fails(1, "validate"), &["raccord.lock:2:", "this is no digest"]);
}

#[test]
fn only_what_cannot_be_changed_on_the_way_is_fetched() {
    let (server, _) = hub();
    for (connector, expected) in [
        ("http://hub.example/manifest.yaml".to_owned(), "https://"),
        (format!("{}/elsewhere", server.url()), "redirect"),
        (format!("{}/manifest.yaml", server.url().replace("//", "//me:pw@")), "https://"),
    ] {
        let environment = with(&connector, &server.url());
        assert_says(&environment.fails(1, "connector lock"), &[expected, "nothing was written"]);
        assert!(!environment.path().join("raccord.lock").exists(), "{connector}");
    }
}

/// What a locked connector of the catalogue is does not change with the program.
#[test]
fn a_connector_of_the_catalogue_stays_as_it_was_locked() {
    let yaml = PEOPLE
        .replace(
            r#"{connector: "CONNECTOR", config: {url: "URL"}}"#,
            r#"{connector: pretix, config: {organizer: o, token: "${env:TOKEN}"}}"#,
        )
        .replace("name: people}", "name: orders}")
        .replace("people:", "orders:")
        .replace("{name: name}", "{name: email}")
        .replace("{id: id}", "{id: code}");
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("TOKEN", "t");
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("connector lock"), &["pretix", "locked"]);
    assert_says(&environment.ok("plan --detailed-exitcode"), &["no changes"]);

    // Another version of the program has another text: so does a lock that was written by one.
    let file = kept(&environment);
    let earlier = format!("# An earlier text.\n{}", environment.read(&file));
    let digest = sha256(&earlier);
    environment.remove(&file);
    environment.write(&format!("raccord.lock.d/{digest}.yaml"), &earlier);
    environment.write("raccord.lock", &format!("version: 1\nconnectors:\n  pretix: sha256:{digest}\n"));
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("connector lock"), &["unchanged"]);
    assert_says(&environment.ok("plan --detailed-exitcode"), &["no changes"]);
    environment.remove(&format!("raccord.lock.d/{digest}.yaml"));
    assert_says(
        &environment.fails(1, "connector lock"),
        &["this program has another one", "--update pretix"],
    );
    environment.ok("connector lock --update pretix");
    assert_says(&environment.fails(2, "plan --detailed-exitcode"), &["hub"]);

    let nothing = TestEnvironment::with(&[("raccord.yaml", PEOPLE.split("---").next().unwrap())]);
    assert_says(&nothing.ok("connector lock"), &["nothing to lock"]);
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_lock_is_checked_without_writing_and_without_the_network() {
    let (server, text) = hub();
    let url = format!("{}/manifest.yaml", server.url());
    let environment = with(&url, &server.url());
    assert_says(&environment.fails(1, "connector lock --check"), &[&url, "not in raccord.lock", "1 problem"]);
    assert!(!environment.path().join("raccord.lock").exists() && server.requests().is_empty());
    environment.ok("connector lock");
    let asked = server.requests().len();
    let (lock, file) = (environment.read("raccord.lock"), kept(&environment));
    let whole = environment.read(&file);
    assert_says(&environment.ok("connector lock --check"), &["as locked", "1 connector in raccord.lock"]);

    environment.replace(&file, "/people", "/passwords");
    let said = environment.fails(1, "connector lock --check");
    assert_says(&said, &["its text was changed", "1 problem", "`raccord connector lock` mends it"]);
    environment.remove(&file);
    assert_says(&environment.fails(1, "connector lock --check"), &["its text is missing"]);
    environment.write(&file, &whole);
    let other = format!("raccord.lock.d/{}.yaml", "0".repeat(64));
    environment.write(&other, &whole);
    assert_says(&environment.fails(1, "connector lock --check"), &[&other, "does not mean it"]);
    environment.remove(&other);
    let mut unwanted = lock.clone();
    unwanted.push_str(&format!("  \"https://a.example/x.yaml\": sha256:{}\n", sha256("x")));
    environment.write("raccord.lock", &unwanted);
    let said = environment.fails(1, "connector lock --check");
    assert_says(&said, &["https://a.example/x.yaml", "no source names it", "1 problem"]);
    environment.write("raccord.lock", &lock);
    assert_eq!(server.requests().len(), asked, "it was fetched");

    assert_says(&environment.ok("connector lock --check --fresh"), &["as locked"]);
    *text.lock().unwrap() = Some(manifest("/persons"));
    environment.ok("connector lock --check");
    let said = environment.fails(2, "connector lock --check --fresh");
    assert_says(&said, &["there is another text now", "--update"]);
    *text.lock().unwrap() = None;
    let said = environment.fails(1, "connector lock --check --fresh");
    assert_says(&said, &["is not known", "it answered 404", "without --fresh nothing is fetched"]);
    assert_eq!((environment.read("raccord.lock"), environment.read(&file)), (lock, whole));
    environment.fails(64, "connector lock --fresh");
}

/// What is exported, or sent to a daemon, needs no lock: it has the texts of its connectors with it.
#[test]
fn what_is_exported_holds_the_texts() {
    let (server, _) = hub();
    let environment = with(&format!("{}/manifest.yaml", server.url()), &server.url());
    environment.ok("connector lock");
    environment.ok("apply --auto-approve");
    environment.write("exported.yaml", &environment.ok("export"));
    environment.remove("raccord.lock");
    assert_says(&environment.ok("plan -f exported.yaml --detailed-exitcode"), &["no changes"]);
}

/// A daemon elsewhere has neither the lock nor a way to the URL.
#[test]
fn a_locked_connector_arrives_whole_in_a_daemon() {
    let (server, text) = hub();
    let url = format!("{}/manifest.yaml", server.url());
    let daemon = Daemon::start("");
    let token = daemon.token("ci", "--role apply --role operate");
    let runner =
        with(&url, &server.url()).variable("RACCORD_SERVER", &daemon.url).variable("RACCORD_TOKEN", &token);
    runner.ok("connector lock");
    let digest = sha256(&text.lock().unwrap().take().unwrap());
    runner.ok("plan --out saved.plan");
    runner.ok("apply saved.plan");
    assert_says(&runner.ok("plan --detailed-exitcode"), &["no changes"]);
    let held = runner.ok("export");
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&held).unwrap();
    let source = documents.iter().find(|document| document["kind"] == "Source").unwrap();
    assert_eq!(sha256(source["spec"]["config"]["text"].as_str().unwrap()), digest);
    runner.ok("run");
    assert_eq!(runner.json("records crm.contact --output json")[0]["name"], "/people");
    let asked = server.requests().iter().filter(|request| request.path == "/manifest.yaml").count();
    assert_eq!(asked, 1, "only `lock` fetches");
}
