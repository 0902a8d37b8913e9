//! The methods of objects, lists and tuples. Only what a template has made itself can be changed.

use super::super::evaluate::Given;
use super::super::literal::Budget;
use super::super::value::{Evaluated, Value, fault, type_fault};

/// The methods of an object.
pub(super) const DICT: [&str; 10] =
    ["get", "items", "keys", "values", "copy", "update", "pop", "setdefault", "popitem", "clear"];
/// The methods of a list.
pub(super) const LIST: [&str; 11] =
    ["append", "extend", "insert", "pop", "remove", "reverse", "sort", "copy", "count", "index", "clear"];

/// What a method of an object, a list or a tuple gives.
pub(super) fn call<'a>(object: &Value<'a>, name: &str, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    budget.take(if name == "get" { 1 } else { object.length().unwrap_or_default() })?;
    let value =
        if object.is_mapping() { dict(object, name, given) } else { list(object, name, given, budget) }?;
    if let "append" | "extend" | "update" | "setdefault" = name {
        object.kept_or_emptied(budget)?;
    }
    Ok(value)
}

fn dict<'a>(object: &Value<'a>, name: &str, given: &Given<'a>) -> Evaluated<'a> {
    let members = || object.members().unwrap_or_default();
    let list = |items: Vec<Value<'a>>| Ok(Value::list(items));
    match (name, object) {
        ("get", _) => {
            let key = given.required(0, "key")?;
            if !key.hashable() {
                return type_fault(format!("has a `{}` as a key", key.kind()));
            }
            Ok(object.member(key).unwrap_or_else(|| given.positional.get(1).cloned().unwrap_or(Value::None)))
        }
        ("items", _) => {
            list(members().into_iter().map(|(key, value)| Value::Tuple([key, value].into())).collect())
        }
        ("keys", _) => list(members().into_iter().map(|(key, _)| key).collect()),
        ("values", _) => list(members().into_iter().map(|(_, value)| value).collect()),
        ("copy", _) => Ok(Value::dict(members())),
        ("update", Value::Dict(own)) => {
            let mut changes = given.positional.first().and_then(Value::members).unwrap_or_default();
            changes.extend(given.named.iter().map(|(name, value)| (Value::text(name), value.clone())));
            let mut own = own.borrow_mut();
            for (key, value) in changes {
                match own.iter_mut().find(|(known, _)| known.equals(&key)) {
                    Some((_, known)) => *known = value,
                    None => own.push((key, value)),
                }
            }
            Ok(Value::None)
        }
        ("pop", Value::Dict(own)) => {
            let key = given.required(0, "key")?;
            let at = own.borrow().iter().position(|(known, _)| known.equals(key));
            match (at, given.positional.get(1)) {
                (Some(at), _) => Ok(own.borrow_mut().remove(at).1),
                (None, Some(default)) => Ok(default.clone()),
                (None, None) => fault("takes a key out of an object that has none of this name"),
            }
        }
        ("setdefault", Value::Dict(own)) => {
            let key = given.required(0, "key")?;
            if let Some(known) = object.member(key) {
                return Ok(known);
            }
            let value = given.positional.get(1).cloned().unwrap_or(Value::None);
            own.borrow_mut().push((key.clone(), value.clone()));
            Ok(value)
        }
        _ => fault(format!("changes an object by `{name}`, which is not done here")),
    }
}

fn list<'a>(object: &Value<'a>, name: &str, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    match (name, object) {
        ("count", _) => {
            let wanted = given.required(0, "value")?;
            let count = object.items(budget)?.iter().filter(|item| item.equals(wanted)).count();
            Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        ("index", _) => {
            let wanted = given.required(0, "value")?;
            match object.items(budget)?.iter().position(|item| item.equals(wanted)) {
                Some(at) => Ok(Value::Int(i64::try_from(at).unwrap_or(i64::MAX))),
                None => fault("looks for an item that is not in the list"),
            }
        }
        ("copy", _) => object.items(budget).map(Value::list),
        ("append", Value::List(own)) => {
            own.borrow_mut().push(given.required(0, "object")?.clone());
            Ok(Value::None)
        }
        ("extend", Value::List(own)) => {
            let more = given.required(0, "iterable")?.items(budget)?;
            own.borrow_mut().extend(more);
            Ok(Value::None)
        }
        ("pop", Value::List(own)) => match own.borrow_mut().pop() {
            Some(last) if given.positional.is_empty() => Ok(last),
            _ => fault("takes an item out of a list in a way that is not done here"),
        },
        ("reverse", Value::List(own)) => {
            own.borrow_mut().reverse();
            Ok(Value::None)
        }
        _ => fault(format!("changes a list by `{name}`, which is not done here")),
    }
}
