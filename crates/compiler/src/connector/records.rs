//! Where records are, whatever connector reads them.

use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::records::{MissingList, RecordsPlace};

use super::findings::Findings;
use crate::envelope;
use crate::select::{Found, RecordList, Standing};

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

    /// Checks that records can stand where they were looked for in a document, which `what` names: an answer, a file. The error
    /// says in words what stands there, and what to write.
    pub fn expect(&self, what: &str, document: &[u8], found: &Found<'_>) -> Result<(), String> {
        let path = &self.records;
        let advised = |instead: String| match envelope::advice(what, document, path) {
            Some(advice) => format!("; {advice}"),
            None => instead,
        };
        let no_list = format!("`records: {path}` leads to no list in the {what}");
        match found.standing {
            Standing::List if self.members => {
                Err(format!("`records: {{members: {path}}}` leads to a list, and not to an object"))
            }
            Standing::List => Ok(()),
            Standing::Object if self.members || found.has_records() => Ok(()),
            Standing::Object => {
                let name = found.odd_member(document).unwrap_or_default();
                let help = advised(format!(
                    "; where its members are the records, write `records: {{members: {path}}}`"
                ));
                Err(format!(
                    "{no_list}, but to an object, and its member `{name}` is none: only an object of objects stands for a list{help}"
                ))
            }
            Standing::Absent | Standing::Null if self.may_be_missing => Ok(()),
            Standing::Absent | Standing::Null => {
                let help = advised(format!(
                    "; if an empty list is left out, write `records: {{path: {path}, missing: empty}}`"
                ));
                Err(no_list + &help)
            }
            Standing::Scalar => Err(no_list + &advised(String::new())),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::select::Selector;

    /// What is said of a document; nothing where records can stand there.
    #[track_caller]
    fn check(place: &serde_json::Value, document: &str, expected: &str) {
        let extractor = Extractor::of(&serde_json::from_value(place.clone()).unwrap());
        let mut found = Found::default();
        Selector::new([]).with_list(&extractor.records).select(document.as_bytes(), &mut found).unwrap();
        let said = extractor.expect("file", document.as_bytes(), &found).err().unwrap_or_default();
        assert_eq!(said, expected, "{place} {document}");
    }

    #[test]
    fn an_object_stands_for_a_list_when_all_its_members_are_objects() {
        const NONE: &str = "is none: only an object of objects stands for a list";
        let whole = json!("$");
        check(&whole, r#"[{"id":1},7]"#, "");
        check(&whole, r#"{"7":{"id":7},"8":{"id":8}}"#, "");
        check(&whole, "{}", "");
        let envelope = format!(
            "`records: $` leads to no list in the file, but to an object, and its member `items` {NONE}; \
             the file has a list of 2 objects at `items`: write `records: items`"
        );
        check(&whole, r#"{"meta":{"id":"page-1"},"items":[{"id":1},{"id":2}]}"#, &envelope);
        let below = format!(
            "`records: data` leads to no list in the file, but to an object, and its member `items` {NONE}; \
             the file has a list of 1 object at `data.items`: write `records: data.items`"
        );
        check(&json!("data"), r#"{"data":{"items":[{"id":1}],"cursor":{"id":"c"}}}"#, &below);
        let record = format!(
            "`records: $` leads to no list in the file, but to an object, and its member `a \"b\"` {NONE}; \
             where its members are the records, write `records: {{members: $}}`"
        );
        check(&whole, r#"{"in":{}, "a \"b\"" : 7}"#, &record);
        check(&json!({"members": "$"}), r#"{"EUR":1,"USD":{"rate":2}}"#, "");
        let list = "`records: {members: $}` leads to a list, and not to an object";
        check(&json!({"members": "$"}), "[]", list);
        let missing = "`records: d` leads to no list in the file; \
            if an empty list is left out, write `records: {path: d, missing: empty}`";
        check(&json!("d"), r#"{"d":null}"#, missing);
        check(&json!({"path": "d", "missing": "empty"}), "{}", "");
        check(
            &json!({"path": "d", "missing": "empty"}),
            r#"{"d":7}"#,
            "`records: d` leads to no list in the file",
        );
    }
}
