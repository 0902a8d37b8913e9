//! Where records are, whatever connector reads them.

use raccord_model::language::connector::http::RecordsPlace;

use super::findings::Findings;

/// Checks that one way to the records is named.
pub(super) fn check(place: &RecordsPlace, findings: &mut Findings) {
    if place.members.is_some() && !place.path.is_whole() {
        findings.conflict(&["records", "members"], "`path` and `members` exclude each other");
    }
}
