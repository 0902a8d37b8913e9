//! Paths of a mapping that no record of a reading had: a member that the service renamed, or one that the mapping
//! misspells. Pure.
//!
//! While a path was not seen, the sink keeps the values that rows have of its fields and counts them. At the end of the
//! window either the path was seen after all, and the window is read once more for those rows; or it was not, and a
//! person has to agree that the values go.

use std::collections::BTreeSet;

use raccord_compiler::mapping::Program;
use raccord_model::checkpoint::Window;
use raccord_model::fact::Hold;
use raccord_model::row::FieldId;

/// What the end of a window says about the paths that its records had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was kept for want of a path.
    Fine,
    /// Values were kept for want of a path that later records had.
    ReadAgain,
    /// Values were kept, and no record had their path.
    Vanished(Hold),
}

/// The paths that no record had so far, after one more page; a page without records says nothing.
pub fn narrow(known: Option<Vec<String>>, page: Option<Vec<String>>) -> Option<Vec<String>> {
    match (known, page) {
        (Some(known), Some(page)) => Some(known.into_iter().filter(|path| page.contains(path)).collect()),
        (known, page) => known.or(page),
    }
}

/// The fields that must not lose values for want of these paths, in ascending order. What a person has approved may.
pub fn suspects(program: &Program, unseen: Option<&[String]>, approved: Option<&Hold>) -> Vec<FieldId> {
    let mut suspects = program.suspects(unseen.unwrap_or_default());
    if let Some(Hold::Vanished { vanished, .. }) = approved {
        suspects.retain(|field| !program.paths_of(*field).all(|path| vanished.contains(&path)));
    }
    suspects
}

/// What a window says that was read to its end.
pub fn judge(program: &Program, window: &Window, approved: Option<&Hold>) -> Verdict {
    if window.kept.is_empty() {
        return Verdict::Fine;
    }
    let suspects = suspects(program, window.unseen.as_deref(), approved);
    if window.kept.keys().any(|field| !suspects.contains(field)) {
        return Verdict::ReadAgain;
    }
    let vanished: BTreeSet<String> =
        window.kept.keys().flat_map(|field| program.paths_of(*field).collect::<Vec<_>>()).collect();
    let values = window.kept.values().sum();
    Verdict::Vanished(Hold::Vanished { vanished: vanished.into_iter().collect(), values })
}
