//! A shell in which `raccord`, `kubectl` and `promtool` are found, for command lines as people type them: with pipes,
//! redirections and variables. It answers no questions.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::counterpart::promtool;
use crate::documentation::root;
use crate::environment::{Answer, TestEnvironment};

/// The kubectl that `cargo xtask setup` installs.
const KUBECTL: &str = "target/counterparts/bin/kubectl";

/// A shell, with what was exported in it.
pub(crate) struct Shell {
    programs: TempDir,
    variables: Vec<String>,
}

impl Shell {
    /// A shell that finds the programs.
    pub(crate) fn new(environment: &TestEnvironment) -> Self {
        let programs = TempDir::new().unwrap();
        let kubectl = root().join(KUBECTL);
        assert!(kubectl.exists(), "{KUBECTL} is missing: run `cargo xtask setup`");
        let link = |to: &Path, name| std::os::unix::fs::symlink(to, programs.path().join(name)).unwrap();
        link(&kubectl, "kubectl");
        link(Path::new(promtool().get_program()), "promtool");
        link(Path::new(environment.command("").get_program()), "raccord");
        Self { programs, variables: Vec::new() }
    }

    /// Gives every later command line a variable.
    pub(crate) fn export(&mut self, name: &str, value: &str) {
        self.variables.push(format!("{name}={value}"));
    }

    /// Carries out one command line. Where `raccord apply` would ask, it is given `--auto-approve`.
    pub(crate) fn run(&self, environment: &TestEnvironment, line: &str) -> Answer {
        let agreed = if line.contains("--auto-approve") {
            line.to_owned()
        } else {
            line.replace("raccord apply", "raccord apply --auto-approve")
        };
        let path = std::env::var("PATH").unwrap();
        let path = format!("PATH={}:{path}", self.programs.path().display());
        let variables = self.variables.iter().map(String::as_str);
        let through: Vec<&str> =
            ["env", &*path].into_iter().chain(variables).chain(["sh", "-c", &*agreed]).collect();
        environment.run_through(&through, "")
    }
}

/// Copies a directory of the repository, what the program leaves in one apart.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() && name != ".raccord" {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).map(drop).unwrap();
        }
    }
}

/// The identifier of the newest run that waits for approval.
pub(crate) fn held_run(environment: &TestEnvironment) -> String {
    let runs = environment.json("runs --output json");
    let held = runs.as_array().unwrap().iter().find(|run| run["outcome"].get("held").is_some());
    held.and_then(|run| run["id"].as_str()).unwrap_or_else(|| panic!("no run is held: {runs:#}")).to_owned()
}

/// The identifier of the newest reject.
pub(crate) fn newest_reject(environment: &TestEnvironment) -> String {
    let rejects: Value = environment.json("rejects list --output json");
    rejects[0]["id"].as_str().unwrap_or_else(|| panic!("nothing is rejected: {rejects:#}")).to_owned()
}
