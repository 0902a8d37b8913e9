//! Filters: Jinja's own and those that the language adds. Which one a template names is checked when it is compiled.

mod digest;
mod sequence;
mod text;

use super::evaluate::{Evaluation, Given};
use super::methods;
use super::value::{Evaluated, Value};

/// Whether there is a filter of this name.
///
/// # Errors
/// In words, when there is none.
pub(super) fn known(name: &str) -> Result<(), String> {
    let known =
        digest::NAMES.contains(&name) || sequence::NAMES.contains(&name) || text::NAMES.contains(&name);
    if known { Ok(()) } else { Err(format!("has the filter `{name}`, which is not known here")) }
}

/// What a filter makes of a value.
pub(super) fn apply<'a>(
    evaluation: &mut Evaluation<'a>,
    name: &str,
    value: &Value<'a>,
    given: &Given<'a>,
) -> Evaluated<'a> {
    if digest::NAMES.contains(&name) {
        return digest::apply(name, value, given);
    }
    if sequence::NAMES.contains(&name) {
        return sequence::apply(evaluation, name, value, given);
    }
    text::apply(evaluation, name, value, given)
}
