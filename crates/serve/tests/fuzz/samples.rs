//! What the repository holds of each format, to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use raccord_config::load_texts;
use raccord_model::Desired;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below a directory of the repository whose names end so, in a stable order.
pub(crate) fn files(directory: &str, ends: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter().map(|path| fs::read(path).unwrap()).filter(|bytes| bytes.len() < 64 * 1024).collect()
}

/// The configurations of the examples.
pub(crate) fn configurations() -> Vec<Desired> {
    let examples = ["examples/quickstart", "examples/rest-api"];
    let load = |example: &str| {
        let texts = files(example, &[".yaml"]).into_iter().enumerate();
        let texts = texts.map(|(number, bytes)| (format!("{number}.yaml"), bytes)).collect();
        load_texts(texts, "/srv", &std::collections::BTreeMap::new()).desired.unwrap()
    };
    examples.into_iter().map(load).collect()
}
