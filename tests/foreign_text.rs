//! What others write reaches a person as text and nothing else: one hostile corpus through every place where foreign
//! text comes out, and through every form of data, which gives it back byte for byte.

use serde_json::{Value, json};

use crate::environment::{TestEnvironment, wait_until};
use crate::foreign_corpus::CORPUS;
use crate::http_server::{HttpServer, Request, Response, answer, json as answer_json};
use crate::shop::Shop;

/// What the styles of the corpus set, and none of the program does: inverse, hidden, shown again, pink.
const FOREIGN_STYLES: [&str; 4] = ["7", "8", "28", "95"];

/// A transfer that enriches and whose data type cannot be read.
const BROKEN: &str = "\
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: broken}
spec:
  source: shop
  to: crm.contact
  mode: enrich
  active: true
  mapping: {primaryKey: {id: id}, fields: {name: name}}
";

/// The shop, whose project says more about itself.
fn shop(base: &str, labels: &str) -> String {
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{base}\", retry: {{attempts: 1}}, dataTypes: \
         {{people: {{records: data}}, broken: {{records: data}}}}}}}}"
    );
    let shop = Shop { fields: &[("name", "text"), ("age", "integer")], source: &source, ..Shop::default() };
    let subscribed = "people: [created, updated]";
    let yaml = shop.yaml().replace("{name: crm}", &format!("{{name: crm, {labels}}}"));
    yaml.replace(subscribed, &format!("{subscribed}, broken: [updated]")) + BROKEN
}

/// Records that are stored, records that are rejected with their value in the reason, and what is no record.
fn serve(request: &Request) -> Response {
    if request.path == "/broken" {
        return answer(500, "Content-Type: text/plain", &CORPUS.join(" and "));
    }
    let stored = CORPUS.iter().enumerate().map(|(at, text)| json!({"id": at.to_string(), "name": text}));
    let rejected = CORPUS.iter().enumerate().map(|(at, text)| json!({"id": format!("r{at}"), "age": text}));
    let strange = CORPUS.iter().map(|text| Value::from(*text));
    let members = CORPUS.iter().map(|text| json!({"id": text, *text: text}));
    let all: Vec<Value> = stored.chain(members).chain(rejected).chain(strange).collect();
    answer_json(json!({ "data": all }).to_string())
}

/// A text in double quotes of YAML.
fn quoted(text: &str) -> String {
    Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\x7f")
        .replace('\u{9b}', "\\x9b")
        .replace('\u{85}', "\\x85")
}

fn check(said: &str, of: &str) {
    let mut plain = String::new();
    let mut parts = said.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let style = part.strip_prefix('[').and_then(|part| part.split_once('m'));
        let (codes, rest) = style.unwrap_or_else(|| panic!("{of}: an escape sequence before {part:?}"));
        let is_ours =
            |code: &str| code.bytes().all(|b| b.is_ascii_digit()) && !FOREIGN_STYLES.contains(&code);
        assert!(codes.split(';').all(is_ours), "{of}: a style of others before {part:?}");
        plain.push_str(rest);
    }
    assert!(is_plain(&plain), "{of}: {:?}", plain.lines().find(|line| !is_plain(line)));
    for line in plain.lines() {
        assert!(!line.trim_start().starts_with("FORGED"), "{of}: a forged line in\n{plain}");
    }
}

fn is_plain(text: &str) -> bool {
    let is_bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    !text.contains(is_bad)
}

/// Every verb that tells in words what others wrote.
const TELLING: [&str; 22] = [
    "run",
    "status",
    "runs",
    "records crm.contact --limit 1000",
    "explain crm.contact 1",
    "explain crm.contact r1",
    "rejects list --limit 1000",
    "rejects replay people",
    "history",
    "audit",
    "plan",
    "plan --full",
    "plan --sample 40",
    "plan --output markdown",
    "validate",
    "validate --output github",
    "preview people --limit 100",
    "discover shop",
    "check shop",
    "read shop people --limit 100",
    "graph",
    "state info",
];

/// A directory where everything that others can write is hostile.
fn environment(server: &HttpServer) -> TestEnvironment {
    let environment = TestEnvironment::with(&[("raccord.yaml", &shop(&server.url(), "labels: {a: b}"))])
        .variable("USER", "\u{1b}[31mtester\u{202e}\nFORGED");
    environment.ok("apply --auto-approve");
    environment.run("run").expect_code(1);
    let labels: Vec<String> = CORPUS.iter().map(|text| format!("{0}: {0}", quoted(text))).collect();
    let labels = format!("annotations: {{{}}}", labels.join(", "));
    environment.write("raccord.yaml", &shop(&server.url(), &labels));
    let paused =
        environment.command("pause shop --reason").arg(CORPUS.concat().replace('\0', "")).output().unwrap();
    assert!(paused.status.success(), "{paused:?}");
    environment
}

#[test]
fn foreign_text_is_only_text() {
    let server = HttpServer::start(serve);
    let environment = environment(&server);
    for color in ["always", "never"] {
        for command in TELLING {
            let answer = environment.run(&format!("{command} --color {color}"));
            check(&answer.stdout, &format!("{command} --color {color}"));
            check(&answer.stderr, &format!("{command} --color {color}, standard error"));
        }
    }
    let ids: Vec<String> = environment
        .json("rejects list --output json --limit 1000")
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| reject["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() >= CORPUS.len(), "{ids:?}");
    for id in ids {
        check(&environment.ok(&format!("rejects show {id} --color always")), "rejects show");
    }
}

#[test]
fn foreign_text_in_files_is_only_text_in_diagnostics() {
    let fields: Vec<String> = CORPUS.iter().map(|text| format!("  {0}: {0}\n", quoted(text))).collect();
    let yaml =
        format!("apiVersion: raccord/v1\nkind: Project\nmetadata: {{name: crm}}\nspec:\n{}", fields.concat());
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]);
    for command in ["validate", "validate --output github", "plan", "apply"] {
        let answer = environment.run(&format!("{command} --color always"));
        assert_eq!(answer.code, Some(1));
        check(&answer.stdout, command);
        check(&answer.stderr, command);
    }
}

#[test]
fn foreign_text_is_one_line_of_the_log() {
    let server = HttpServer::start(serve);
    for form in ["text", "json"] {
        let environment = environment(&server).variable("RUST_LOG", "info");
        environment.ok("resume shop");
        let runs = || environment.json("runs --output json").as_array().unwrap().len();
        let before = runs();
        let started = environment.start(&format!("watch --log {form}"));
        // Before it answers, a run would be one of the command line's own, and in no log.
        wait_until("the daemon answers", || environment.run("status").stdout.contains("watching"));
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while runs() < before + 2 && std::time::Instant::now() < until {
            drop(environment.run("run"));
        }
        started.signal("TERM");
        let answer = started.wait();
        assert!(answer.stderr.contains("one line"), "{form}: {}", answer.stderr);
        check(&answer.stderr, form);
    }
}

#[test]
fn markdown_shows_labels_and_obeys_none() {
    let server = HttpServer::start(serve);
    let markdown = environment(&server).ok("plan --output markdown");
    let outside: Vec<&str> = markdown.split('`').step_by(2).collect();
    let outside = outside.concat();
    assert!(!outside.contains("<!--") && !outside.contains("# FORGED"), "{markdown}");
    // Each row of the table has the four cells that it should have.
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > CORPUS.len(), "{markdown}");
    assert!(rows.iter().all(|row| row.matches('|').count() == 5), "{markdown}");
}

#[test]
fn data_is_given_back_byte_for_byte() {
    let server = HttpServer::start(serve);
    let environment = environment(&server);
    let names = |records: &[Value]| -> Vec<String> {
        records.iter().filter_map(|record| record["name"].as_str()).map(str::to_owned).collect()
    };
    let check = |mut names: Vec<String>, form: &str| {
        let mut expected: Vec<String> = CORPUS.iter().map(|text| (*text).to_owned()).collect();
        names.sort();
        expected.sort();
        assert_eq!(names, expected, "{form}");
    };
    for color in ["", " --color always"] {
        let all = environment.json(&format!("records crm.contact --limit 1000 --output json{color}"));
        check(names(all.as_array().unwrap()), "json");
        let lines = environment.ok(&format!("records crm.contact --limit 1000 --output jsonl{color}"));
        let lines: Vec<Value> =
            lines.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
        check(names(&lines), "jsonl");
        let csv = environment.ok(&format!("records crm.contact --limit 1000 --output csv{color}"));
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let at = reader.headers().unwrap().iter().position(|name| name == "name").unwrap();
        let cells = reader.records().map(|row| row.unwrap()[at].to_owned()).filter(|name| !name.is_empty());
        check(cells.collect(), "csv");
    }
    let safe = environment.ok("records crm.contact --limit 1000 --output csv --formula-safe");
    assert!(safe.contains("'=HYPERLINK") && !safe.contains("\"=HYPERLINK"), "{safe}");
}
