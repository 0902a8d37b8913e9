//! Paths of a mapping that no record of a reading had: a member that the service renamed, or one that the mapping
//! misspells. Pure.
//!
//! A path that feeds a field together with others counts where everything is read and the last complete reading had it:
//! in a few records that changed, one of several may be missing for no reason.
//!
//! While a path was not seen, the destination keeps the values that rows have of its fields and counts them. At the end of the
//! window either the path was seen after all, and the window is read once more for those rows; or it was not, and a
//! person has to agree that the values go.

use std::collections::BTreeSet;

use raccord_compiler::mapping::Program;
use raccord_model::checkpoint::Window;
use raccord_model::fact::{Hold, Observed};
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

/// What is known before a reading.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The paths that the last complete reading had, of those that feed a field together with others; none where the
    /// reading is of changes alone.
    pub seen: &'a [String],
    /// What a person has approved.
    pub approved: Option<&'a Hold>,
}

impl<'a> Known<'a> {
    /// What is known of a transfer, for a reading of everything or of changes.
    pub fn of(fact: &'a Observed, reads_everything: bool) -> Self {
        let seen = if reads_everything { fact.seen.as_slice() } else { &[] };
        Self { seen, approved: fact.approved.as_ref() }
    }
}

/// The fields that must not lose values for want of these paths, in ascending order. What a person has approved may.
pub fn suspects(program: &Program, unseen: Option<&[String]>, known: Known<'_>) -> Vec<FieldId> {
    let unseen = unseen.unwrap_or_default();
    let mut suspects = program.suspects(unseen, known.seen);
    if let Some(Hold::Vanished { vanished, .. }) = known.approved {
        suspects
            .retain(|field| !missed(program, *field, unseen, known).iter().all(|it| vanished.contains(it)));
    }
    suspects
}

/// The paths for want of which a field is suspect: all that it has, or those that records are known to have had.
fn missed(program: &Program, field: FieldId, unseen: &[String], known: Known<'_>) -> Vec<String> {
    let paths: Vec<String> = program.paths_of(field).collect();
    let is_whole = paths.iter().all(|path| unseen.contains(path));
    paths.into_iter().filter(|path| is_whole || unseen.contains(path) && known.seen.contains(path)).collect()
}

/// What a window says that was read to its end.
pub fn judge(program: &Program, window: &Window, known: Known<'_>) -> Verdict {
    if window.kept.is_empty() {
        return Verdict::Fine;
    }
    let unseen = window.unseen.as_deref();
    let suspects = suspects(program, unseen, known);
    if window.kept.keys().any(|field| !suspects.contains(field)) {
        return Verdict::ReadAgain;
    }
    let unseen = unseen.unwrap_or_default();
    let vanished: BTreeSet<String> =
        window.kept.keys().flat_map(|field| missed(program, *field, unseen, known)).collect();
    let values = window.kept.values().sum();
    Verdict::Vanished(Hold::Vanished { vanished: vanished.into_iter().collect(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a few records that changed, one of several paths may be missing for no reason.
    #[test]
    fn what_records_had_counts_where_everything_is_read() {
        let fact = Observed { seen: vec!["last".to_owned()], ..Observed::default() };
        assert_eq!(Known::of(&fact, true).seen, ["last"]);
        assert!(Known::of(&fact, false).seen.is_empty());
    }
}
