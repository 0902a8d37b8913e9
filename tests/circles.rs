//! The parts of a crate, its modules of the first level, know each other in one direction: no circle of them crosses a folder.
//! Read from the text of the files, as paths that begin with `crate::`; what is declared for tests does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Circles that stay, each with its reason in `docs/decisions/0069-parts-of-a-crate-know-each-other-in-one-direction.md`.
const STAY: &[(&str, &[&str])] = &[
    (
        "manifest",
        &[
            "authenticate",
            "budget",
            "component",
            "decode",
            "error",
            "exchange",
            "failure",
            "paginate",
            "request",
            "select",
            "send",
            "service",
            "slice",
            "template",
            "time",
        ],
    ),
    ("manifest", &["partition", "read", "stream"]),
    ("manifest", &["connector", "dynamic", "load", "spec", "support"]),
];

/// The parts of a crate, and which others each of them names.
#[derive(Debug, Default, PartialEq)]
struct Parts {
    /// Those that are folders.
    folders: BTreeSet<String>,
    arrows: BTreeMap<String, BTreeSet<String>>,
}

/// Reads the parts of the crate whose sources are there.
fn parts(sources: &Path) -> Parts {
    let mut found = Parts::default();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for path in super::tidy::files(sources, "rs") {
        let inside = path.strip_prefix(sources).unwrap().with_extension("");
        let mut names = inside.iter().map(|name| name.to_string_lossy().into_owned());
        let part = names.next().unwrap();
        if names.next().is_some() {
            found.folders.insert(part.clone());
        }
        let is_test = inside.iter().any(|name| name == "tests" || name == "embedded");
        if !is_test {
            let text = fs::read_to_string(&path).unwrap();
            texts.entry(part).or_default().push_str(&code(&text));
        }
    }
    let exported = texts.get("lib").map(|text| exports(text)).unwrap_or_default();
    for (part, text) in texts.iter().filter(|(part, _)| !matches!(part.as_str(), "lib" | "main")) {
        let named = named(text).into_iter().map(|name| exported.get(&name).cloned().unwrap_or(name));
        let others = named.filter(|name| name != part && texts.contains_key(name)).collect();
        found.arrows.insert(part.clone(), others);
    }
    found
}

/// The text without comments and without the module of its tests.
fn code(text: &str) -> String {
    let lines = super::tidy::lines_without_tests(text);
    lines.into_iter().map(|(_, line)| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// The first names behind `crate::`, also of lists in braces.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => found.extend(members(list)),
            None => drop(found.insert(word(rest))),
        }
    }
    found
}

/// The first name of each member of a list in braces, up to its end.
fn members(list: &str) -> Vec<String> {
    let (mut found, mut depth, mut begins) = (Vec::new(), 0_usize, true);
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            letter if begins && !letter.is_whitespace() => {
                found.push(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// What a crate shows under its own name, and the part that it is from: `pub use part::Name`.
fn exports(code: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in code.split("pub use ").skip(1) {
        let statement = statement.split(';').next().unwrap_or_default();
        let (part, rest) = statement.split_once("::").unwrap_or((statement, ""));
        let names = rest.strip_prefix('{').map_or_else(|| vec![word(rest)], members);
        found.extend(names.into_iter().map(|name| (name, part.trim().to_owned())));
    }
    found
}

/// The parts that lead back to themselves, each with those of its circle.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<&str>> {
    let reached = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(part) = open.pop() {
            for next in arrows.get(part).into_iter().flatten() {
                if let Some((next, _)) = arrows.get_key_value(next)
                    && seen.insert(next.as_str())
                {
                    open.push(next);
                }
            }
        }
        seen
    };
    let all: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|part| (part.as_str(), reached(part))).collect();
    let circle = |part: &str| {
        let leads_back = |other: &&str| all.get(other).is_some_and(|reached| reached.contains(part));
        all.get(part).into_iter().flatten().copied().filter(leads_back).collect::<BTreeSet<_>>()
    };
    all.keys().map(|part| circle(part)).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn no_circle_of_parts_crosses_a_folder() {
    let mut wrong = Vec::new();
    let crates = super::tidy::root().join("crates");
    for entry in fs::read_dir(&crates).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let found = parts(&entry.path().join("src"));
        for circle in circles(&found.arrows) {
            let crosses = circle.iter().any(|part| found.folders.contains(*part));
            let stays =
                STAY.iter().any(|(of, parts)| *of == name && circle.iter().all(|part| parts.contains(part)));
            if crosses && !stays {
                let arrows = circle.iter().map(|part| {
                    let others = found.arrows[*part].iter().filter(|other| circle.contains(other.as_str()));
                    format!("{part} -> {}", others.cloned().collect::<Vec<_>>().join(", "))
                });
                wrong.push(format!("{name}: {}", arrows.collect::<Vec<_>>().join("; ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn circles_are_found() {
    let arrows = |text: &str| {
        let pair = |arrow: &str| {
            let (from, to) = arrow.split_once('>').unwrap();
            (from.to_owned(), to.chars().map(String::from).collect())
        };
        text.split_whitespace().map(pair).collect::<BTreeMap<_, _>>()
    };
    for (text, expected) in [("a>b b> c>a", ""), ("a>b b>c c>a d>a", "abc"), ("a>b b>a c>d d>c", "ab cd")] {
        let arrows = arrows(text);
        let found = circles(&arrows).into_iter().map(|circle| circle.into_iter().collect::<String>());
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{text}");
    }
    let names = named("use crate::{a::B, c, d::{e, f}};\ncrate::g::h(); // no: that was cut before\n");
    assert_eq!(names.into_iter().collect::<String>(), "acdg");
}
