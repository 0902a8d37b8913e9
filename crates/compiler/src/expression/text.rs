//! What a value is as a text: written by `~`, and where a filter that works on texts meets another value. It is what a text
//! field holds of it, not Python's spelling, which is the engine's. Numbers keep theirs.

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, State, Value, filters};

use super::exact::wrong;
use super::json::to_json;

/// The function that stands for `~`.
pub(super) const CONCAT: &str = "__concat";

/// The engine's own `join`.
const JOIN: &str = "__join";

/// Gives an environment the function that stands for `~`, and the filters that make a text of what they are given.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function(CONCAT, |left: Value, right: Value| concat(&left, &right));
    environment.add_filter("string", |value: &Value| as_text(value).map(|text| string(&text)));
    environment.add_filter(JOIN, filters::join);
    environment.add_filter("join", join);
    environment.add_filter("__upper", filters::upper);
    environment.add_filter("__lower", filters::lower);
    environment.add_filter("__title", filters::title);
    environment.add_filter("__capitalize", filters::capitalize);
    environment.add_filter("__trim", filters::trim);
    environment.add_filter("__replace", filters::replace);
    environment.add_filter("__indent", filters::indent);
    environment.add_filter("__escape", filters::escape);
    environment.add_filter("__format", filters::format);
    for (name, own) in [
        ("upper", "__upper"),
        ("lower", "__lower"),
        ("title", "__title"),
        ("capitalize", "__capitalize"),
        ("trim", "__trim"),
        ("replace", "__replace"),
        ("indent", "__indent"),
        ("escape", "__escape"),
        ("e", "__escape"),
        ("format", "__format"),
    ] {
        let of_texts = move |state: &mut State<'_, '_>, value: &Value, others: Rest<ValueOrKwargs>| {
            let others = others.into_values().into_iter().map(|other| as_text(&other));
            let all: Vec<Value> = std::iter::once(as_text(value)).chain(others).collect::<Result<_, _>>()?;
            state.apply_filter(own, &all)
        };
        environment.add_filter(name, of_texts);
    }
}

/// The value as a text; a text and a number as they are, for the engine writes them so.
fn as_text(value: &Value) -> Result<Value, Error> {
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::from(""),
        ValueKind::Bool => Value::from(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if f64::try_from(value.clone()).is_ok_and(|number| !number.is_finite()) => {
            return Err(wrong("a number is too large for a text, or is none"));
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map if !value.is_kwargs() => {
            Value::from(to_json(value)?)
        }
        _ => value.clone(),
    })
}

/// The text itself, which stays safe when it was.
fn string(text: &Value) -> Value {
    if text.as_str().is_some() { text.clone() } else { Value::from(text.to_string()) }
}

fn concat(left: &Value, right: &Value) -> Result<Value, Error> {
    let (left, right) = (as_text(left)?, as_text(right)?);
    let both = format!("{left}{right}");
    let is_safe = left.is_safe() && right.is_safe();
    Ok(if is_safe { Value::from_safe_string(both) } else { Value::from(both) })
}

/// The elements of a list, or one member of each, as one text.
fn join(state: &mut State<'_, '_>, value: &Value, others: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let others = others.into_values();
    let (joiner, attribute, kwargs): (Option<Value>, Option<Value>, Kwargs) = from_args(&others)?;
    let joiner = joiner.map_or_else(|| kwargs.get::<Option<Value>>("d"), |joiner| Ok(Some(joiner)))?;
    let attribute = attribute.map_or_else(|| kwargs.get::<Option<Value>>("attribute"), |it| Ok(Some(it)))?;
    kwargs.assert_all_used()?;
    let items = match attribute {
        Some(attribute) => {
            let named = Kwargs::from_iter([("attribute", attribute)]);
            state.apply_filter("map", &[value.clone(), named.into()])?
        }
        None => value.clone(),
    };
    let is_list = matches!(items.kind(), ValueKind::Seq | ValueKind::Iterable);
    let items = if is_list {
        Value::from(items.try_iter()?.map(|item| as_text(&item)).collect::<Result<Vec<_>, _>>()?)
    } else {
        items
    };
    let joiner = joiner.as_ref().map(as_text).transpose()?.unwrap_or_else(|| Value::from(""));
    state.apply_filter(JOIN, &[items, joiner])
}
