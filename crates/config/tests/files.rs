//! Finding files: what is read, what is passed over, what cannot be read.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use raccord_config::{Input, Loaded, load};

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
