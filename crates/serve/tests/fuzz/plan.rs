//! Saved plans: any file is a plan or an error, and what is read is written again as it was.

use std::collections::BTreeMap;
use std::mem::discriminant;

use raccord_model::Digest;
use raccord_model::port::state::Head;
use raccord_serve::plan::{Current, Facts, Options, diff, saved};

use crate::harness::{Target, fuzz, outcome};
use crate::samples;

const WORDS: &[&str] = &[
    "null",
    "{}",
    "[]",
    "\"\"",
    "true",
    "raccordPlan",
    "digest",
    "content",
    "plan",
    "desired",
    "version",
    "changes",
    "refusals",
    "notes",
    "effects",
    "resources",
    "\\u0000",
    "\\ud800",
    "{\"",
    "\":",
];

/// The content of saved plans: without the digest around it, which stops every mutation at the gate.
fn contents() -> Vec<Vec<u8>> {
    let head = Head { lineage: uuid::Uuid::nil(), serial: 0, generation: 0, stack: None, root: None };
    let current = Current { head, index: BTreeMap::new(), bodies: BTreeMap::new(), facts: Facts::default() };
    let content = |desired| {
        let options = Options::default();
        let plan = diff(&desired, &current, &options).unwrap();
        let bytes = saved::write(&plan, &desired, Some(&options)).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        serde_json::to_vec(&file["content"]).unwrap()
    };
    samples::configurations().into_iter().map(content).collect()
}

fn check(content: &[u8]) -> u64 {
    let bare = saved::read(content).map_err(|error| discriminant(&error)).map(drop);
    let digest = Digest::of(content);
    let head = format!("{{\"raccordPlan\":1,\"digest\":\"{digest}\",\"content\":");
    let file = [head.as_bytes(), content, b"}"].concat();
    let read = saved::read(&file);
    if let Ok(plan) = &read {
        let again =
            saved::read(&saved::write(&plan.plan, &plan.desired, plan.options.as_ref()).unwrap()).unwrap();
        assert_eq!(*plan, again);
    }
    let said = match &read {
        Ok(plan) => plan.plan.changes.len().to_string(),
        // The place in the text would make every outcome a new one.
        Err(saved::SavedPlanError::NotAPlan(error)) => {
            error.to_string().split(" at line").next().unwrap_or_default().chars().take(24).collect()
        }
        Err(error) => error.to_string(),
    };
    outcome((bare, said))
}

#[test]
fn plan() {
    fuzz(Target { name: "plan", samples: contents(), words: WORDS }, || check);
}
