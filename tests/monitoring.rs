//! `examples/monitoring` and the page of metrics: what the dashboard and the rules ask for is served by a living
//! daemon, and promtool, which others wrote, can read all of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use raccord_serve::metrics::{FAMILIES, MAX_NAMED};
use serde_json::Value;

use crate::counterpart::promtool;
use crate::daemon::metrics::{Scrape, classic, shop, watch_and_listen};
use crate::daemon::stop;
use crate::documentation::{check_generated, root};
use crate::environment::{TestEnvironment, wait_until};

/// What Grafana puts in the place of its variables.
const VARIABLES: [(&str, &str); 5] = [
    ("$__rate_interval", "5m"),
    ("$__range", "6h"),
    ("$job", "raccord"),
    ("$instance", ".*"),
    ("$transfer", "people|orders"),
];

/// What Prometheus adds to what it asks.
const ITS_OWN: [&str; 1] = ["up"];

fn read(name: &str) -> String {
    fs::read_to_string(root().join("examples/monitoring").join(name)).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("dashboard.json")).unwrap()
}

fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&read("rules.yaml")).unwrap();
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// Every text that stands under a name, anywhere in a document.
fn texts(document: &Value, under: &str) -> Vec<String> {
    let inside = |value: &Value| texts(value, under);
    match document {
        Value::Object(members) => {
            let own = members.get(under).and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(inside)).collect()
        }
        Value::Array(items) => items.iter().flat_map(inside).collect(),
        _ => Vec::new(),
    }
}

/// An expression as Prometheus gets it.
fn filled(expression: &str) -> String {
    let whole = VARIABLES.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!whole.contains('$'), "a variable that is not filled in: {whole}");
    whole
}

/// The expressions of the dashboard, those of its variables too, and of the rules.
fn expressions() -> BTreeSet<String> {
    let dashboard = dashboard();
    let variables = texts(&dashboard["templating"], "query").into_iter().filter_map(|query| {
        let (series, _) = query.strip_prefix("label_values(")?.rsplit_once(", ")?;
        Some(series.to_owned())
    });
    let shown =
        texts(&dashboard["panels"], "expr").into_iter().chain(texts(&dashboard["annotations"], "expr"));
    let rules = rules().iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    shown.chain(variables).chain(rules).map(|expression| filled(&expression)).collect()
}

/// The metrics that an expression names: words with an underscore that are neither a function nor a label.
fn metrics(expression: &str) -> BTreeSet<String> {
    let outside_of_quotes: String = expression.split('"').step_by(2).collect::<Vec<_>>().join("\"");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = outside_of_quotes.split(|c: char| !is_part(c)).map(str::to_owned);
    let is_metric = |word: &String| {
        word.starts_with("raccord_") || word.starts_with("process_") || ITS_OWN.contains(&&**word)
    };
    words.filter(is_metric).collect()
}

fn expect_success(what: &str, output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{what}:\n{}", String::from_utf8_lossy(&said));
}

#[test]
fn every_metric_that_is_asked_for_is_served() {
    let asked: BTreeSet<String> = expressions().iter().flat_map(|expression| metrics(expression)).collect();
    assert!(asked.len() > 20, "{asked:?}");
    let environment = shop();
    let (daemon, port) = watch_and_listen(&environment);
    let mut served = BTreeSet::new();
    wait_until("a run has succeeded", || {
        served = Scrape::of(port).names().map(str::to_owned).collect();
        served.contains("raccord_lag_seconds") && served.contains("raccord_next_run_timestamp_seconds")
    });
    stop(daemon);
    for metric in &asked {
        assert!(served.contains(metric) || ITS_OWN.contains(&&**metric), "nobody serves {metric}");
    }
    // And what is served is of use: it is shown or warned of.
    for family in FAMILIES {
        let name = family.name();
        let is_asked = asked.iter().any(|asked| asked.starts_with(&*name));
        let known = ["process_virtual_memory_bytes", "raccord_last_success_timestamp_seconds"];
        assert!(is_asked || known.contains(&&*name), "nobody asks for {name}");
    }
}

/// What `promtool check metrics` says of a page; nothing when all is well.
fn linted(page: &str) -> Output {
    let mut command = promtool();
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A daemon with a life behind it: runs that succeeded, a record that was rejected, runs that failed until its
/// integration was disabled, a configuration that was bad, deliveries of a stranger.
#[test]
fn promtool_finds_nothing_wrong_with_what_is_served() {
    let environment = shop();
    let (daemon, port) = watch_and_listen(&environment);
    let reaches = |what: &str, series: &str| {
        wait_until(what, || {
            let page = classic(port);
            page.lines().any(|line| line.starts_with(series) && !line.ends_with(" 0"))
        });
    };
    let runs = |outcome: &str| format!("raccord_runs_total{{transfer=\"people\",outcome=\"{outcome}\"}}");
    reaches("a run has succeeded", &runs("succeeded"));
    reaches("a record is rejected", "raccord_rejects{");
    let good = environment.read("raccord.yaml");
    environment.write("raccord.yaml", "kind: nonsense");
    reaches("a configuration is bad", "raccord_reloads_total{result=\"bad\"}");
    environment.write("raccord.yaml", &good);
    environment.remove("people.csv");
    reaches("runs have failed", &runs("failed"));
    reaches("the integration is disabled", "raccord_breaker_tripped{");
    let page = classic(port);
    stop(daemon);
    expect_success("what is served", &linted(&page));
    // It does notice.
    let wrong = page.replacen("# TYPE raccord_runs_total counter", "# TYPE raccord_runs_total gauge", 1);
    assert!(wrong != page && !linted(&wrong).status.success());
}

#[test]
fn prometheus_can_read_every_expression() {
    let directory = TestEnvironment::new();
    let mut file = String::from("groups:\n  - name: all\n    rules:\n");
    let expressions = expressions();
    for (number, expression) in expressions.iter().enumerate() {
        writeln!(file, "      - record: expression:{number}\n        expr: {}", Value::from(&**expression))
            .unwrap();
    }
    directory.write("all.yaml", &file);
    let check = |name: &str| {
        promtool().args(["check", "rules", name]).current_dir(directory.path()).output().unwrap()
    };
    expect_success("an expression cannot be read", &check("all.yaml"));
    assert!(expressions.len() > 30, "{}", expressions.len());
    // It does notice.
    directory.write("all.yaml", &file.replacen("sum(", "sum((", 1));
    assert!(!check("all.yaml").status.success());
}

#[test]
fn the_rules_do_what_they_say() {
    let run = |arguments: &[&str]| {
        let mut command: Command = promtool();
        command.args(arguments).current_dir(root().join("examples/monitoring")).output().unwrap()
    };
    expect_success("the rules", &run(&["check", "rules", "rules.yaml"]));
    expect_success("the tests of the rules", &run(&["test", "rules", "rules.test.yaml"]));
    expect_success("the configuration", &run(&["check", "config", "--syntax-only", "prometheus.yaml"]));
    let tests = read("rules.test.yaml");
    let page = read("README.md");
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        assert!(tests.contains(&format!("alertname: {name}\n        exp_alerts:")), "{name} has no test");
        assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].is_string(), "{name} has no {text}");
        }
        assert!(["critical", "warning", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()));
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null(), "an id belongs to one Grafana");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(36) && dashboard["title"] == "Raccord");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource", "it is chosen first, for the others ask it");
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title} asks nothing");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
    }
    for source in texts(&dashboard, "uid").iter().filter(|uid| *uid != "raccord") {
        assert_eq!(source, "${datasource}");
    }
    for (number, one) in panels.iter().enumerate() {
        let place = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place(one, "x") + place(one, "w") <= 24, "{one}");
        for other in &panels[number + 1..] {
            let apart = |at: &str, length: &str| {
                place(one, at) + place(one, length) <= place(other, at)
                    || place(other, at) + place(other, length) <= place(one, at)
            };
            assert!(apart("x", "w") || apart("y", "h"), "{} covers {}", one["title"], other["title"]);
        }
    }
}

#[test]
fn the_page_of_metrics_is_fresh() {
    let mut page = format!(
        "# Metrics\n\n\
         What `raccord watch --listen` serves at `/metrics`, in the text format of OpenMetrics 1.0. Counters begin at 0 \
         with the daemon; everything else is read when it is asked for, from what `raccord status` shows.\n\n\
         With more than {MAX_NAMED} transfers, one series without the label `transfer` stands for all of them, and so for \
         integrations and sources: counts are added up, times in seconds are those of the transfer that is most behind its \
         schedule, the next run is the first, and failures are the most. Alert rules that compare with 0 or with the \
         interval hold all the same.\n\n\
         | metric | type | labels | what it says |\n|---|---|---|---|\n"
    );
    for family in FAMILIES {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind) = (family.name(), family.kind.as_str());
        writeln!(page, "| `{name}` | {kind} | {} | {} |", labels.join(", "), family.help).unwrap();
    }
    check_generated("docs/reference/metrics.md", &page);
}

#[test]
fn metrics_are_found_in_expressions() {
    let found =
        metrics(r#"sum by (le) (rate(raccord_a_bucket{x="raccord_b"}[5m])) > process_c or up{job="d"}"#);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["process_c", "raccord_a_bucket", "up"]);
}
