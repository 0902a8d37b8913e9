//! Every YAML example that people read is validated, planned and applied as it stands; the reference pages are
//! made from the code.
//!
//! A page is a directory. A block that begins with `# NAME.yaml` is that file and replaces an earlier one of the
//! same name, so that a guide can go step by step; `yaml fails=CODE` is a block that must be refused, and is
//! forgotten again. Any other block stands for itself.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use raccord_model::Kind;
use raccord_model::consequence::{Effect, rules};
use raccord_model::diagnostic::Code;
use raccord_model::plan::Consequence;

use crate::environment::{TestEnvironment, fill};

/// One block of YAML.
pub(crate) struct Block {
    pub(crate) line: usize,
    /// The code that its validation must report.
    pub(crate) fails: Option<String>,
    /// The file it is, when it says so.
    file: Option<String>,
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The blocks of YAML in a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```yaml") else { continue };
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| !line.trim_start().starts_with("```"))
            .collect();
        let file = file_name(&body);
        let fails = info.trim().strip_prefix("fails=").map(str::to_owned);
        found.push(Block { line: at + 1, fails, file: file.map(str::to_owned), text: body.join("\n") });
    }
    found
}

/// The file that a block is, when its first line says so: `# NAME.yaml`.
pub(crate) fn file_name<'a>(body: &[&'a str]) -> Option<&'a str> {
    let name = body.first()?.strip_prefix("# ")?.trim();
    (Path::new(name).extension().is_some_and(|e| e == "yaml") && !name.contains(' ')).then_some(name)
}

fn expect_success(place: &str, command: &str, environment: &TestEnvironment) {
    let answer = environment.run(command);
    assert_eq!(answer.code, Some(0), "{place}: raccord {command}:\n{}{}", answer.stdout, answer.stderr);
}

fn expect_refusal(place: &str, code: &str, environment: &TestEnvironment) {
    let said = environment.run("validate --output json");
    assert_eq!(said.code, Some(1), "{place}: this was to be refused with {code}");
    assert!(said.stdout.contains(&format!("\"{code}\"")), "{place}: no {code} in\n{}", said.stdout);
}

/// Validates, applies, and finds nothing to do afterwards.
fn expect_whole(place: &str, environment: &TestEnvironment) {
    for command in ["validate", "apply --auto-approve", "plan --detailed-exitcode"] {
        expect_success(place, command, environment);
    }
}

fn check_page(page: &Path) {
    let whole = TestEnvironment::new();
    let mut is_whole_used = false;
    for Block { line, fails, file, text } in blocks(&fs::read_to_string(page).unwrap()) {
        let place = format!("{}:{line}", page.display());
        let alone = TestEnvironment::new();
        let home = if file.is_some() { &whole } else { &alone };
        let name = file.as_deref().unwrap_or("raccord.yaml");
        let before = home.path().join(name).exists().then(|| home.read(name));
        home.write(name, &text);
        if let Some(code) = &fails {
            expect_refusal(&place, code, home);
            match before {
                Some(text) => home.write(name, &text),
                None => home.remove(name),
            }
        } else if file.is_some() {
            expect_success(&place, "validate", home);
            is_whole_used = true;
        } else {
            expect_whole(&place, home);
        }
    }
    if is_whole_used {
        expect_whole(&page.display().to_string(), &whole);
    }
}

/// The pages below a directory.
pub(crate) fn pages(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let (folders, files): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| pages(folder));
    files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "md")).chain(below).collect()
}

#[test]
fn every_yaml_example_is_valid_and_applies() {
    check_page(&root().join("README.md"));
    for page in pages(&root().join("docs")) {
        check_page(&page);
    }
}

#[test]
fn blocks_are_found_with_what_they_say_of_themselves() {
    let found = blocks("```yaml\n# a.yaml\nx: 1\n```\n```sh\nls\n```\n```yaml fails=not-ready\ny: 2\n```\n");
    let shown: Vec<_> =
        found.iter().map(|block| (block.line, block.file.as_deref(), block.fails.as_deref())).collect();
    assert_eq!(shown, [(1, Some("a.yaml"), None), (8, None, Some("not-ready"))]);
}

/// Compares a file of the repository with what the code says; with `RACCORD_WRITE_DOCS=1` writes it instead.
pub(crate) fn check_generated(name: &str, expected: &str) {
    let path = root().join(name);
    if std::env::var_os("RACCORD_WRITE_DOCS").is_some() {
        fill(&path, expected);
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is stale: run the tests with RACCORD_WRITE_DOCS=1", path.display());
}

#[test]
fn the_table_of_consequences_is_fresh() {
    let mut page = String::from(
        "# What a change means for the data\n\n\
         Every field of the language has one row; the longest path that is the beginning of a field's own \
         applies. The plan says the same of each change. `*` is any name.\n\n\
         | consequence | meaning |\n|---|---|\n",
    );
    for consequence in Consequence::ALL {
        writeln!(page, "| {} | {} |", consequence.as_str(), consequence.meaning()).unwrap();
    }
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_resource()) {
        write!(page, "\n## {kind}\n\n| field | a change means | |\n|---|---|---|\n").unwrap();
        for rule in rules().into_iter().filter(|rule| rule.kind == kind) {
            let field = if rule.path.is_empty() { "spec".to_owned() } else { format!("spec.{}", rule.path) };
            writeln!(page, "| `{field}` | {} | {} |", meaning(rule.effect), rule.note).unwrap();
        }
    }
    check_generated("docs/reference/consequences.md", &page);
}

fn meaning(effect: Effect) -> String {
    match effect {
        Effect::Always(consequence) => consequence.as_str().to_owned(),
        Effect::Activity => "activates or deactivates".to_owned(),
        Effect::Parts { removed, added } => {
            format!("removed: {}; added: {}", removed.as_str(), added.as_str())
        }
        Effect::Updates => "re-read, deletions or none".to_owned(),
    }
}

#[test]
fn the_table_of_diagnostics_is_fresh() {
    let mut page = String::from(
        "# Diagnostics\n\n\
         What `raccord validate` may say. The codes are stable.\n\n\
         | code | meaning |\n|---|---|\n",
    );
    for code in Code::ALL {
        writeln!(page, "| `{code}` | {} |", code.summary()).unwrap();
    }
    check_generated("docs/reference/diagnostics.md", &page);
}
