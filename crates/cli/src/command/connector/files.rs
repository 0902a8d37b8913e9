//! Finds manifests and reads them: files, and those of the catalogue by their names.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use raccord_manifest::load::{Manifest, is_manifest, load};
use raccord_model::language::connector::catalogue;
use raccord_model::language::connector::manifest::{LISTED, is_path, listed};
use raccord_model::suggest;

use crate::error::CommandError;

/// The largest manifest, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The text of a manifest: of a file, or of the one in the catalogue that has this name.
pub(super) fn text(path: &Path) -> Result<String, CommandError> {
    let name = path.to_str().filter(|name| !is_path(name));
    match name.and_then(listed) {
        Some(found) => Ok(found.text.to_owned()),
        None => of_file(path).map_err(|error| match name.filter(|_| !path.exists()).and_then(advice) {
            Some(advice) => error.hint(advice),
            None => error,
        }),
    }
}

/// What to say when a name is neither a file nor in the catalogue.
fn advice(name: &str) -> Option<String> {
    if catalogue().iter().any(|info| info.name == name) {
        return Some(format!("`{name}` is no manifest; docs/reference/language.md has its settings"));
    }
    let known: Vec<&str> = LISTED.iter().map(|entry| entry.name).collect();
    suggest::advice(name, &known, "the catalogue has")
}

fn of_file(path: &Path) -> Result<String, CommandError> {
    let failed = |error: &dyn std::fmt::Display| CommandError::new(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_FILE) {
        return Err(failed(&format!("it is larger than {} MB", MAX_FILE >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8"))
}

/// The manifest that a file holds.
pub(super) fn manifest(path: &Path) -> Result<Manifest, CommandError> {
    load(&text(path)?).map_err(|problem| {
        CommandError::new(format!("{} is no manifest: {}", path.display(), super::check::told(&problem)))
    })
}

/// The manifests among paths: files as they are named, and below a directory the YAML files that say that they are manifests.
pub(super) fn manifests(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            look_into(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn look_into(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let failed = |error| CommandError::new(format!("{}: {error}", directory.display()));
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if kind.is_dir() {
            look_into(&path, found)?;
        } else if is_yaml && is_manifest(&text(&path)?) {
            found.push(path);
        }
    }
    Ok(())
}
