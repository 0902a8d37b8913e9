//! Finding files: what is read, what is passed over, what cannot be read.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use raccord_config::{Input, Loaded, load, validate};

fn alert(name: &str) -> String {
    format!("apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec: {{}}\n")
}

fn put(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = fs::File::create(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn read(paths: &[PathBuf]) -> Loaded {
    load(&Input { paths: paths.to_vec(), ..Input::default() })
}

#[test]
fn directories_are_walked_and_other_peoples_files_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "raccord.yaml", &alert("shop"));
    put(root, "deep/er/b.yml", "# nothing\n");
    put(root, "notes.txt", "a: [\n");
    for skipped in [".git/a.yaml", "node_modules/x/a.yaml", "target/a.yaml", ".hidden.yaml"] {
        put(root, skipped, "a: [\n");
    }
    symlink(root, root.join("deep/loop")).unwrap();
    let loaded = read(&[root.to_owned()]);
    assert_eq!((loaded.files, loaded.documents), (2, 1), "{:#?}", loaded.diagnostics);
    let desired = loaded.desired.unwrap();
    assert_eq!(desired.stack.as_str(), "shop");
    assert_eq!(desired.root, root.to_string_lossy());
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "..2024/raccord.yaml", &alert("shop"));
    symlink("..2024", root.join("..data")).unwrap();
    symlink("..data/raccord.yaml", root.join("raccord.yaml")).unwrap();
    let loaded = read(&[root.to_owned()]);
    assert_eq!((loaded.files, loaded.diagnostics.len()), (1, 0));
    assert_eq!(loaded.desired.unwrap().root, root.to_string_lossy());
}

#[test]
fn a_link_that_leads_out_is_an_error_that_shows_nothing() {
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "secret.yaml", "password: hunter2\n");
    put(outside.path(), "more/secret.yaml", "password: hunter2\n");
    for (link, target) in [
        ("x.yaml", outside.path().join("secret.yaml")),
        ("x.yaml", PathBuf::from("/proc/self/environ")),
        ("deep/x.yml", outside.path().join("secret.yaml")),
        ("more", outside.path().join("more")),
        ("up.yaml", PathBuf::from("../secret.yaml")),
    ] {
        let root = outside.path().join("root");
        put(&root, "raccord.yaml", &alert("shop"));
        fs::create_dir_all(root.join(link).parent().unwrap()).unwrap();
        symlink(&target, root.join(link)).unwrap();
        for named in [root.clone(), root.join(".")] {
            let loaded = read(&[named]);
            let said = format!("{:?}", loaded.diagnostics);
            assert!(loaded.desired.is_none() && said.contains("leads out"), "{link}: {said}");
            assert!(!said.contains("hunter2") && !said.contains("PATH="), "{link}: {said}");
        }
        // What is named with it is not outside.
        if link != "x.yaml" || !target.starts_with("/proc") {
            let said = format!("{:?}", read(&[root.clone(), outside.path().to_owned()]).diagnostics);
            assert!(!said.contains("leads out"), "{link}: {said}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn a_link_inside_of_the_root_is_followed_and_the_root_may_be_one() {
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "real/shared/alert.yaml", &alert("shop"));
    put(directory.path(), "real/notes.txt", "nothing");
    symlink("real", directory.path().join("root")).unwrap();
    symlink("shared/alert.yaml", directory.path().join("real/b.yaml")).unwrap();
    symlink("/etc/hostname", directory.path().join("real/readme")).unwrap();
    let loaded = read(&[directory.path().join("root")]);
    assert_eq!((loaded.files, loaded.diagnostics.len()), (1, 0), "{:#?}", loaded.diagnostics);
    let within = Some(directory.path().join("real"));
    symlink("..", directory.path().join("real/shared/up")).unwrap();
    let input = Input { paths: vec![directory.path().join("real/shared")], within, ..Input::default() };
    assert_eq!((load(&input).files, load(&input).diagnostics.len()), (1, 0));
    let alone = load(&Input { within: None, ..input });
    assert_eq!(alone.diagnostics[0].code.as_str(), "unreadable");
}

#[test]
fn the_same_file_twice_is_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "a.conf", &alert("shop"));
    put(root, "b.yaml", "# nothing");
    let loaded = read(&[root.join("a.conf"), root.to_owned(), root.join("./a.conf")]);
    assert_eq!((loaded.files, loaded.documents), (2, 1));
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_is_concluded() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "a.yaml", &alert("shop"));
    symlink("nowhere.yaml", root.join("broken.yaml")).unwrap();
    let loaded = read(&[root.to_owned(), root.join("missing")]);
    let codes: Vec<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
    assert_eq!(codes, ["unreadable", "unreadable"]);
    assert!(loaded.desired.is_none());
    let empty = tempfile::tempdir().unwrap();
    let loaded = read(&[empty.path().to_owned()]);
    assert_eq!(loaded.diagnostics[0].code.as_str(), "no-documents");
}

#[test]
fn standard_input_is_a_file_called_dash() {
    let input = Input {
        paths: vec![PathBuf::from("-")],
        stdin: Some(format!("{}\nspec: {{}}\n", alert("shop")).into_bytes()),
        ..Input::default()
    };
    let loaded = load(&input);
    let place = loaded.diagnostics[0].place.clone().unwrap();
    assert_eq!((place.file.as_str(), place.line), ("-", 6));
}

#[test]
fn validation_counts_and_says_what_loading_makes_and_says() {
    let inline = "apiVersion: raccord/v1\nkind: Source\nmetadata: {name: a}\nspec:\n  connector: http\n  \
                  authorization: {type: none}\n  config: {baseUrl: 'https://a.example', dataTypes: {b: {}}}\n";
    let home = tempfile::tempdir().unwrap();
    put(home.path(), "inline.yaml", inline);
    let wrong = tempfile::tempdir().unwrap();
    put(wrong.path(), "wrong.yaml", &inline.replace("none", "unknown"));
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut directories = vec![home.path().to_owned(), wrong.path().to_owned()];
    directories.extend(fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()));
    let mut counts = Vec::new();
    for directory in directories.into_iter().filter(|path| path.is_dir()) {
        let input = Input { paths: vec![directory.clone()], ..Input::default() };
        let (loaded, validated) = (load(&input), validate(&input));
        let resources = loaded.desired.map(|desired| desired.resources.len());
        assert_eq!(validated.resources, resources, "{}", directory.display());
        assert_eq!(validated.diagnostics, loaded.diagnostics, "{}", directory.display());
        assert_eq!((validated.files, validated.documents), (loaded.files, loaded.documents));
        counts.push(resources);
    }
    assert_eq!(counts[..2], [Some(2), None]);
    assert!(counts.len() > 3 && counts.iter().flatten().count() > 2, "{counts:?}");
}

#[test]
fn a_variable_that_is_given_is_one_that_a_document_asks_for() {
    const STACK: &str =
        "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {variables: {zone: UTC}}\n";
    const ALERT: &str =
        "---\napiVersion: raccord/v1\nkind: Alert\nmetadata: {name: ops}\nspec: {email: \"${var:mail}\"}\n";
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "raccord.yaml", &format!("{STACK}{ALERT}"));
    for (given, expected) in [
        ("mail", None),
        ("zone", None),
        (
            "zonne",
            Some((
                "the variable `zonne` is given a value, and no document asks for it",
                "did you mean `zone`?",
            )),
        ),
        (
            "other",
            Some((
                "the variable `other` is given a value, and no document asks for it",
                "leave --var other=… out; a variable is declared under `spec.variables` of the Stack",
            )),
        ),
    ] {
        let variables = [("mail", "a@example.com"), (given, "a@example.com")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let input = Input { paths: vec![directory.path().to_owned()], variables, ..Input::default() };
        let said = load(&input).diagnostics;
        let said = said.first().map(|said| (said.message.as_str(), said.help.as_deref().unwrap_or_default()));
        assert_eq!(said, expected, "{given}");
    }
}

/// The path of the only data type of the only source.
fn path_of(desired: &raccord_model::Desired) -> String {
    let shown = raccord_config::to_yaml(desired);
    shown.lines().find_map(|line| line.trim().strip_prefix("path: ")).unwrap().replace('"', "")
}

const SOURCE: &str = "apiVersion: raccord/v1\nkind: Source\nmetadata: {name: shop}\nspec: {connector: file, \
                      config: {dataTypes: {people: {path: people.csv}}}}\n";

#[test]
fn the_root_is_one_whatever_the_order_of_what_is_named() {
    let home = tempfile::tempdir().unwrap();
    for directory in ["a", "a/deep", "a-b", "b"] {
        put(home.path(), &format!("{directory}/notes.yaml"), "# nothing\n");
    }
    put(home.path(), "b/source.yaml", SOURCE);
    let at = |name: &str| home.path().join(name);
    for (named, root, path) in [
        (&["b"][..], "b", "people.csv"),
        (&["a", "b"], "a", "../b/people.csv"),
        (&["a-b", "a", "b"], "a", "../b/people.csv"),
        (&["", "b"], "", "b/people.csv"),
        (&["a/deep", "a", "b/source.yaml"], "a", "../b/people.csv"),
    ] {
        let mut paths: Vec<PathBuf> = named.iter().map(|name| at(name)).collect();
        for _ in 0..paths.len() {
            paths.rotate_left(1);
            let loaded = read(&paths);
            let desired = loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
            let expected = at(root).to_string_lossy().trim_end_matches('/').to_owned();
            assert_eq!(
                (desired.root.as_str(), path_of(&desired).as_str()),
                (expected.as_str(), path),
                "{paths:?}"
            );
        }
    }
}

#[test]
fn what_lies_in_a_root_that_may_be_one_of_several_is_refused() {
    let store = "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec: {store: {type: sqlite, path: crm.db}, \
                 entities: {contact: {key: id, fields: {id: text}}}}\n";
    let secret = "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: key}\nspec: {type: bearer, token: \
                  \"${file:secrets/token}\"}\n";
    for (document, place) in [(store, "spec.store.path"), (secret, "spec.token")] {
        let home = tempfile::tempdir().unwrap();
        put(home.path(), "b/x.yaml", document);
        put(home.path(), "a/source.yaml", SOURCE);
        let (a, b) = (home.path().join("a"), home.path().join("b"));
        let said = |paths: &[&PathBuf]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
            let found = read(&paths).diagnostics;
            let input = Input { paths, ..Input::default() };
            assert_eq!(validate(&input).diagnostics, found);
            let errors = found.into_iter().map(|it| (it.code.as_str(), it.path, it.help.unwrap_or_default()));
            errors.filter(|(code, ..)| *code != "no-effect").collect::<Vec<_>>()
        };
        for paths in [[&a, &b], [&b, &a]] {
            let found = said(&paths);
            assert_eq!(
                (found.len(), found[0].0, found[0].1.as_str()),
                (1, "ambiguous-root", place),
                "{found:?}"
            );
            assert!(found[0].2.contains(&format!("so far {}", paths[0].display())), "{found:?}");
        }
        let home_itself = home.path().to_owned();
        assert_eq!(said(&[&a, &home_itself]), []);
        assert_eq!(said(&[&b]), []);
        put(
            home.path(),
            "a/raccord.yaml",
            "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: main}\nspec: {}\n",
        );
        assert_eq!(said(&[&b, &a]), []);
    }
}
