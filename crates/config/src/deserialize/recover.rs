//! All mistakes of one document at once: each is mended or taken out in a copy, and the rest read again.
//!
//! What is misspelt is read on as what was probably meant, so that what stands below it is read too. What else is wrong
//! is taken out. A required member that is missing, or that was taken out, is replaced by a stand-in, so that the
//! mistakes after it are found. Mistakes that only follow from this are not reported.

use raccord_model::diagnostic::Code;
use raccord_model::language::connector::catalogue;
use serde::Deserialize;

use super::failure::{Meant, Parts};
use super::tagged::CONNECTOR;
use super::value::STAND_INS;
use super::{Failure, NodeDeserializer, Variables};
use crate::node::{Entry, Node, Value};
use crate::parse::Problem;

/// How many mistakes of one document are reported.
const MAX_MISTAKES: usize = 100;
/// How often one document is read; a stand-in may take several attempts.
const MAX_ATTEMPTS: usize = 4 * MAX_MISTAKES;

/// A mistake, its place and its path.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) problem: Problem,
    pub(crate) path: Vec<String>,
}

/// A document with mistakes.
#[derive(Debug)]
pub(crate) struct Wrong<'t, T> {
    /// The mistakes; their paths lead through `named`.
    pub(crate) mistakes: Vec<Mistake>,
    /// The document as written, with what was meant in the place of what is misspelt; none when nothing is.
    pub(crate) named: Option<Node<'t>>,
    /// What it says then, when nothing else is wrong with it.
    pub(crate) meant: Option<T>,
}

/// Reads a document as a type of the language.
pub(crate) fn read<'de, 't, T: Deserialize<'de>>(
    root: &Node<'t>,
    variables: &Variables,
) -> Result<T, Box<Wrong<'t, T>>> {
    let mut failure = match T::deserialize(NodeDeserializer::new(root, None, variables)) {
        Ok(value) => return Ok(value),
        Err(failure) => failure,
    };
    let mut recovery = Recovery::of(root);
    let mut meant = None;
    for _ in 0..MAX_ATTEMPTS {
        let goes_on = recovery.take(failure);
        if !goes_on || recovery.mistakes.len() >= MAX_MISTAKES {
            break;
        }
        failure = match T::deserialize(NodeDeserializer::new(&recovery.tree, None, variables)) {
            Ok(value) => {
                meant = recovery.is_whole.then_some(value);
                break;
            }
            Err(failure) => failure,
        };
    }
    let named = recovery.is_mended.then_some(recovery.named);
    Err(Box::new(Wrong { mistakes: recovery.mistakes, named, meant }))
}

struct Recovery<'t> {
    /// What is read: mended, pruned, with stand-ins.
    tree: Node<'t>,
    /// What was written, mended alone.
    named: Node<'t>,
    mistakes: Vec<Mistake>,
    pruned: Vec<Vec<String>>,
    /// Whether anything was mended.
    is_mended: bool,
    /// Whether mending was enough for all mistakes so far.
    is_whole: bool,
}

impl<'t> Recovery<'t> {
    fn of(root: &Node<'t>) -> Self {
        Self {
            tree: root.clone(),
            named: root.clone(),
            mistakes: Vec::new(),
            pruned: Vec::new(),
            is_mended: false,
            is_whole: true,
        }
    }

    /// Records a failure and changes the tree so that it does not happen again. False when nothing is left to change.
    fn take(&mut self, failure: Failure) -> bool {
        let Parts { code, message, help, span, path, is_missing, meant } = failure.into_parts();
        if let Some(at) = self.stand_in_on(&path) {
            return self.retry_stand_in(path.get(..at).unwrap_or_default(), is_missing.then_some(&path));
        }
        let is_consequence = if is_missing {
            self.pruned.iter().any(|pruned| path.starts_with(pruned))
        } else {
            self.pruned.iter().any(|pruned| pruned.len() > path.len() && pruned.starts_with(&path))
        };
        if !is_consequence {
            let span = span.unwrap_or_else(|| self.tree.locate(&path));
            let problem = Problem { span, code, message, help };
            self.mistakes.push(Mistake { problem, path: path.clone() });
        }
        if meant.is_some_and(|meant| self.mend(&path, meant)) {
            return true;
        }
        self.is_whole = false;
        if path.last().is_some_and(|last| last == CONNECTOR) && (is_missing || code == Code::UnknownConnector)
        {
            return self.pass_over_settings(path);
        }
        let value = if is_missing { Value::StandIn(0) } else { Value::Pruned };
        let changed = self.put(&path, value);
        // Under its wrong name the member is there: it is not missing, too.
        if let (Some(Meant::Name(right)), Some((_, parent))) = (meant, path.split_last()) {
            self.pruned.push(below(parent, right));
        }
        self.pruned.push(path);
        changed
    }

    /// Puts what was meant in the place of what is misspelt. False when the member that was meant is there already.
    fn mend(&mut self, path: &[String], meant: Meant) -> bool {
        let right = match (meant, path.split_last()) {
            (Meant::Value(_) | Meant::Bare, _) => path.to_vec(),
            (Meant::Name(name), Some((_, parent))) => below(parent, name),
            (Meant::Name(_), None) => return false,
        };
        let is_free = path == right || self.tree.find(&right).is_none();
        let is_mended = is_free && mend(&mut self.tree, path, meant) && mend(&mut self.named, path, meant);
        self.is_mended |= is_mended;
        is_mended
    }

    /// Nothing can be said about the settings of a connector that is not known; the rest of the source is read on. That
    /// connector is taken which allows all that any of them does.
    fn pass_over_settings(&mut self, connector: Vec<String>) -> bool {
        let Some((_, source)) = connector.split_last() else { return false };
        let settings = below(source, "config");
        let Some(any) = catalogue().into_iter().find(|connector| connector.has_webhooks) else {
            return false;
        };
        let name = Value::Scalar { text: any.name.into(), plain: false };
        let changed = self.put(&settings, Value::Pruned) && self.put(&connector, name);
        self.pruned.extend([settings, connector]);
        changed
    }

    /// How many steps of a path lead to a stand-in, when it passes one.
    fn stand_in_on(&self, path: &[String]) -> Option<usize> {
        (0..=path.len()).find(|&length| {
            let node = self.tree.find(path.get(..length).unwrap_or_default());
            node.is_some_and(|node| matches!(node.value, Value::StandIn(_)))
        })
    }

    /// The next text for a stand-in; after the last one the value around it is given up.
    fn retry_stand_in(&mut self, path: &[String], missing: Option<&Vec<String>>) -> bool {
        if let Some(missing) = missing {
            // A stand-in for a map that has required members of its own: it becomes that map.
            let span = self.tree.span;
            if let Some(node) = find_mut(&mut self.tree, path) {
                node.value = Value::Map(Vec::new());
                node.span = span;
            }
            self.pruned.push(missing.clone());
            return self.put(missing, Value::StandIn(0));
        }
        let Some(Node { value: Value::StandIn(at), .. }) = find_mut(&mut self.tree, path) else {
            return false;
        };
        *at += 1;
        if *at < STAND_INS.len() {
            return true;
        }
        let Some((_, parent)) = path.split_last() else { return false };
        let parent = parent.to_vec();
        self.pruned.push(path.to_vec());
        let changed = self.put(&parent, Value::Pruned);
        self.pruned.push(parent);
        changed
    }

    /// Puts a value at a path, adding the last step when it is missing. False at the root.
    fn put(&mut self, path: &[String], value: Value<'static>) -> bool {
        let Some((last, parent)) = path.split_last() else { return false };
        if let Some(node) = find_mut(&mut self.tree, path) {
            node.value = value;
            return true;
        }
        let Some(parent) = find_mut(&mut self.tree, parent) else { return false };
        let span = parent.span;
        let Value::Map(entries) = &mut parent.value else { return false };
        entries.push(Entry { key: last.clone().into(), key_span: span, node: Node { value, span } });
        true
    }
}

fn below(parent: &[String], step: &str) -> Vec<String> {
    [parent, &[step.to_owned()]].concat()
}

/// Puts what was meant in the place of what is misspelt in one tree.
fn mend(tree: &mut Node<'_>, path: &[String], meant: Meant) -> bool {
    match (meant, path.split_last()) {
        (Meant::Value(_) | Meant::Bare, _) => {
            let Some(Node { value: Value::Scalar { text, plain }, .. }) = find_mut(tree, path) else {
                return false;
            };
            if let Meant::Value(right) = meant {
                *text = right.into();
            }
            *plain = true;
            true
        }
        (Meant::Name(right), Some((last, parent))) => {
            let Some(Node { value: Value::Map(entries), .. }) = find_mut(tree, parent) else { return false };
            let Some(entry) = entries.iter_mut().find(|entry| entry.key == *last) else { return false };
            entry.key = right.into();
            true
        }
        (Meant::Name(_), None) => false,
    }
}

fn find_mut<'n, 't>(root: &'n mut Node<'t>, path: &[String]) -> Option<&'n mut Node<'t>> {
    path.iter().try_fold(root, |node, step| match &mut node.value {
        Value::Seq(items) => step.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
        Value::Map(entries) => {
            entries.iter_mut().find(|entry| entry.key == *step).map(|entry| &mut entry.node)
        }
        Value::Scalar { .. } | Value::Pruned | Value::StandIn(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use raccord_model::language::{Document, TransferSpec};

    use super::*;
    use crate::split::split;

    fn mistakes(text: &str) -> Vec<String> {
        let chunk = split(text).remove(0);
        let root = crate::parse::parse(&chunk).root.unwrap();
        let Err(wrong) = read::<Document<TransferSpec>>(&root, &Variables::new()) else { return Vec::new() };
        let tree = wrong.named.as_ref().unwrap_or(&root);
        let told = wrong.mistakes.iter().map(|mistake| {
            let Problem { span, code, .. } = &mistake.problem;
            format!("{code}@{}:{} {}", span.line, span.column, tree.path_text(&mistake.path))
        });
        told.chain(wrong.meant.is_some().then(|| "meant".to_owned())).collect()
    }

    #[test]
    fn every_mistake_is_found_and_no_consequence_of_one() {
        let text = "\
apiVersion: raccord/v1
kind: Transfer
metadata: {nam: a}
spec:
  to: contact
  schedul: 15m
  active: yes
  mapping:
    fields:
      a: {from: a, transform: [trimm, {truncate: x}, {replace: {find: a}}]}
  deletes: {snapshot: {maxShare: 200%}}
";
        let expected = [
            "unknown-field@3:12 metadata.nam",
            "invalid-value@5:7 spec.to",
            "unknown-field@6:3 spec.schedul",
            "wrong-type@7:11 spec.active",
            "invalid-value@10:32 spec.mapping.fields.a.transform[0]",
            "wrong-type@10:50 spec.mapping.fields.a.transform[1].truncate",
            "missing-field@10:55 spec.mapping.fields.a.transform[2].replace.with",
            "invalid-value@11:34 spec.deletes.snapshot.maxShare",
            "missing-field@4:1 spec.source",
        ];
        assert_eq!(mistakes(text), expected);
    }

    #[test]
    fn an_empty_document_misses_all_its_required_fields() {
        let expected = ["missing-field@1:1 kind", "missing-field@1:1 metadata", "missing-field@1:1 spec"];
        assert_eq!(mistakes("apiVersion: raccord/v1"), expected);
    }
}
