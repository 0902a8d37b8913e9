//! What stands behind a dot or in brackets: attributes, methods, items and slices, in the order in which Jinja looks.

use std::borrow::Cow;

use super::evaluate::method;
use super::literal::Budget;
use super::methods;
use super::value::{Evaluated, Fault, Value, type_fault};

/// `object.name`: an attribute or a method first, an item of this name otherwise.
pub(super) fn attribute<'a>(object: &Value<'a>, name: &str) -> Evaluated<'a> {
    if let Value::Undefined(undefined) = object {
        return Err(Value::missing(undefined));
    }
    let found = own(object, name).or_else(|| object.named(name));
    Ok(found.unwrap_or_else(|| Value::undefined(name)))
}

/// `object[key]`: an item first, an attribute of this name otherwise.
pub(super) fn item<'a>(object: &Value<'a>, key: &Value<'a>) -> Evaluated<'a> {
    if let Value::Undefined(undefined) = object {
        return Err(Value::missing(undefined));
    }
    if let Some(found) = object.member(key).or_else(|| key.small().and_then(|at| at_index(object, at))) {
        return Ok(found);
    }
    let attribute = if let Value::Text(name) = key { own(object, name) } else { None };
    Ok(attribute.unwrap_or_else(|| Value::undefined(&key.to_text())))
}

/// What an object has of its own under a name.
fn own<'a>(object: &Value<'a>, name: &str) -> Option<Value<'a>> {
    if let Some(value) = methods::property(object, name) {
        return Some(value);
    }
    methods::has(object, name).then(|| method(object, name))
}

fn at_index<'a>(object: &Value<'a>, at: i64) -> Option<Value<'a>> {
    let length = if matches!(object, Value::Text(_)) { 0 } else { object.length()? };
    let from_end = |length: usize| {
        let at = if at < 0 { at.checked_add(i64::try_from(length).ok()?)? } else { at };
        usize::try_from(at).ok()
    };
    match object {
        Value::Array(items) => items.get(from_end(length)?).map(Value::from),
        Value::List(items) => items.borrow().get(from_end(length)?).cloned(),
        Value::Tuple(items) => items.get(from_end(length)?).cloned(),
        Value::Text(text) if at >= 0 => text.chars().nth(usize::try_from(at).ok()?).map(Value::text),
        Value::Text(text) => text.chars().rev().nth(usize::try_from(-(at + 1)).ok()?).map(Value::text),
        _ => None,
    }
}

/// `object[start:stop:step]`
pub(super) fn slice<'a>(object: &Value<'a>, bounds: [Option<i64>; 3], budget: &Budget) -> Evaluated<'a> {
    if let Value::Undefined(undefined) = object {
        return Err(Value::missing(undefined));
    }
    let sliceable = matches!(object, Value::Text(_) | Value::Array(_) | Value::List(_) | Value::Tuple(_));
    if !sliceable {
        return type_fault(format!("slices a `{}`", object.kind()));
    }
    let items = object.items(budget)?;
    let indices = indices(bounds, items.len())?;
    let chosen = indices.into_iter().filter_map(|at| items.get(at).cloned());
    Ok(match object {
        Value::Text(_) => {
            let mut text = String::new();
            chosen.for_each(|letter| letter.write(&mut text));
            Value::Text(Cow::Owned(text))
        }
        Value::Tuple(_) => Value::Tuple(chosen.collect::<Vec<_>>().into()),
        _ => Value::list(chosen.collect()),
    })
}

fn indices([start, end, stride]: [Option<i64>; 3], length: usize) -> Result<Vec<usize>, Fault> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let stride = stride.unwrap_or(1);
    if stride == 0 {
        return type_fault("slices by steps of zero");
    }
    let (least, greatest) = if stride > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |bound: Option<i64>, default: i64| {
        let Some(bound) = bound else { return default };
        let bound = if bound < 0 { bound.saturating_add(length) } else { bound };
        bound.clamp(least, greatest)
    };
    let (start_default, end_default) = if stride > 0 { (0, length) } else { (length - 1, -1) };
    let (mut at, end) = (bound(start, start_default), bound(end, end_default));
    let mut indices = Vec::new();
    while (stride > 0 && at < end) || (stride < 0 && at > end) {
        indices.extend(usize::try_from(at));
        at = at.saturating_add(stride);
    }
    Ok(indices)
}
