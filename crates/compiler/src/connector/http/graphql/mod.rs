//! Lowers `graphql`: the query is read so that what is wrong with it shows before it is sent, and then sent as it was written.
//!
//! Never knows a service's schema: whether a field or a type exists is the service's to say.

mod check;
mod document;
mod lexer;
mod select;
#[cfg(test)]
mod tests;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::connector::RecordFormat;
use raccord_model::language::connector::http::{GraphQl, HttpDataType};
use raccord_model::suggest;
use serde_json::Value;

use self::document::{Document, Operation};
use crate::connector::findings::Findings;
use crate::connector::template::BodyTemplate;

/// Where the query is in the settings of a data type, and where its variables are.
const QUERY: [&str; 2] = ["graphql", "query"];
pub(super) const VARIABLES: [&str; 2] = ["graphql", "variables"];

/// A query with its variables, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphQlBody {
    /// The query, as it is written.
    pub query: String,
    /// Which of its operations is meant.
    pub operation: Option<String>,
    /// The variables, an object.
    pub variables: BodyTemplate,
}

impl GraphQlBody {
    fn of(settings: &GraphQl) -> Self {
        let variables = settings.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        Self {
            query: settings.query.clone(),
            operation: settings.operation.clone(),
            variables: BodyTemplate::new(Value::Object(variables.collect())),
        }
    }

    /// The body of one request. A variable whose value is missing is left out.
    pub(super) fn render(&self, value_of: &dyn Fn(&str) -> Option<Value>) -> Value {
        let query = Value::from(self.query.as_str());
        let operation = self.operation.as_deref().map(|name| ("operationName", Value::from(name)));
        let variables = ("variables", self.variables.render_whole(value_of));
        let members = [("query", query)].into_iter().chain(operation).chain([variables]);
        members.map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
    }
}

/// The path in the body of a request that leads to a variable, or into one.
pub(super) fn variable_path(path: &FieldPath) -> FieldPath {
    let variables = Step::Member("variables".to_owned());
    FieldPath([variables].into_iter().chain(path.0.iter().cloned()).collect())
}

/// Lowers the query of a data type that has one.
pub(super) fn lower(data_type: &HttpDataType, findings: &mut Findings) -> Option<GraphQlBody> {
    let settings = data_type.graphql.as_ref()?;
    check_companions(data_type, findings);
    match document::parse(&settings.query) {
        Err(error) => {
            let finding = Finding::error(&QUERY, Code::InvalidValue, error.message);
            findings.add(finding.help_with(help_with_braces(&settings.query)).within(error.place));
        }
        Ok(document) => {
            check::definitions(&document, findings);
            if let Some(operation) = choose(&document, settings, findings) {
                check::variables(data_type, operation, findings);
                select::check(data_type, &document, operation, findings);
            }
        }
    }
    Some(GraphQlBody::of(settings))
}

/// What is meant by two braces that are no GraphQL.
fn help_with_braces(query: &str) -> Option<String> {
    let (_, after) = query.split_once("{{")?;
    let (name, _) = after.split_once("}}")?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| {
        format!(
            "braces in a query are GraphQL's own; write `${name}` there, and the value under `variables`: \
             `{name}: \"{{{{ {name} }}}}\"`"
        )
    })
}

/// What a query has no room for.
fn check_companions(data_type: &HttpDataType, findings: &mut Findings) {
    if data_type.body.is_some() {
        let message = "`graphql` makes the body of the request; `body` excludes it";
        findings.conflict(&["body"], message);
    }
    if data_type.decode.format != RecordFormat::Json {
        findings.conflict(&["decode"], "the answer to a query in GraphQL is JSON");
    }
    let pagination = data_type.pagination.as_ref();
    let needs_param = pagination.is_some_and(|pages| pages.cursor.is_some() && pages.param.is_none());
    if needs_param {
        findings.error_with_help(
            &["pagination", "param"],
            Code::MissingField,
            "`param` is missing: the variable that takes the cursor".to_owned(),
            "write `param: after`, and `$after: String` into the query",
        );
    }
}

/// The operation that is meant.
fn choose<'d>(document: &'d Document, settings: &GraphQl, findings: &mut Findings) -> Option<&'d Operation> {
    let operations = &document.operations;
    let name_of = |operation: &'d Operation| operation.name.as_ref().map(|name| name.text.as_str());
    let names: Vec<&str> = operations.iter().filter_map(name_of).collect();
    let operation = match (&settings.operation, operations.as_slice()) {
        (_, []) => {
            let message = "the query has fragments alone, and no operation that could be asked for";
            findings.invalid(&QUERY, message);
            return None;
        }
        (None, [one]) => one,
        (None, _) => {
            findings.error_with_help(
                &["graphql"],
                Code::MissingField,
                "`operation` is missing: the query has several operations".to_owned(),
                &format!("name the one that is meant: {}", names.join(", ")),
            );
            return None;
        }
        (Some(wanted), _) => {
            let found = operations.iter().find(|operation| name_of(operation) == Some(wanted));
            let Some(found) = found else {
                let message = format!("the query has no operation `{wanted}`");
                let help = suggest::advice(wanted, &names, "its operations are");
                let finding = Finding::error(&["graphql", "operation"], Code::InvalidValue, message);
                findings.add(finding.help_with(help));
                return None;
            };
            found
        }
    };
    if operation.sort.text != "query" {
        let message = format!("a `{}` reads no records; only a `query` does", operation.sort.text);
        let finding = Finding::error(&QUERY, Code::InvalidValue, message);
        findings.add(finding.within(operation.sort.place));
        return None;
    }
    Some(operation)
}
