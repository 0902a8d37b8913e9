//! What `raccord run` counted, in one line a transfer, so that a test can say exactly what it expects.

use serde_json::Value;

use crate::environment::TestEnvironment;

const COUNTS: [&str; 8] =
    ["fetched", "created", "updated", "deleted", "unchanged", "skipped", "rejected", "swept"];

/// Runs the integrations once; `customers: 7 fetched, 7 created` for each transfer, by name, zeros left out.
#[track_caller]
pub(crate) fn run(environment: &TestEnvironment) -> Vec<String> {
    let report = environment.json("run --output json");
    let mut lines: Vec<String> = report["runs"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

fn line(run: &Value) -> String {
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let tally = &run["tally"];
    let counts = COUNTS.map(|count| (tally[count].as_u64().unwrap(), count));
    // A deletion that a snapshot finds was never fetched; everything else was.
    let classified: u64 = counts[1..7].iter().map(|(number, _)| number).sum();
    assert_eq!(counts[0].0, classified, "the sum of {tally}");
    let shown: Vec<String> = counts
        .into_iter()
        .filter(|&(number, count)| number > 0 || count == "fetched")
        .map(|(number, count)| format!("{number} {count}"))
        .collect();
    format!("{}: {}", run["transfer"].as_str().unwrap(), shown.join(", "))
}

/// How many rows the runs say that they have created, all together.
pub(crate) fn created_in_all_runs(environment: &TestEnvironment) -> u64 {
    let runs = environment.json("runs --output json");
    runs.as_array().unwrap().iter().map(|run| run["tally"]["created"].as_u64().unwrap()).sum()
}
