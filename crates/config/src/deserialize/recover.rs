//! All mistakes of one document at once: what is wrong is taken out of a copy, and the rest read again.
//!
//! A required member that is missing, or that was taken out, is replaced by a stand-in, so that the
//! mistakes after it are found too. Mistakes that only follow from this are not reported.

use serde::Deserialize;

use super::failure::Parts;
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

/// Reads a document as a type of the language.
pub(crate) fn read<'de, T: Deserialize<'de>>(
    root: &Node<'_>,
    variables: &Variables,
) -> Result<T, Vec<Mistake>> {
    let failure = match T::deserialize(NodeDeserializer::new(root, None, variables)) {
        Ok(value) => return Ok(value),
        Err(failure) => failure,
    };
    let mut recovery = Recovery { tree: root.clone(), mistakes: Vec::new(), pruned: Vec::new() };
    let mut failure = Some(failure);
    for _ in 0..MAX_ATTEMPTS {
        let Some(current) = failure.take() else { break };
        let goes_on = recovery.take(current);
        if !goes_on || recovery.mistakes.len() >= MAX_MISTAKES {
            break;
        }
        failure = T::deserialize(NodeDeserializer::new(&recovery.tree, None, variables)).err();
    }
    Err(recovery.mistakes)
}

struct Recovery<'t> {
    tree: Node<'t>,
    mistakes: Vec<Mistake>,
    pruned: Vec<Vec<String>>,
}

impl Recovery<'_> {
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
        let value = if is_missing { Value::StandIn(0) } else { Value::Pruned };
        let changed = self.put(&path, value);
        // Under its wrong name the member is there: it is not missing, too.
        let right = meant.zip(path.split_last());
        let right = right.map(|(meant, (_, parent))| [parent, &[meant.to_owned()]].concat());
        self.pruned.push(path);
        self.pruned.extend(right);
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
        let found = read::<Document<TransferSpec>>(&root, &Variables::new()).err().unwrap_or_default();
        found
            .iter()
            .map(|mistake| {
                let Problem { span, code, .. } = &mistake.problem;
                format!("{code}@{}:{} {}", span.line, span.column, root.path_text(&mistake.path))
            })
            .collect()
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
