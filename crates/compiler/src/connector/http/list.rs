//! Lowers `for`: lists of values that a data type is asked for one after the other, in all their combinations.

use raccord_model::language::connector::http::{HttpDataType, Scalar};

use super::component::ListRouter;
use crate::connector::findings::Findings;
use crate::connector::template::{BODY_NAMES, BodyTemplate, takes_name};

/// How many combinations of values a data type may have.
const MAX_COMBINATIONS: usize = 10_000;

/// The combinations of the values; none where there are no lists, or where there is a finding that says why.
pub(super) fn lower(data_type: &HttpDataType, findings: &mut Findings) -> Option<ListRouter> {
    let lists = &data_type.for_each;
    if lists.is_empty() {
        return None;
    }
    if data_type.parent.is_some() {
        findings.conflict(&["for"], "`for` and `parent` exclude each other");
    }
    for (name, values) in lists {
        check_name(data_type, name, findings);
        check_values(name, values, findings);
    }
    let count = lists.values().try_fold(1_usize, |count, values| count.checked_mul(values.len()));
    if count.is_none_or(|count| count > MAX_COMBINATIONS) {
        let message = format!("there are more than {MAX_COMBINATIONS} combinations of these values");
        findings.invalid(&["for"], message);
        return None;
    }
    let combinations = lists.values().fold(vec![Vec::new()], |before, values| {
        let extended = |combination: &Vec<String>, value: &Scalar| {
            combination.iter().cloned().chain([value.0.clone()]).collect()
        };
        before.iter().flat_map(|one| values.iter().map(move |value| extended(one, value))).collect()
    });
    Some(ListRouter { names: lists.keys().cloned().collect(), combinations })
}

/// A name is a word that a template can take, and something takes it.
fn check_name(data_type: &HttpDataType, name: &str, findings: &mut Findings) {
    let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word || name == "parent" || BODY_NAMES.contains(&name) {
        let message =
            format!("`{name}` is no name for a list: it is a word of its own, not one of a request");
        return findings.invalid(&["for", name], message);
    }
    let in_path = data_type.path.as_deref().is_some_and(|path| takes_name(path, name));
    let in_query = data_type.query.values().any(|value| takes_name(&value.0, name));
    let variables = data_type.graphql.iter().flat_map(|settings| settings.variables.values());
    let in_body = data_type.body.iter().chain(variables).any(|value| {
        let names = BodyTemplate::new(value.clone()).names();
        names.is_ok_and(|names| names.iter().any(|known| known == name))
    });
    if !in_path && !in_query && !in_body {
        let message = format!(
            "no request takes `{name}`: write `{{{name}}}` into the path or the query, or `{{{{ {name} }}}}` into the body or a variable"
        );
        findings.conflict(&["for", name], message);
    }
}

/// Each value leads to a partition of its own, and can stand in a path.
fn check_values(name: &str, values: &[Scalar], findings: &mut Findings) {
    if values.is_empty() {
        findings.invalid(&["for", name], "a list of values needs at least one");
    }
    for (at, Scalar(value)) in values.iter().enumerate() {
        let place = at.to_string();
        // Dots alone would climb up in the path, and nothing at all would ask for something else.
        if matches!(value.as_str(), "" | "." | "..") {
            findings.invalid(&["for", name, &place], format!("`{value}` cannot stand in a path"));
        }
        if values.iter().take(at).any(|before| before.0 == *value) {
            findings.invalid(&["for", name, &place], format!("`{value}` stands here twice"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::connector::tests::{check_data_type, findings_of, http};

    #[test]
    fn lists_of_values_are_taken_by_their_names() {
        let lists = |names: &Value, rest: &Value| {
            let mut data_type = json!({"for": names});
            for (member, value) in rest.as_object().unwrap() {
                data_type[member] = value.clone();
            }
            data_type
        };
        let region = json!({"region": ["ca", "fr"]});
        let many: Vec<String> = (0..101).map(|at| at.to_string()).collect();
        for (names, rest, expected) in [
            (&region, json!({"path": "/{region}/x"}), &[][..]),
            (&region, json!({"query": {"r": "eu-{region}"}}), &[]),
            (&region, json!({"path": "/a", "method": "POST", "body": {"r": "{{ region }}"}}), &[]),
            (&json!({"region": ["ca"], "tier": ["1", "true"]}), json!({"path": "/{tier}/{region}"}), &[]),
            (&region, json!({"path": "/x"}), &[".for.region conflicting-fields"]),
            (&region, json!({"path": "/{parent.id}/{region}"}), &[".path invalid-value"]),
            (
                &region,
                json!({"path": "/{region"}),
                &[".for.region conflicting-fields", ".path invalid-value"],
            ),
            (&region, json!({"path": "/{region}#x"}), &[".path invalid-value"]),
            (&json!({"region": []}), json!({"path": "/{region}"}), &[".for.region invalid-value"]),
            (
                &json!({"region": ["a", "b", "a"]}),
                json!({"path": "/{region}"}),
                &[".for.region.2 invalid-value"],
            ),
            (&json!({"region": [".."]}), json!({"path": "/{region}"}), &[".for.region.0 invalid-value"]),
            (&json!({"page": ["a"]}), json!({"path": "/{page}"}), &[".for.page invalid-value"]),
            (&json!({"a b": ["a"]}), json!({"path": "/{a b}"}), &[".for.a b invalid-value"]),
            (&json!({"a": many, "b": many}), json!({"path": "/{a}/{b}"}), &[".for invalid-value"]),
        ] {
            check_data_type(&lists(names, &rest), expected);
        }
        let settings = json!({"baseUrl": "https://api.example", "dataTypes": {
            "p": {}, "a": {"path": "/{r}", "parent": "p", "for": {"r": ["x"]}}}});
        assert_eq!(findings_of(&http(settings)), ["dataTypes.a.for conflicting-fields"]);
    }
}
