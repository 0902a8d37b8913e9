//! Whether a query goes with itself and with what it is given: fragments, and variables that are declared, used and fed.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::Step;
use raccord_model::language::connector::http::{HttpDataType, Parameter};
use raccord_model::suggest;
use serde_json::Value;

use super::document::{Body, Document, Operation, Word};
use super::{QUERY, VARIABLES};
use crate::connector::findings::Findings;
use crate::connector::template::BodyTemplate;

/// Checks what every service checks before it answers: names that stand for nothing, and those that nothing uses.
pub(super) fn definitions(document: &Document, findings: &mut Findings) {
    for operation in &document.operations {
        let reached = reached(document, &operation.body);
        let declared: Vec<&str> = operation.variables.iter().map(|known| known.name.text.as_str()).collect();
        for used in reached.iter().flat_map(|body| &body.uses) {
            if !declared.contains(&used.text.as_str()) {
                let message = format!("the variable `${}` is used, but not declared", used.text);
                let help = suggest::nearest(&used.text, declared.iter().copied())
                    .map_or_else(|| declare(operation, used), |near| format!("did you mean `${near}`?"));
                add(findings, used, message, Some(help));
            }
        }
        let used = |name: &str| reached.iter().flat_map(|body| &body.uses).any(|word| word.text == name);
        for variable in operation.variables.iter().filter(|variable| !used(&variable.name.text)) {
            let name = &variable.name;
            let message = format!("the variable `${}` is declared, but not used", name.text);
            add(findings, name, message, Some("take it away: services refuse it".to_owned()));
        }
    }
    fragments(document, findings);
}

/// Where a variable would be declared.
fn declare(operation: &Operation, used: &Word) -> String {
    let sort = &operation.sort.text;
    let name = operation.name.as_ref().map(|name| format!(" {}", name.text)).unwrap_or_default();
    format!("declare it with its type: `{sort}{name}(${}: String)`", used.text)
}

fn fragments(document: &Document, findings: &mut Findings) {
    let known: Vec<&str> = document.fragments.iter().map(|fragment| fragment.name.text.as_str()).collect();
    let bodies = document.operations.iter().map(|operation| &operation.body);
    let all = bodies.clone().chain(document.fragments.iter().map(|fragment| &fragment.body));
    for spread in all.flat_map(|body| &body.spreads).filter(|word| !known.contains(&word.text.as_str())) {
        let help = suggest::advice(&spread.text, &known, "its fragments are");
        add(findings, spread, format!("the query has no fragment `{}`", spread.text), help);
    }
    let reached: Vec<&Body> = bodies.flat_map(|body| reached(document, body)).collect();
    for fragment in &document.fragments {
        if !reached.iter().any(|body| std::ptr::eq(*body, &raw const fragment.body)) {
            let message = format!("nothing takes the fragment `{}`", fragment.name.text);
            add(findings, &fragment.name, message, Some("take it away: services refuse it".to_owned()));
        }
    }
}

/// A body and those of all fragments that it takes, directly or through others, each once.
fn reached<'d>(document: &'d Document, body: &'d Body) -> Vec<&'d Body> {
    let mut reached = vec![body];
    let mut at = 0;
    while let Some(body) = reached.get(at).copied() {
        at += 1;
        for spread in &body.spreads {
            let fragment = document.fragments.iter().find(|fragment| fragment.name.text == spread.text);
            if let Some(fragment) = fragment
                && !reached.iter().any(|known| std::ptr::eq(*known, &raw const fragment.body))
            {
                reached.push(&fragment.body);
            }
        }
    }
    reached
}

fn add(findings: &mut Findings, word: &Word, message: String, help: Option<String>) {
    let finding = Finding::error(&QUERY, Code::InvalidValue, message).help_with(help);
    findings.add(finding.within(word.place));
}

/// What gives a variable its value.
struct Feed<'s> {
    variable: &'s str,
    /// Where it stands in the settings of the data type.
    path: Vec<&'s str>,
    /// Why a request may have no value for it.
    gap: Option<&'static str>,
}

/// Checks that each value goes into a variable that the operation declares, and that each variable that needs one has one.
pub(super) fn variables(data_type: &HttpDataType, operation: &Operation, findings: &mut Findings) {
    let feeds = feeds(data_type);
    let declared: Vec<&str> = operation.variables.iter().map(|known| known.name.text.as_str()).collect();
    for (at, feed) in feeds.iter().enumerate() {
        let name = feed.variable;
        let known = operation.variables.iter().find(|known| known.name.text == name);
        let Some(known) = known else {
            let message = format!("the query declares no variable `${name}`");
            let help = suggest::advice(name, &declared, "its variables are");
            let help = help.or_else(|| Some(format!("declare it with its type: `query(${name}: String)`")));
            let finding = Finding::error(&feed.path, Code::InvalidValue, message).help_with(help);
            findings.add(if feed.path.last() == Some(&name) { finding.about_name() } else { finding });
            continue;
        };
        if let Some(gap) = feed.gap.filter(|_| known.is_required) {
            let type_name = &known.type_name;
            let message = format!("{gap}, but the query wants one: `${name}: {type_name}`");
            let nullable = type_name.trim_end_matches('!');
            let help = format!("declare `${name}: {nullable}`");
            findings.add(Finding::error(&feed.path, Code::ConflictingFields, message).help(help));
        }
        if let Some(first) = feeds.iter().take(at).find(|first| first.variable == name) {
            let message = format!("`${name}` has a value already, by `{}`", first.path.join("."));
            findings.conflict(&feed.path, message);
        }
    }
    let is_fed = |name: &str| feeds.iter().any(|feed| feed.variable == name);
    for variable in &operation.variables {
        let name = &variable.name.text;
        if variable.is_required && !is_fed(name) {
            findings.error_with_help(
                &VARIABLES,
                Code::MissingField,
                format!("the query wants a value for `${name}: {}`, and none is given", variable.type_name),
                &format!("write `{name}: VALUE` under `variables`, or name it where a value comes from, as in `size: {{{name}: 100}}`"),
            );
        }
    }
}

/// All that gives a variable its value, the first of each being the one in `variables`.
fn feeds(data_type: &HttpDataType) -> Vec<Feed<'_>> {
    const NO_CURSOR: &str = "the first page is asked for without a cursor";
    const NO_SINCE: &str = "without `initial` the first run asks from no value on";
    let incremental = data_type.incremental.as_ref();
    let no_since = incremental.filter(|since| since.initial.is_none()).map(|_| NO_SINCE);
    let variables = data_type.graphql.iter().flat_map(|settings| &settings.variables);
    let mut feeds: Vec<Feed<'_>> = variables
        .map(|(name, value)| {
            let names = names(value);
            let takes = |wanted: &str| names.iter().any(|name| name == wanted);
            let gap = if takes("cursor") { Some(NO_CURSOR) } else { no_since.filter(|_| takes("since")) };
            Feed { variable: name, path: vec!["graphql", "variables", name], gap }
        })
        .collect();
    let pages = data_type.pagination.as_ref();
    let parameters = [
        (["pagination", "page"], pages.and_then(|pages| pages.page.as_ref()), None),
        (["pagination", "offset"], pages.and_then(|pages| pages.offset.as_ref()), None),
        (["pagination", "param"], pages.and_then(|pages| pages.param.as_ref()), Some(NO_CURSOR)),
        (["incremental", "param"], incremental.and_then(|since| since.param.as_ref()), no_since),
    ];
    for (path, parameter, gap) in parameters {
        // A member of a variable may be missing where the variable is not.
        if let Some((variable, is_whole)) = parameter.and_then(variable_of) {
            feeds.push(Feed { variable, path: path.to_vec(), gap: gap.filter(|_| is_whole) });
        }
    }
    let sizes = data_type.pagination.iter().flat_map(|pages| pages.size.keys());
    feeds.extend(sizes.map(|name| {
        let variable = name.split(['.', '[']).next().unwrap_or(name);
        Feed { variable, path: vec!["pagination", "size", name], gap: None }
    }));
    feeds
}

/// The variable that a parameter names, and whether it takes the whole of it.
fn variable_of(parameter: &Parameter) -> Option<(&str, bool)> {
    match (&parameter.variable, &parameter.query) {
        (Some(path), _) => match path.0.first()? {
            Step::Member(name) => Some((name, path.0.len() == 1)),
            Step::Element(_) => None,
        },
        (None, Some(name)) if name.is_empty() => None,
        (None, Some(name)) => Some((name.split(['.', '[']).next()?, !name.contains(['.', '[']))),
        (None, None) => None,
    }
}

/// The names that a value takes.
fn names(value: &Value) -> Vec<String> {
    BodyTemplate::new(value.clone()).names().unwrap_or_default()
}
