//! Every command in a page is run as it stands there, line by line, in a directory such as the page speaks of.
//!
//! Comments in a page say which directory that is: `<!-- with: PATH -->` is a new one with a copy of PATH at its
//! place, `<!-- in: PATH -->` is a copy of PATH, `<!-- in: nothing -->` is empty. Blocks that are files are
//! written as the page goes on: YAML that begins with `# NAME.yaml`, and any block below `<!-- file: NAME -->`.
//! `<!-- says: TEXT -->` below a block is part of what its commands print together.
//! A block `sh norun: REASON` is not run. `# ends with N` behind a command is its exit code, otherwise 0. `RUN`
//! stands for the newest held run, `ID` for the newest reject.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::documentation::{file_name, pages, root};
use crate::environment::TestEnvironment;
use crate::shell::{Shell, copy, held_run, newest_reject};

/// What a page has a reader do next.
#[derive(Debug, PartialEq)]
enum Step {
    /// Begin a directory with a copy of the first path at the second.
    Begin(Option<(PathBuf, PathBuf)>),
    /// Write a file.
    Write { name: String, text: String },
    /// Type the lines of a block, which begin at a line of the page.
    Type { line: usize, commands: Vec<String> },
    /// See that the block before has printed something.
    Read(String),
    /// Nothing: the block is not to be run, for a reason.
    Leave { line: usize, reason: String },
}

/// The pages with commands for people who use the program.
fn pages_with_commands() -> Vec<PathBuf> {
    let root = root();
    let mut found = vec![root.join("README.md")];
    found.extend(pages(&root.join("docs/guides")));
    found.extend(pages(&root.join("examples")));
    found
}

/// What a comment of the page says: `("in", "examples/ci")`.
fn comment(line: &str) -> Option<(&str, &str)> {
    line.trim().strip_prefix("<!-- ")?.strip_suffix(" -->")?.split_once(": ")
}

fn instruction(word: &str, path: &str) -> Option<Step> {
    let begin = |to: &str| Step::Begin(Some((PathBuf::from(path), PathBuf::from(to))));
    match (word, path) {
        ("says", _) => Some(Step::Read(path.to_owned())),
        ("in", "nothing") => Some(Step::Begin(None)),
        ("in", _) => Some(begin("")),
        ("with", _) => Some(begin(path)),
        _ => None,
    }
}

fn steps(page: &str) -> Vec<Step> {
    let (mut found, mut named) = (Vec::new(), None);
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some((word, rest)) = comment(line) {
            found.extend(instruction(word, rest));
            named = (word == "file").then_some(rest);
            continue;
        }
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| !line.trim_start().starts_with("```"))
            .collect();
        let own = file_name(&body).filter(|_| info == "yaml");
        if let Some(name) = named.take().or(own) {
            found.push(Step::Write { name: name.to_owned(), text: body.join("\n") + "\n" });
        } else if let Some(rest) = info.strip_prefix("sh") {
            found.push(shell_block(at + 1, rest.trim(), &body));
        }
    }
    found
}

fn shell_block(line: usize, info: &str, body: &[&str]) -> Step {
    match info.strip_prefix("norun") {
        Some(reason) => Step::Leave { line, reason: reason.trim_start_matches(':').trim().to_owned() },
        None => Step::Type { line, commands: body.iter().map(|&line| line.to_owned()).collect() },
    }
}

/// The exit code that a comment behind the command announces.
fn expected_code(command: &str) -> i32 {
    let announced = command.rsplit_once("# ends with ").map(|(_, rest)| rest);
    let digits = announced.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    digits.map_or(0, |digits| digits.parse().unwrap())
}

/// A command with its placeholders filled in.
fn filled(command: &str, environment: &TestEnvironment) -> String {
    let words = command.split(' ').map(|word| match word {
        "RUN" => held_run(environment),
        "ID" => newest_reject(environment),
        other => other.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a line is run here; the recipes of cargo have tests of their own.
fn is_command(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("cargo ")
}

/// Carries out a line of a block; returns what it printed.
fn type_line(place: &str, command: &str, environment: &TestEnvironment, shell: &Shell) -> String {
    let answer = shell.run(environment, &filled(command, environment));
    let expected = Some(expected_code(command));
    assert_eq!(answer.code, expected, "{place}: {command}\n{}{}", answer.stdout, answer.stderr);
    answer.stdout + &answer.stderr
}

/// Does what a page says; returns how many commands it has.
fn follow(page: &Path) -> usize {
    let mut count = 0;
    let mut environment = TestEnvironment::new();
    let shell = Shell::new(&environment);
    let mut printed = String::new();
    for step in steps(&fs::read_to_string(page).unwrap()) {
        match step {
            Step::Begin(copied) => {
                environment = TestEnvironment::new();
                if let Some((from, to)) = copied {
                    copy(&root().join(from), &environment.path().join(to));
                }
            }
            Step::Write { name, text } => environment.write(&name, &text),
            Step::Type { line, commands } => {
                printed.clear();
                for (at, command) in commands.iter().enumerate().filter(|(_, line)| is_command(line)) {
                    let place = format!("{}:{}", page.display(), line + at + 1);
                    printed += &type_line(&place, command, &environment, &shell);
                    count += 1;
                }
            }
            Step::Read(text) => {
                assert!(printed.contains(&text), "{}: {text:?} is not in:\n{printed}", page.display());
            }
            Step::Leave { line, reason } => {
                assert!(!reason.is_empty(), "{}:{line}: `norun` has no reason", page.display());
            }
        }
    }
    count
}

#[test]
fn the_commands_of_the_front_page_do_what_it_says() {
    assert!(follow(&root().join("README.md")) > 0);
}

#[test]
fn the_commands_of_the_guides_do_what_they_say() {
    let counts: Vec<usize> = pages(&root().join("docs/guides")).iter().map(|page| follow(page)).collect();
    assert!(counts.iter().sum::<usize>() > 40, "{counts:?}");
}

#[test]
fn the_commands_of_the_examples_do_what_they_say() {
    for page in pages(&root().join("examples")) {
        assert!(follow(&page) > 0, "{} has no command", page.display());
    }
}

#[test]
fn few_commands_are_not_run_and_each_has_its_reason() {
    let mut left = Vec::new();
    for page in pages_with_commands() {
        for step in steps(&fs::read_to_string(&page).unwrap()) {
            if let Step::Leave { line, reason } = step {
                left.push(format!("{}:{line}: {reason}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(left.iter().all(|block| !block.ends_with(": ")), "{left:#?}");
    assert!(left.len() <= NOT_RUN, "more than {NOT_RUN} blocks are not run: {left:#?}");
}

/// How many blocks are not run at the most: those that ask a service which is not there. Five of them are run in
/// `tests/catalogue.rs`, two in `tests/into_postgres/guide.rs`, one in `tests/secret_references.rs` and one in `tests/from_databases.rs`, where it is.
const NOT_RUN: usize = 12;

/// The commands that stand in running text, between backquotes, and the examples of the program's own help.
fn named_commands(page: &str) -> BTreeSet<String> {
    let text: Vec<&str> = page.split("```").step_by(2).collect();
    let named = text.iter().flat_map(|text| text.split('`').skip(1).step_by(2));
    let examples = page.lines().filter(|line| line.starts_with("  raccord "));
    let pieces = named.chain(examples).flat_map(|line| line.split(" && "));
    let lines = pieces.map(|piece| piece.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| line.starts_with("raccord ")).collect()
}

/// The verb of a command, with the second word where it has one.
fn verb(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let is_parent = matches!(words[0], "new" | "rejects" | "deliveries" | "state" | "token" | "connector");
    let length = if is_parent && words.len() > 1 && !words[1].starts_with('-') { 2 } else { 1 };
    words[..length].join(" ")
}

#[test]
fn a_command_that_is_named_in_running_text_exists_with_its_options() {
    let environment = TestEnvironment::new();
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    for page in pages_with_commands().into_iter().chain(pages(&root().join("docs"))) {
        for command in named_commands(&fs::read_to_string(&page).unwrap()) {
            let verb = verb(&command);
            // `raccord VERB --help`, `raccord --version` and `raccord new …` speak of no verb in particular.
            if !verb.starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
            let help = helps.entry(verb.clone()).or_insert_with(|| environment.ok(&format!("{verb} --help")));
            let flags = command.split(' ').filter(|word| word.starts_with("--"));
            for flag in flags.map(|flag| flag.split('=').next().unwrap_or_default()) {
                assert!(help.contains(flag), "{}: `{command}`: no {flag}", page.display());
            }
        }
    }
    assert!(helps.len() > 25, "{:?}", helps.keys());
}

#[test]
fn steps_are_found_in_their_order() {
    let page = "<!-- in: examples/ci -->\n```yaml\n# a.yaml\nx: 1\n```\n<!-- file: b.csv -->\n```csv\nid\n```\n\
                ```sh\nraccord plan   # ends with 2: x\n```\n<!-- says: a: b -->\n<!-- with: examples/x -->\n```sh norun: why\nls\n```\n\
                <!-- in: nothing -->\n```text\nx\n```\n";
    let write = |name: &str, text: &str| Step::Write { name: name.to_owned(), text: text.to_owned() };
    let begin = |from: &str, to: &str| Step::Begin(Some((PathBuf::from(from), PathBuf::from(to))));
    let expected = [
        begin("examples/ci", ""),
        write("a.yaml", "# a.yaml\nx: 1\n"),
        write("b.csv", "id\n"),
        Step::Type { line: 10, commands: vec!["raccord plan   # ends with 2: x".to_owned()] },
        Step::Read("a: b".to_owned()),
        begin("examples/x", "examples/x"),
        Step::Leave { line: 15, reason: "why".to_owned() },
        Step::Begin(None),
    ];
    assert_eq!(steps(page), expected);
    assert_eq!(expected_code("raccord plan   # ends with 2: x"), 2);
    assert_eq!(expected_code("raccord plan   # a comment"), 0);
}
