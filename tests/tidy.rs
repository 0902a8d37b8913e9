//! What the design promises of the repository itself: who may depend on whom, how long things are, that links
//! lead somewhere, that nothing is called after what it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Which crate may depend on which: the picture in `docs/architecture.md`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("workspace-hack", &[]),
    ("raccord-model", &["workspace-hack"]),
    // Another's language: it knows none of ours.
    ("raccord-manifest", &["workspace-hack"]),
    ("raccord-compiler", &["raccord-model", "raccord-manifest"]),
    ("raccord-config", &["raccord-model", "raccord-compiler"]),
    // For the tests of others: no crate is built from it.
    ("raccord-conformance", &["raccord-model"]),
    ("raccord-plan", &["raccord-model"]),
    // The cipher, and where its key is: two kinds of states share it, and neither knows the other.
    ("raccord-seal", &["raccord-model"]),
    ("raccord-store", &["raccord-model", "raccord-seal"]),
    ("raccord-postgres", &["raccord-model", "raccord-compiler", "raccord-seal"]),
    ("raccord-sqlite", &["raccord-model", "raccord-compiler"]),
    ("raccord-mysql", &["raccord-model", "raccord-compiler"]),
    // Formats of files and where they lie; sources read there, and rows go there.
    ("raccord-files", &["raccord-model"]),
    ("raccord-connect", &["raccord-model", "raccord-manifest", "raccord-compiler", "raccord-files"]),
    ("raccord-run", &["raccord-model", "raccord-compiler"]),
    (
        "raccord-daemon",
        &["raccord-model", "raccord-compiler", "raccord-config", "raccord-plan", "raccord-run"],
    ),
    (
        "raccord-serve",
        &[
            "raccord-model",
            "raccord-compiler",
            "raccord-config",
            "raccord-plan",
            "raccord-run",
            "raccord-daemon",
        ],
    ),
    // It alone puts implementations behind the ports.
    (
        "raccord-cli",
        &[
            "raccord-model",
            "raccord-manifest",
            "raccord-config",
            "raccord-run",
            "raccord-store",
            "raccord-postgres",
            "raccord-mysql",
            "raccord-sqlite",
            "raccord-connect",
            "raccord-files",
            "raccord-daemon",
            "raccord-serve",
        ],
    ),
    ("xtask", &[]),
];

/// Libraries that belong to some rooms alone.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("redb", &["raccord-store"]),
    ("tokio-postgres", &["raccord-postgres"]),
    ("mysql_async", &["raccord-mysql"]),
    ("rusqlite", &["raccord-sqlite"]),
    ("chacha20poly1305", &["raccord-seal"]),
    // It speaks HTTP with itself alone: its verbs reach a daemon elsewhere.
    // In `files` it only says which TLS the library of buckets has.
    ("reqwest", &["raccord-connect", "raccord-serve", "raccord-files"]),
    ("openidconnect", &["raccord-connect"]),
    ("calamine", &["raccord-connect"]),
    ("object_store", &["raccord-files"]),
    ("russh", &["raccord-files"]),
    ("russh-sftp", &["raccord-files"]),
    ("lettre", &["raccord-connect"]),
    ("axum", &["raccord-serve"]),
    ("csv", &["raccord-manifest", "raccord-connect", "raccord-cli"]),
    ("minijinja", &["raccord-compiler"]),
    ("granit-parser", &["raccord-manifest", "raccord-config"]),
    ("clap", &["raccord-cli"]),
    ("miette", &["raccord-cli"]),
    (
        "tokio",
        &[
            "raccord-conformance",
            "raccord-manifest",
            "raccord-store",
            "raccord-postgres",
            "raccord-mysql",
            "raccord-sqlite",
            "raccord-connect",
            "raccord-files",
            "raccord-run",
            "raccord-daemon",
            "raccord-serve",
            "raccord-cli",
            "workspace-hack",
        ],
    ),
];

/// The longest file and function, in lines, test modules apart.
const LONGEST_FILE: usize = 500;
const LONGEST_FUNCTION: usize = 80;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn packages() -> Vec<Package> {
    let manifest = root().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap().packages
}

/// What a package is built from; what its tests alone use is its own affair.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    let built =
        package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    built.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn a_crate_depends_on_those_below_it_alone() {
    let packages = packages();
    let rooms: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    for package in &packages {
        let name = package.name.as_str();
        let allowed = rooms.get(name).unwrap_or_else(|| {
            panic!("{name} is a new crate: write down in docs/architecture.md which dependency it forbids")
        });
        for other in dependencies(package) {
            assert!(
                !rooms.contains_key(other) || allowed.contains(&other),
                "{name} may not depend on {other}"
            );
        }
    }
}

#[test]
fn a_library_stays_in_its_room() {
    for package in &packages() {
        let used = dependencies(package);
        for (library, homes) in BELONGS_TO {
            let name = package.name.as_str();
            assert!(!used.contains(library) || homes.contains(&name), "{name} may not depend on {library}");
        }
    }
}

/// The libraries that a selection of crates compiles, each with its version and its features.
fn features(selection: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "tree",
        "--locked",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p} {f}",
    ]);
    let output = command.args(selection).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn every_selection_of_crates_compiles_the_same_libraries() {
    let all = features(&["--workspace"]);
    for (name, _) in MAY_USE.iter().filter(|(name, _)| name.starts_with("raccord-")) {
        let own = features(&["--package", name]);
        let other: Vec<&String> = own.difference(&all).collect();
        assert!(
            other.is_empty(),
            "`cargo build -p {name}` compiles these anew: give them the features they have in the whole workspace, in \
             crates/workspace-hack/Cargo.toml: {other:#?}"
        );
    }
}

#[test]
fn the_version_names_every_cargo_feature() {
    let packages = packages();
    let cli = packages.iter().find(|package| package.name.as_str() == "raccord-cli").unwrap();
    let declared: BTreeSet<&str> =
        cli.features.keys().map(String::as_str).filter(|name| *name != "default").collect();
    let version = crate::environment::TestEnvironment::new().ok("--version");
    let told = version.lines().skip(1).filter_map(|line| line.split_once(": "));
    let told: BTreeSet<&str> = told.flat_map(|(_, names)| names.split(", ")).collect();
    assert_eq!(told, declared, "crates/cli/src/feature.rs lists them");
}

/// The files with an extension below a directory, in order.
pub(crate) fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in
            fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The Rust files of every crate.
fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    crates.flat_map(|entry| files(&entry.unwrap().path().join("src"), "rs")).collect()
}

/// The lines of a file without its test modules, each with its number.
pub(crate) fn lines_without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut kept = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        inside |= line == "mod tests {";
        if !inside {
            kept.push((at + 1, line));
        }
        inside &= line != "}";
    }
    kept
}

/// The functions of formatted code: the line each begins on, and how many it has. A function ends at the first
/// brace with the indentation of its head.
fn functions(lines: &[(usize, &str)]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, (number, head)) in lines.iter().enumerate() {
        let body = head.trim_start();
        let indent = head.len() - body.len();
        if !is_function_head(body) || body.ends_with(';') || body.ends_with('}') {
            continue;
        }
        let at_same_depth = |line: &str| line.len() > indent && line[..indent].trim().is_empty();
        let end = lines[at + 1..].iter().position(|(_, line)| {
            at_same_depth(line)
                && (line[indent..].starts_with('}')
                    || line[indent..].starts_with(')') && line.trim_end().ends_with(';'))
        });
        found.push((*number, end.map_or(1, |end| end + 2)));
    }
    found
}

fn is_function_head(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words
        .find(|word| {
            !(word.starts_with("pub") || matches!(*word, "async" | "const" | "unsafe" | "extern" | "in"))
        })
        .is_some_and(|word| word == "fn")
}

fn median(lengths: &mut [usize]) -> usize {
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

#[test]
fn files_and_functions_have_no_long_tail() {
    let (mut of_files, mut of_functions, mut too_long) = (Vec::new(), Vec::new(), Vec::new());
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = lines_without_tests(&text);
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if lines.len() > LONGEST_FILE {
            too_long.push(format!("{name} has {} lines", lines.len()));
        }
        for (line, length) in functions(&lines) {
            if length > LONGEST_FUNCTION {
                too_long.push(format!("{name}:{line} has a function of {length} lines"));
            }
            of_functions.push(length);
        }
        of_files.push(lines.len());
    }
    println!(
        "{} files, median {} lines; {} functions of several lines, median {}",
        of_files.len(),
        median(&mut of_files),
        of_functions.len(),
        median(&mut of_functions)
    );
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn function_lengths_are_counted_right() {
    let code = "fn a() {\n    one();\n}\npub(crate) async fn b(\n    x: u8,\n) -> u8 {\n    {\n    }\n}\nfn c() {}\ntrait T {\n    fn d(\n        &self,\n    ) -> u8;\n    const fn e() {\n    }\n}\nmod tests {\n    fn f() {\n    }\n}\n";
    let lines = lines_without_tests(code);
    assert_eq!(functions(&lines), [(1, 3), (4, 6), (12, 3), (15, 2)]);
    assert_eq!(lines.len(), 17);
}

#[test]
fn a_file_is_named_for_what_it_does() {
    for path in sources().into_iter().chain(files(&root().join("tests"), "rs")) {
        let name = path.file_stem().unwrap().to_string_lossy();
        assert!(!EMPTY_NAMES.contains(&&*name), "{}: the name says nothing", path.display());
        let folder = path.parent().and_then(Path::file_name).unwrap().to_string_lossy();
        assert!(!EMPTY_NAMES.contains(&&*folder), "{}: the directory's name says nothing", path.display());
    }
}

/// Every page that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs"), "md");
    pages.extend(files(&root().join("examples"), "md"));
    pages.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    pages
}

/// The lines of a page outside its code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// What `[text](target)` leads to, in every line outside code.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(page) {
        // Every second piece between backquotes is code.
        let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| target.to_owned()));
    }
    found
}

/// The anchors of a page, made from its headings as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in prose(page).filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let repeated = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(repeated).find(|slug| !found.contains(slug));
        found.extend(free);
    }
    found
}

/// The steps of one list of `docs/architecture.md` about how to add something: each with the files that it names.
fn steps(list: &str) -> Vec<Vec<&str>> {
    let mut steps: Vec<Vec<&str>> = Vec::new();
    for line in list.lines() {
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            steps.push(Vec::new());
        }
        let named =
            line.split('`').skip(1).step_by(2).filter(|name| name.contains('/') && !name.contains(' '));
        if let Some(step) = steps.last_mut() {
            step.extend(named);
        }
    }
    steps
}

#[test]
fn what_is_told_about_adding_something_names_files_that_are_there() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("How to add\n")).unwrap();
    let lists: Vec<&str> = section.split("\n### ").skip(1).collect();
    assert!(!lists.is_empty());
    for list in lists {
        let title = list.lines().next().unwrap_or_default();
        let steps = steps(list);
        assert!((1..=5).contains(&steps.len()), "{title}: {} steps", steps.len());
        for (at, files) in steps.iter().enumerate() {
            assert!(!files.is_empty(), "{title}: step {} names no file", at + 1);
            let missing: Vec<_> = files.iter().filter(|file| !root().join(file).exists()).collect();
            assert!(missing.is_empty(), "{title}: step {}: {missing:?}", at + 1);
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) =
                link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = target.exists()
                && anchor.is_none_or(|anchor| {
                    fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor))
                });
            if !leads {
                broken.push(format!("{}: {link}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn anchors_are_made_as_github_makes_them() {
    let page = "# Le breaker: d'où ça vient\n```\n# not a heading\n```\n## A `code` b\n## A `code` b\n";
    let expected = ["le-breaker-doù-ça-vient", "a-code-b", "a-code-b-1"];
    assert_eq!(anchors(page), expected.into_iter().map(str::to_owned).collect());
    assert_eq!(links("see [a](b.md#c), `[x](y)` and [d](e)"), ["b.md#c", "e"]);
}

#[test]
fn every_example_is_shown_in_the_documentation() {
    let mut pages = files(&root().join("docs"), "md");
    pages.push(root().join("README.md"));
    let text: String = pages.iter().map(|page| fs::read_to_string(page).unwrap()).collect();
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let name = format!("examples/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(text.contains(&name), "{name} is not mentioned in README.md or docs");
    }
}
