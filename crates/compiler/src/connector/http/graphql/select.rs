//! Whether a query selects what is looked for in its answer: the records, the cursor, what says that there are more pages.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::connector::http::{HttpDataType, RecordsPlace};
use raccord_model::suggest;

use super::document::{Document, Operation, Selection};
use crate::connector::findings::Findings;

/// The members of an answer.
const MEMBERS: [&str; 3] = ["data", "errors", "extensions"];

/// What is selected at one place of the answer: a field may be selected several times, by fragments too. An empty list is
/// a value without a selection, which may be anything.
type Selected<'d> = Vec<&'d [Selection]>;

/// Checks the paths of a data type that lead into the answer.
pub(super) fn check(
    data_type: &HttpDataType,
    document: &Document,
    operation: &Operation,
    findings: &mut Findings,
) {
    let answer = Answer { document, root: &operation.body.selections };
    for (place, path) in paths(data_type) {
        if let Err(finding) = answer.find(path) {
            findings.add(finding.under(&place));
        }
    }
    if data_type.records == RecordsPlace::default() {
        findings.error_with_help(
            &["records"],
            Code::MissingField,
            "`records` is missing: an answer in GraphQL is no list".to_owned(),
            "write the path of the list, such as `data.products.nodes` or `data.products.edges[*].node`",
        );
        return;
    }
    match answer.records(&data_type.records) {
        Err(finding) => findings.add(finding.under(&["records"])),
        Ok(record) => {
            let fields = data_type.incremental.iter().filter_map(|since| since.field.as_ref());
            for path in fields.flat_map(|fields| &fields.0) {
                if let Err(finding) = answer.follow(record.clone(), &path.0) {
                    findings.add(finding.under(&["incremental", "field"]));
                }
            }
        }
    }
}

/// The paths that lead into the body of an answer, but for those of the records.
fn paths(data_type: &HttpDataType) -> Vec<([&'static str; 2], &FieldPath)> {
    let pages = data_type.pagination.as_ref();
    let token = data_type.incremental.as_ref().and_then(|since| since.token.as_ref());
    let paths = [
        (["pagination", "cursor"], pages.and_then(|pages| pages.cursor.as_ref()?.body.as_ref())),
        (["pagination", "nextUrl"], pages.and_then(|pages| pages.next_url.as_ref()?.body.as_ref())),
        (["pagination", "while"], pages.and_then(|pages| pages.while_true.as_ref())),
        (["pagination", "until"], pages.and_then(|pages| pages.until.as_ref())),
        (["pagination", "total"], pages.and_then(|pages| pages.total.as_ref()?.path())),
        (["pagination", "pages"], pages.and_then(|pages| pages.pages.as_ref()?.path())),
        (["incremental", "token"], token.and_then(|token| token.body.as_ref())),
    ];
    paths.into_iter().filter_map(|(place, path)| Some((place, path?))).collect()
}

struct Answer<'d> {
    document: &'d Document,
    root: &'d [Selection],
}

impl<'d> Answer<'d> {
    /// What is selected where a path leads; the finding has no path yet.
    fn find(&self, path: &FieldPath) -> Result<Selected<'d>, Finding> {
        match path.0.split_first() {
            Some((Step::Member(name), rest)) if name == "data" => self.follow(vec![self.root], rest),
            Some((Step::Member(name), _)) if MEMBERS.contains(&name.as_str()) => Ok(vec![&[]]),
            // The whole of it has a finding of its own.
            None => Ok(vec![&[]]),
            Some(_) => {
                let message =
                    format!("`{path}` is not in the answer: it has `data`, `errors` and `extensions`");
                let finding = Finding::error::<&str>(&[], Code::InvalidValue, message);
                Err(finding.help(format!("write `data.{path}`")))
            }
        }
    }

    /// What is selected of a record.
    fn records(&self, place: &RecordsPlace) -> Result<Selected<'d>, Finding> {
        let (outermost, inner) = place.lists();
        let mut selected = self.find(outermost)?;
        for path in inner {
            selected = self.follow(selected, &path.0)?;
        }
        Ok(selected)
    }

    /// Follows a path from what is selected.
    fn follow(&self, from: Selected<'d>, path: &[Step]) -> Result<Selected<'d>, Finding> {
        let mut selected = from;
        for step in path {
            // An element of a list has the selection of the list.
            let Step::Member(name) = step else { continue };
            if selected.iter().any(|selections| selections.is_empty()) {
                return Ok(vec![&[]]);
            }
            let mut fields = Vec::new();
            for selections in &selected {
                self.fields(selections, &mut Vec::new(), &mut fields);
            }
            let next: Selected<'d> =
                fields.iter().filter(|(key, _)| key == name).map(|(_, inner)| *inner).collect();
            if next.is_empty() {
                let known: Vec<&str> = fields.iter().map(|(key, _)| *key).collect();
                let help = suggest::advice(name, &known, "what it selects there is");
                let message = format!("the query does not select `{name}`");
                return Err(Finding::error::<&str>(&[], Code::InvalidValue, message).help_with(help));
            }
            selected = next;
        }
        Ok(selected)
    }

    /// The fields of a selection by their names in the answer, those of fragments among them.
    fn fields(
        &self,
        selections: &'d [Selection],
        passed: &mut Vec<&'d str>,
        fields: &mut Vec<(&'d str, &'d [Selection])>,
    ) {
        for selection in selections {
            match selection {
                Selection::Field(key, inner) => fields.push((key, inner)),
                Selection::Inline(inner) => self.fields(inner, passed, fields),
                Selection::Spread(name) => {
                    // Each once: fragments that take each other would never end.
                    let fragment = self.document.fragments.iter().find(|known| known.name.text == *name);
                    if let Some(fragment) = fragment.filter(|_| !passed.contains(&name.as_str())) {
                        passed.push(name);
                        self.fields(&fragment.body.selections, passed, fields);
                    }
                }
            }
        }
    }
}
