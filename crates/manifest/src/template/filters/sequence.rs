//! The filters over lists and objects.

use std::cmp::Ordering;

use super::super::evaluate::{Evaluation, Given};
use super::super::literal::Budget;
use super::super::value::{Evaluated, Fault, Value, fault, type_fault};
use super::super::{ast::Operator, calls, member, operators, tests_of_values};

/// The filters of this module.
pub(super) const NAMES: [&str; 22] = [
    "join",
    "length",
    "count",
    "list",
    "first",
    "last",
    "sort",
    "reverse",
    "unique",
    "sum",
    "max",
    "min",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "items",
    "dictsort",
    "batch",
    "groupby",
    "attr",
];

pub(super) fn apply<'a>(
    evaluation: &mut Evaluation<'a>,
    name: &str,
    value: &Value<'a>,
    given: &Given<'a>,
) -> Evaluated<'a> {
    match name {
        "length" | "count" => match value.length() {
            Some(length) => Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX))),
            None => type_fault(format!("asks for the length of a `{}`", value.kind())),
        },
        "attr" => member::attribute(value, &given.required(0, "name")?.to_text()),
        "join" => join(value, given, &evaluation.budget),
        "list" => value.items(&evaluation.budget).map(Value::list),
        "first" => Ok(value
            .items(&evaluation.budget)?
            .into_iter()
            .next()
            .unwrap_or_else(|| Value::undefined("first"))),
        "last" => Ok(value.items(&evaluation.budget)?.pop().unwrap_or_else(|| Value::undefined("last"))),
        "reverse" => reverse(value, &evaluation.budget),
        "sort" => sort(value, given, &evaluation.budget),
        "unique" => unique(value, given, &evaluation.budget),
        "sum" => sum(value, given, &evaluation.budget),
        "max" | "min" => {
            let items = keyed(value, given.get(1, "attribute"), &evaluation.budget)?;
            if items.is_empty() {
                return Ok(Value::undefined("the greatest or least of nothing"));
            }
            let only = Given { positional: vec![Value::list(items)], named: Vec::new() };
            calls::call(evaluation, &Value::Function(if name == "max" { "max" } else { "min" }), &only)
        }
        "map" => map(evaluation, value, given),
        "select" | "reject" | "selectattr" | "rejectattr" => select(evaluation, name, value, given),
        "items" if matches!(value, Value::Undefined(_)) => Ok(Value::list(Vec::new())),
        "items" | "dictsort" => members(name, value, given),
        "batch" => batch(value, given, &evaluation.budget),
        _ => groups(value, given, &evaluation.budget),
    }
}

/// Lists of so many items, the last filled up where something is given for that.
fn batch<'a>(value: &Value<'a>, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let size = given.required(0, "linecount")?.small().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > 0) else {
        return type_fault("batches by no positive number");
    };
    let mut batches: Vec<Vec<Value<'a>>> =
        value.items(budget)?.chunks(size).map(<[Value<'a>]>::to_vec).collect();
    let fill = given.get(1, "fill_with").filter(|fill| !matches!(fill, Value::None));
    if let (Some(last), Some(fill)) = (batches.last_mut(), fill) {
        budget.take(size)?;
        last.resize(size, fill.clone());
    }
    Ok(Value::list(batches.into_iter().map(Value::list).collect()))
}

/// Pairs of what an attribute is and the items with it, in the order of the first.
fn groups<'a>(value: &Value<'a>, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let path = given.required(0, "attribute")?;
    let sensitive = given.get(2, "case_sensitive").is_some_and(Value::truth);
    let items = value.items(budget)?;
    let keys: Result<Vec<_>, Fault> =
        items.into_iter().map(|item| Ok((fold(part(&item, Some(path))?, sensitive), item))).collect();
    let mut groups: Vec<(Value<'a>, Vec<Value<'a>>)> = Vec::new();
    for item in sorted(keys?, false)? {
        let key = part(&item, Some(path))?;
        match groups.last_mut() {
            Some((known, items)) if fold(known.clone(), sensitive).equals(&fold(key.clone(), sensitive)) => {
                items.push(item);
            }
            _ => groups.push((key, vec![item])),
        }
    }
    let pair = |(key, items)| Value::Tuple([key, Value::list(items)].into());
    Ok(Value::list(groups.into_iter().map(pair).collect()))
}

/// Something of an item: itself, or what an attribute path leads to.
fn part<'a>(item: &Value<'a>, path: Option<&Value<'a>>) -> Evaluated<'a> {
    let Some(path) = path.filter(|path| !matches!(path, Value::None)) else { return Ok(item.clone()) };
    let mut found = item.clone();
    for name in path.to_text().split('.') {
        let key = name.parse().map_or_else(|_| Value::text(name), Value::Int);
        found = member::item(&found, &key)?;
    }
    Ok(found)
}

fn keyed<'a>(value: &Value<'a>, path: Option<&Value<'a>>, budget: &Budget) -> Result<Vec<Value<'a>>, Fault> {
    value.items(budget)?.iter().map(|item| part(item, path)).collect()
}

fn join<'a>(value: &Value<'a>, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let between = given.get(0, "d").map(Value::to_text).unwrap_or_default();
    let mut out = String::new();
    for (at, item) in keyed(value, given.get(1, "attribute"), budget)?.iter().enumerate() {
        if at > 0 {
            out.push_str(&between);
        }
        let before = out.len();
        item.write(&mut out);
        budget.take_text(out.len() - before + between.len())?;
    }
    Ok(Value::text(out))
}

fn reverse<'a>(value: &Value<'a>, budget: &Budget) -> Evaluated<'a> {
    if let Value::Text(text) = value {
        return Ok(Value::text(text.chars().rev().collect::<String>()));
    }
    let Ok(mut items) = value.items(budget) else {
        return fault(format!("reverses a `{}`", value.kind()));
    };
    items.reverse();
    Ok(Value::list(items))
}

/// Texts compare without regard to case, as Jinja does unless told otherwise.
fn fold(value: Value<'_>, sensitive: bool) -> Value<'_> {
    match value {
        Value::Text(text) if !sensitive => Value::text(text.to_lowercase()),
        other => other,
    }
}

fn sorted<'a>(mut items: Vec<(Value<'a>, Value<'a>)>, backwards: bool) -> Result<Vec<Value<'a>>, Fault> {
    let mut failed = None;
    items.sort_by(|(one, _), (two, _)| {
        let order = one.order(two).unwrap_or_else(|fault| {
            failed = Some(fault);
            None
        });
        let order = order.unwrap_or(Ordering::Equal);
        if backwards { order.reverse() } else { order }
    });
    match failed {
        Some(fault) => Err(fault),
        None => Ok(items.into_iter().map(|(_, item)| item).collect()),
    }
}

fn sort<'a>(value: &Value<'a>, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let flag = |at, name| given.get(at, name).is_some_and(Value::truth);
    let (backwards, sensitive) = (flag(0, "reverse"), flag(1, "case_sensitive"));
    let path = given.get(2, "attribute");
    let items = value.items(budget)?;
    let keys: Result<Vec<_>, Fault> =
        items.into_iter().map(|item| Ok((fold(part(&item, path)?, sensitive), item))).collect();
    sorted(keys?, backwards).map(Value::list)
}

fn unique<'a>(value: &Value<'a>, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let sensitive = given.get(0, "case_sensitive").is_some_and(Value::truth);
    let path = given.get(1, "attribute");
    let mut seen: Vec<Value<'a>> = Vec::new();
    let mut kept = Vec::new();
    for item in value.items(budget)? {
        budget.take(seen.len())?;
        let key = fold(part(&item, path)?, sensitive);
        if !seen.iter().any(|known| known.equals(&key)) {
            seen.push(key);
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn sum<'a>(value: &Value<'a>, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let start = given.get(1, "start").cloned().unwrap_or(Value::Int(0));
    keyed(value, given.get(0, "attribute"), budget)?
        .iter()
        .try_fold(start, |sum, item| operators::binary(Operator::Add, &sum, item, budget))
}

fn map<'a>(evaluation: &mut Evaluation<'a>, value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    if !value.truth() {
        return Ok(Value::list(Vec::new()));
    }
    let items = value.items(&evaluation.budget)?;
    let named = |name: &str| given.named.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let mut mapped = Vec::new();
    if let Some(path) = named("attribute") {
        for item in &items {
            let found = part(item, Some(path))?;
            let absent = matches!(found, Value::Undefined(_));
            mapped.push(named("default").filter(|_| absent).cloned().unwrap_or(found));
        }
        return Ok(Value::list(mapped));
    }
    let filter = given.required(0, "filter")?.to_text();
    super::known(&filter).map_err(Fault::Other)?;
    let rest = Given { positional: given.positional[1..].to_vec(), named: given.named.clone() };
    for item in &items {
        mapped.push(super::apply(evaluation, &filter, item, &rest)?);
    }
    Ok(Value::list(mapped))
}

fn select<'a>(
    evaluation: &Evaluation<'a>,
    name: &str,
    value: &Value<'a>,
    given: &Given<'a>,
) -> Evaluated<'a> {
    let by_part = name.ends_with("attr");
    let path = if by_part { Some(given.required(0, "attribute")?) } else { None };
    let test = given.positional.get(usize::from(by_part)).map(Value::to_text);
    let rest = given.positional.iter().skip(usize::from(by_part) + 1).cloned().collect();
    let rest = Given { positional: rest, named: Vec::new() };
    let mut kept = Vec::new();
    // What is nothing has no items, whatever it is.
    let items = if value.truth() { value.items(&evaluation.budget)? } else { Vec::new() };
    for item in items {
        let part = part(&item, path)?;
        let holds = match &test {
            None => part.truth(),
            Some(test) => {
                tests_of_values::known(test).map_err(Fault::Other)?;
                tests_of_values::holds(test, &part, &rest)?
            }
        };
        if holds == name.starts_with("select") {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn members<'a>(name: &str, value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    let Some(members) = value.members() else {
        if name == "dictsort" {
            // There it asks the value for a method.
            return match value {
                Value::Undefined(undefined) => Err(Value::missing(undefined)),
                other => fault(format!("sorts the members of a `{}`", other.kind())),
            };
        }
        return type_fault(format!("asks for the members of a `{}`", value.kind()));
    };
    let by_value = given.get(1, "by").is_some_and(|by| by.to_text() == "value");
    let pairs = members.into_iter().map(|(key, value)| {
        let order = fold(if by_value { value.clone() } else { key.clone() }, false);
        (order, Value::Tuple([key, value].into()))
    });
    if name == "items" {
        return Ok(Value::list(pairs.map(|(_, pair)| pair).collect()));
    }
    let backwards = given.get(2, "reverse").is_some_and(Value::truth);
    sorted(pairs.collect(), backwards).map(Value::list)
}
