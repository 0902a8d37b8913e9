//! What to write instead, for mistakes whose cure is known by their place in the language: a schedule that is a cron
//! expression, a key that is a name alone, a secret in a map of its own.
//!
//! Advice never repeats what stands in a place that may hold a secret.

use raccord_model::Kind;
use raccord_model::diagnostic::Code;
use raccord_model::language::webhook::VerifySpec;

use crate::deserialize::Mistake;
use crate::node::{Node, Value};

/// How many fields a cron expression has.
const CRON_FIELDS: usize = 5;

/// The mistake with the advice that its place gives, which is better than what its type alone could say.
pub(crate) fn advised(mistake: Mistake, kind: Option<Kind>, root: &Node<'_>) -> Mistake {
    let Mistake { mut problem, path } = mistake;
    let node = root.find(&path);
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_wrong = matches!(problem.code, Code::InvalidValue | Code::WrongType);
    let help = match (kind, steps.as_slice()) {
        (Some(Kind::Transfer), ["spec", "schedule"]) if is_wrong => {
            if let Some(cron) = node.and_then(Node::text).filter(|text| looks_like_cron(text)) {
                problem.message = format!("`{cron}` is a cron expression, which stands in a map");
                Some(format!("write schedule: {{cron: \"{cron}\", timezone: Europe/Paris}}"))
            } else {
                is_number(node).then(|| "write a number and a unit, for example 15m".to_owned())
            }
        }
        (Some(Kind::Transfer), ["spec", "mapping", "primaryKey"]) if problem.code == Code::WrongType => {
            Some("write the fields of the key and the paths they come from, for example {id: id}".to_owned())
        }
        (Some(Kind::Transfer), ["spec", field @ ("fields" | "primaryKey")])
            if problem.code == Code::UnknownField =>
        {
            Some(format!("`{field}` stands below `mapping`: move it there"))
        }
        (Some(Kind::Source), ["spec", "webhook", "verify"]) if is_wrong => Some(ways_to_verify()),
        (_, [.., field]) if problem.code == Code::PlainSecret && is_map(node) => Some(format!(
            "write {field}: \"${{env:NAME}}\" or {field}: \"${{file:PATH}}\", without a map; the value itself never belongs in YAML"
        )),
        _ => None,
    };
    problem.help = help.or(problem.help);
    Mistake { problem, path }
}

fn is_number(node: Option<&Node<'_>>) -> bool {
    node.and_then(Node::text).is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_map(node: Option<&Node<'_>>) -> bool {
    node.is_some_and(|node| matches!(node.value, Value::Map(_)))
}

fn ways_to_verify() -> String {
    let names = VerifySpec::default().ways().map(|(name, _)| name);
    format!("write a map with one of {}, for example {{bearer: \"${{env:HOOK_TOKEN}}\"}}", names.join(", "))
}

/// Whether a text that stands where a schedule does was meant to be a cron expression.
fn looks_like_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let is_field = |field: &&str| field.starts_with(|c: char| c == '*' || c.is_ascii_digit());
    fields.len() == CRON_FIELDS && fields.iter().take(3).all(is_field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_expression_is_told_from_other_texts() {
        for (text, expected) in [
            ("*/5 * * * *", true),
            ("0 6 * * MON", true),
            ("15m", false),
            ("15 minutes", false),
            ("every day at six o'clock", false),
            ("0 6 * *", false),
        ] {
            assert_eq!(looks_like_cron(text), expected, "{text}");
        }
    }
}
