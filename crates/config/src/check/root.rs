//! Paths that are relative to the root of the configuration: without a Stack, and with directories side by side, it is not said
//! which of them that is. Nothing is looked up on the disk.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::file::RemotePath;

use super::CheckContext;
use crate::node::{Node, Value};
use crate::resolve::is_absolute;

/// What the place of depends on which directory is meant: the first of it, with the number of its document.
pub(super) fn check(scene: CheckContext<'_, '_>) -> Option<(usize, Finding)> {
    let [first, others @ ..] = scene.beside else { return None };
    if !scene.all.stacks.is_empty() || scene.all.may_have_stack() {
        return None;
    }
    let (at, path) = of_stores(scene).or_else(|| of_secrets(scene))?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let message = format!(
        "the path is relative to the root of the configuration, and that may be {first} or {}: `-f` names them side by side",
        others.join(" or ")
    );
    let help = format!(
        "write a document of `kind: Stack` into the directory that is meant, so far {first}, which was named first; or name one \
         directory that holds them all"
    );
    Some((at, Finding::error(&path, Code::AmbiguousRoot, message).help(help)))
}

fn of_stores(scene: CheckContext<'_, '_>) -> Option<(usize, Vec<String>)> {
    let is_relative = |path: &str| matches!(RemotePath::of(path), Ok(None)) && !is_absolute(path);
    let mut projects = scene.all.projects.values();
    let held = projects.find(|held| held.spec.store.path.as_deref().is_some_and(is_relative))?;
    Some((held.at, ["spec", "store", "path"].map(str::to_owned).into()))
}

fn of_secrets(scene: CheckContext<'_, '_>) -> Option<(usize, Vec<String>)> {
    scene.documents.iter().enumerate().find_map(|(at, document)| {
        let mut path = Vec::new();
        leads_to_file(&document.root, &mut path).then_some((at, path))
    })
}

/// Whether a reference to a file that is named by a relative path stands in a node, and where.
fn leads_to_file(node: &Node<'_>, path: &mut Vec<String>) -> bool {
    let mut step = |name: String, child: &Node<'_>| {
        path.push(name);
        let found = leads_to_file(child, path);
        if !found {
            path.pop();
        }
        found
    };
    match &node.value {
        Value::Scalar { text, .. } => text.strip_prefix("${file:").is_some_and(|path| !is_absolute(path)),
        Value::Seq(items) => items.iter().enumerate().any(|(at, item)| step(at.to_string(), item)),
        Value::Map(entries) => entries.iter().any(|entry| step(entry.key.to_string(), &entry.node)),
        Value::Pruned | Value::StandIn(_) => false,
    }
}
