//! Where records are, whatever connector reads them.

use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::records::{MissingList, RecordsPlace};

use super::findings::Findings;
use crate::select::RecordList;

/// Where the records are in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extractor {
    /// The path of the outermost list, or of the object.
    pub records: FieldPath,
    /// The paths of the lists in the elements of the list before.
    pub inner: Vec<FieldPath>,
    /// Where the record is in each element of the last list, when that is not the record itself.
    pub within: Option<FieldPath>,
    /// Whether an object stands there whose members are the records.
    pub members: bool,
    /// Whether an answer without it has no records, instead of being wrong.
    pub may_be_missing: bool,
}

impl Extractor {
    /// Where the settings say that records are.
    pub(super) fn of(place: &RecordsPlace) -> Self {
        let (records, inner) = place.lists();
        Self {
            records: records.clone(),
            inner: inner.to_vec(),
            within: None,
            members: place.members.is_some(),
            may_be_missing: place.missing == MissingList::Empty,
        }
    }

    /// The same, where a list of edges has each record in its `node`, and no further list there.
    #[must_use]
    pub(super) fn of_edges(mut self) -> Self {
        self.within = self.inner.pop_if(|path| *path == FieldPath::member("node"));
        self
    }

    /// What splits the list into records.
    pub fn list(&self) -> RecordList {
        let list = RecordList::new(&self.inner, self.members, self.may_be_missing);
        match &self.within {
            Some(path) => list.within(path),
            None => list,
        }
    }
}

/// Checks that one way to the records is named.
pub(super) fn check(place: &RecordsPlace, findings: &mut Findings) {
    if place.members.is_some() && !place.path.is_whole() {
        findings.conflict(&["records", "members"], "`path` and `members` exclude each other");
    }
}
