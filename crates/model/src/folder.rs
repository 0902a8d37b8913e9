//! Folders of files: when two texts mean the same one. It compares texts; which links a file system has it does not know.

use crate::language::connector::file::RemotePath;
use crate::language::{Store, StoreType};

/// A path without `.` and with `..` carried out where that is possible.
pub fn clean(path: &str) -> String {
    let path = path.replace('\\', "/");
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            ("..", None) if is_absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The folder of a store of files, spelled in one way.
pub fn folder_of(store: &Store) -> Option<String> {
    let path = store.path.as_deref().filter(|_| store.store_type == StoreType::Files)?;
    Some(match RemotePath::of_folder(path) {
        Ok(None) => clean(path),
        Ok(Some(_)) | Err(_) => path.trim_end_matches('/').to_owned(),
    })
}
