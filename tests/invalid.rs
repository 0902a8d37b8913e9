//! Wrong documents and what `raccord validate` says about them, one directory a code: `tests/invalid/CODE/NAME.yaml`
//! or `tests/invalid/CODE/NAME/`, and beside it the report in `NAME.txt`.
//!
//! `RACCORD_WRITE_DOCS=1` writes the reports. What a repository cannot hold well, such as a file that is not text,
//! is made by a test in a directory of its own and compared in the same way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use raccord_model::diagnostic::Code;
use tempfile::TempDir;

/// The secret that wrong documents hold; no report repeats it.
const SECRET: &str = "hunter2";

/// Cases that a test makes, by code; their reports stand where those of the others do.
const MADE: [(&str, &str); 13] = [
    ("ambiguous-root", "two-directories"),
    ("not-utf8", "latin-1"),
    ("not-utf8", "utf-16"),
    ("not-utf8", "inside-a-document"),
    ("too-large", "large-file"),
    ("too-large", "one-line-of-100-mb"),
    ("unknown-field", "one-line-of-15-mb"),
    ("too-large", "brackets-without-end"),
    ("yaml-syntax", "nothing-but-zeros"),
    ("unreadable", "link-that-leads-out"),
    ("unreadable", "link-to-nowhere"),
    ("unreadable", "missing"),
    ("unreadable", "missing-beside-another"),
];

fn directory(code: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/invalid");
    root.canonicalize().unwrap().join(code)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every case that is a file or a directory, by code.
fn cases() -> BTreeMap<String, Vec<String>> {
    let cases_of = |code: &str| {
        let inputs = names(&directory(code)).into_iter();
        inputs.filter(|name| Path::new(name).extension().is_none_or(|e| e != "txt")).collect()
    };
    names(&directory("")).into_iter().map(|code| (code.clone(), cases_of(&code))).collect()
}

fn validate(home: &Path, inputs: &[&str], form: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raccord"));
    command.args(["validate", "--color", "never", "--output", form]).current_dir(home);
    for input in inputs {
        command.args(["-f", input]);
    }
    command.output().unwrap()
}

/// What is wrong with the report on some files of a directory; nothing when all is well.
fn check(code: &str, name: &str, home: &Path, inputs: &[&str]) -> Result<(), String> {
    let output = validate(home, inputs, "text");
    let report = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let wrong = |what: &str| Err(format!("{code}/{name}: {what}\n{report}"));
    let has_error = report.contains("  × ");
    if output.status.code() != Some(i32::from(has_error)) {
        return wrong(&format!("an unexpected {}", output.status));
    }
    if !report.lines().any(|line| line == code) {
        return wrong("the code is not reported");
    }
    for form in ["json", "github"] {
        let other = validate(home, inputs, form);
        if String::from_utf8_lossy(&other.stdout).contains(SECRET) {
            return wrong(&format!("the secret is shown by --output {form}"));
        }
    }
    if report.contains(SECRET) {
        return wrong("the secret is shown");
    }
    let path = directory(code).join(format!("{name}.txt"));
    if std::env::var_os("RACCORD_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(&path).unwrap().write_all(report.as_bytes()).unwrap();
    }
    if fs::read_to_string(&path).unwrap_or_default() != report {
        return wrong("the report is not the one expected; with RACCORD_WRITE_DOCS=1 this one is written:");
    }
    Ok(())
}

#[test]
fn every_invalid_document_is_reported_as_expected() {
    let cases = cases();
    let all = cases.iter().flat_map(|(code, inputs)| inputs.iter().map(move |input| (code, input)));
    let failures: Vec<String> = all
        .filter_map(|(code, input)| {
            check(code, input.trim_end_matches(".yaml"), &directory(code), &[input]).err()
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_code_has_an_invalid_document() {
    let cases = cases();
    for code in Code::ALL.iter().map(|code| code.as_str()) {
        let is_made = MADE.iter().any(|(made, _)| *made == code);
        let is_there = cases.get(code).is_some_and(|inputs| !inputs.is_empty());
        assert!(is_made || is_there, "no invalid document has the code {code}");
    }
    for code in cases.keys() {
        assert!(Code::ALL.iter().any(|known| known.as_str() == code), "tests/invalid/{code} is no code");
    }
}

#[test]
fn every_report_on_an_invalid_document_belongs_to_a_case() {
    for (code, inputs) in cases() {
        let reports = names(&directory(&code)).into_iter();
        for name in reports.filter_map(|name| name.strip_suffix(".txt").map(str::to_owned)) {
            let is_case = inputs.iter().any(|input| input.trim_end_matches(".yaml") == name);
            let is_made = MADE.contains(&(code.as_str(), name.as_str()));
            assert!(is_case || is_made, "{code}/{name}.txt has no case");
        }
    }
}

/// Makes the files of a case, validates what is named, and compares the report.
fn check_made(code: &str, name: &str, files: &[(&str, &[u8])], inputs: &[&str]) {
    assert!(MADE.contains(&(code, name)), "{code}/{name} is not among the cases that are made");
    let home = TempDir::new().unwrap();
    for (file, bytes) in files {
        File::create(home.path().join(file)).unwrap().write_all(bytes).unwrap();
    }
    if let Err(failure) = check(code, name, home.path(), inputs) {
        panic!("{failure}");
    }
}

#[test]
fn an_invalid_file_is_not_utf8() {
    let latin: &[u8] = b"apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {}\n# caf\xe9\n";
    check_made("not-utf8", "latin-1", &[("raccord.yaml", latin)], &["raccord.yaml"]);
    let wide: Vec<u8> = "\u{feff}kind: Stack\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_made("not-utf8", "utf-16", &[("raccord.yaml", &wide)], &["raccord.yaml"]);
}

#[test]
fn an_invalid_file_is_too_large() {
    let large = vec![b'#'; 17 << 20];
    check_made("too-large", "large-file", &[("raccord.yaml", &large)], &["raccord.yaml"]);
}

#[test]
fn an_invalid_file_breaks_off_in_the_middle_of_a_character() {
    let cut: &[u8] = b"apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {language: \xc3";
    check_made("not-utf8", "inside-a-document", &[("raccord.yaml", cut)], &["raccord.yaml"]);
}

#[test]
fn an_invalid_line_is_larger_than_a_book() {
    let line = |length: usize| {
        let head = "{apiVersion: raccord/v1, kind: Stack, metadata: {name: shop}, spec: {wrong: '";
        [head.as_bytes(), &vec![b'x'; length], b"'}}\n"].concat()
    };
    let check = |code, name, bytes: &[u8]| {
        check_made(code, name, &[("raccord.yaml", bytes)], &["raccord.yaml"]);
    };
    check("too-large", "one-line-of-100-mb", &line(100 << 20));
    check("unknown-field", "one-line-of-15-mb", &line(15 << 20));
    check("too-large", "brackets-without-end", &vec![b'['; 1 << 20]);
    check("yaml-syntax", "nothing-but-zeros", &vec![0; 1 << 20]);
}

#[test]
fn an_invalid_directory_has_files_that_cannot_be_read() {
    for (name, target) in [("link-that-leads-out", "/proc/self/environ"), ("link-to-nowhere", "nowhere.yaml")]
    {
        let home = TempDir::new().unwrap();
        std::os::unix::fs::symlink(target, home.path().join("shop.yaml")).unwrap();
        if let Err(failure) = check("unreadable", name, home.path(), &["."]) {
            panic!("{failure}");
        }
    }
}

#[test]
fn an_endless_standard_input_is_too_large() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raccord"));
    let zeros = File::open("/dev/zero").unwrap();
    let output = command.args(["validate", "--color", "never", "-f", "-"]).stdin(zeros).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("too-large"), "{said}");
}

#[test]
fn an_invalid_path_leads_nowhere() {
    check_made("unreadable", "missing", &[], &["raccord.yaml"]);
    let stack: &[u8] = b"apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {}\n";
    let inputs = ["raccord.yaml", "integrations"];
    check_made("unreadable", "missing-beside-another", &[("raccord.yaml", stack)], &inputs);
}

#[test]
fn an_invalid_root_is_one_of_two_directories() {
    let home = TempDir::new().unwrap();
    let project: &[u8] = b"apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec:\n  store: {type: sqlite, path: crm.db}\n  \
          entities: {contact: {key: id, fields: {id: text}}}\n";
    for (directory, bytes) in [("base", project), ("overlay", b"# nothing\n")] {
        fs::create_dir(home.path().join(directory)).unwrap();
        File::create(home.path().join(directory).join("crm.yaml")).unwrap().write_all(bytes).unwrap();
    }
    if let Err(failure) = check("ambiguous-root", "two-directories", home.path(), &["overlay", "base"]) {
        panic!("{failure}");
    }
}
