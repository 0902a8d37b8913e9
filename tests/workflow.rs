//! `examples/ci`: every command of its workflow, in its order, where the runner would carry it out.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use crate::documentation::root;
use crate::environment::{Answer, TestEnvironment, assert_says};
use crate::shell::{Shell, copy};

const WORKFLOW: &str = ".github/workflows/raccord.yaml";

/// What this test needs to know of a workflow.
#[derive(Deserialize)]
struct Workflow {
    env: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Deserialize)]
struct Job {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    run: Option<String>,
}

/// A checkout on a runner, and a disk that outlives it.
struct Runner {
    workflow: Workflow,
    checkout: TestEnvironment,
    shell: Shell,
}

impl Runner {
    fn new() -> Self {
        let checkout = TestEnvironment::new();
        copy(&root().join("examples/ci"), checkout.path());
        let text = fs::read_to_string(checkout.path().join(WORKFLOW)).unwrap();
        let workflow: Workflow = serde_saphyr::from_str(&text).unwrap();
        let mut shell = Shell::new(&checkout);
        assert!(workflow.env["RACCORD_STATE"].starts_with('/'), "the state lives outside the checkout");
        shell.export("RACCORD_STATE", &checkout.path().join("disk/state.redb").display().to_string());
        fs::create_dir(checkout.path().join("disk")).unwrap();
        Self { workflow, checkout, shell }
    }

    /// The commands of a job that begin with `raccord`.
    fn commands(&self, job: &str) -> Vec<String> {
        let runs = self.workflow.jobs[job].steps.iter().filter_map(|step| step.run.as_deref());
        let lines = runs.flat_map(str::lines).map(str::trim);
        lines.filter(|line| line.starts_with("raccord ")).map(str::to_owned).collect()
    }

    /// Carries out a job; its answers, the last one being the first that failed.
    fn job(&self, job: &str) -> Vec<Answer> {
        let mut answers = Vec::new();
        for command in self.commands(job) {
            answers.push(self.shell.run(&self.checkout, &command));
            if answers.last().is_some_and(|answer| answer.code != Some(0)) {
                break;
            }
        }
        answers
    }

    /// Carries out a job that must succeed.
    fn succeeds(&self, job: &str) -> Vec<Answer> {
        let expected = self.commands(job).len();
        let answers: Vec<_> = self.job(job).into_iter().map(|answer| answer.expect_code(0)).collect();
        assert_eq!(answers.len(), expected);
        answers
    }

    fn line(&self, command: &str) -> Answer {
        self.shell.run(&self.checkout, command)
    }
}

#[test]
fn a_pull_request_is_planned_and_main_is_applied() {
    let runner = Runner::new();
    assert_eq!(runner.workflow.jobs.keys().collect::<Vec<_>>(), ["apply", "review"]);
    assert_eq!((runner.commands("review").len(), runner.commands("apply").len()), (2, 2));

    runner.succeeds("review");
    assert_says(&runner.checkout.read("plan.md"), &["directory: 5 to create", "`Transfer/people`"]);
    let answers = runner.succeeds("apply");
    assert_says(&answers[1].stdout, &["applied: generation 1"]);
    runner.line("raccord plan -f integrations --detailed-exitcode").expect_code(0);
    runner.line("raccord run").expect_code(0);

    runner.checkout.replace("integrations/people.yaml", "transform: [trim,", "transform: [");
    runner.succeeds("review");
    assert_says(&runner.checkout.read("plan.md"), &["1 to update", "≈3 records are read again"]);
    runner.succeeds("apply");
}

#[test]
fn a_broken_file_is_annotated_and_nothing_else_happens() {
    let runner = Runner::new();
    runner.checkout.replace("integrations/people.yaml", "source: exports", "source: export");
    let answers = runner.job("review");
    assert_eq!((answers.len(), answers[0].code), (1, Some(1)));
    let expected = ["::error file=integrations/people.yaml,line=13,col=11", "did you mean `exports`?"];
    assert_says(&answers[0].stdout, &expected);
    assert!(!runner.checkout.path().join("plan.md").exists());
    assert_eq!(runner.job("apply")[0].code, Some(1));
    assert!(!runner.checkout.path().join("disk/state.redb").exists());
}

#[test]
fn what_loses_data_or_is_stale_is_not_applied_by_the_workflow() {
    let runner = Runner::new();
    runner.succeeds("apply");
    let apply = &runner.commands("apply")[1];

    runner.checkout.replace("integrations/people.yaml", "city: city", "city: {const: Laval}");
    runner.line(&runner.commands("apply")[0]).expect_code(0);
    runner.line("raccord resync people").expect_code(0);
    runner.line("raccord apply -f integrations --auto-approve").expect_code(0);
    let stale = runner.line(apply).expect_code(1);
    assert_says(&stale.stderr, &["the plan is stale"]);

    runner.checkout.remove("integrations/people.yaml");
    let answers = runner.job("apply");
    assert_eq!((answers.len(), answers[0].code), (1, Some(1)), "the plan itself fails");
    assert_says(&answers[0].stderr, &["--allow-delete"]);
    // So it does on the pull request, whose comment says why.
    let answers = runner.job("review");
    assert_eq!(answers.last().unwrap().code, Some(1));
    assert_says(&runner.checkout.read("plan.md"), &["refused", "--allow-delete"]);
}
