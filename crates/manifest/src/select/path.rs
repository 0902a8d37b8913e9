//! Paths into JSON values by the reference's rules (dpath): segments with wildcards, list indexes, `**` for any depth.
//! It finds, sets and deletes; it never evaluates a template.

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A member of this name, or an element of a list where it is a number.
    Name(String),
    /// An element of a list, from its end where it is negative. It is never a member.
    Index(i64),
    /// Whatever matches the pattern: `*`, `?`, `[abc]`.
    Pattern(String),
    /// Any number of steps.
    Deep,
}

/// Why a path cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It matches several values where one is meant.
    #[error("the path `{0}` matches several values")]
    Several(String),
    /// A value that is neither an object nor a list stands in the way.
    #[error("the path `{0}` leads through a value that is neither an object nor a list")]
    Blocked(String),
}

impl Segment {
    /// The step that a value stands for: a text, or a number of a list's element.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::named(text),
            other => other.as_i64().map_or_else(|| Self::Name(other.to_string()), Self::Index),
        }
    }

    fn named(text: &str) -> Self {
        match text {
            "**" => Self::Deep,
            text if text.contains(['*', '?', '[']) => Self::Pattern(text.to_owned()),
            text => Self::Name(text.to_owned()),
        }
    }

    /// Whether it means one member or one element at most, counted from the beginning.
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Name(_) => true,
            Self::Index(index) => *index >= 0,
            Self::Pattern(_) | Self::Deep => false,
        }
    }

    fn matches_name(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Pattern(pattern) => fits(pattern.as_bytes(), name.as_bytes()),
            Self::Index(_) => false,
            Self::Deep => true,
        }
    }

    fn matches_index(&self, at: usize, length: usize) -> bool {
        match self {
            Self::Index(index) => element(*index, length) == Some(at),
            Self::Name(own) => own.parse().is_ok_and(|index| element(index, length) == Some(at)),
            Self::Pattern(pattern) => fits(pattern.as_bytes(), at.to_string().as_bytes()),
            Self::Deep => true,
        }
    }
}

fn element(index: i64, length: usize) -> Option<usize> {
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { length.checked_sub(from_end) } else { Some(from_end).filter(|at| *at < length) }
}

/// Whether a text fits a pattern of a shell: `*`, `?`, `[abc]`, `[a-c]`, `[!abc]`.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| fits(rest, &text[at..])),
        Some((b'?', rest)) => {
            let width =
                std::str::from_utf8(text).ok().and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
            !text.is_empty() && fits(rest, text.get(width..).unwrap_or_default())
        }
        Some((b'[', rest)) => match set_end(rest) {
            Some(end) => text
                .split_first()
                .is_some_and(|(byte, after)| in_set(&rest[..end], *byte) && fits(&rest[end + 1..], after)),
            None => text.split_first().is_some_and(|(byte, after)| *byte == b'[' && fits(rest, after)),
        },
        Some((byte, rest)) => text.split_first().is_some_and(|(own, after)| own == byte && fits(rest, after)),
    }
}

/// Where the `]` of a set stands. One that comes first belongs to the set.
fn set_end(pattern: &[u8]) -> Option<usize> {
    let skip = usize::from(pattern.first() == Some(&b'!'));
    let skip = skip + usize::from(pattern.get(skip) == Some(&b']'));
    pattern.iter().skip(skip).position(|byte| *byte == b']').map(|at| at + skip)
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let (negated, set) = match set.split_first() {
        Some((b'!', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    let mut at = 0;
    while let Some(first) = set.get(at) {
        let range = set.get(at + 1).filter(|byte| **byte == b'-').and_then(|_| set.get(at + 2));
        found |= range.map_or(*first == byte, |last| (*first..=*last).contains(&byte));
        at += if range.is_some() { 3 } else { 1 };
    }
    found != negated
}

/// One step that was taken: a member or an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An element of a list.
    Element(usize),
}

/// All values that a path leads to, with the steps to them.
pub fn find<'a>(value: &'a Value, path: &[Segment]) -> Vec<(Vec<Step>, &'a Value)> {
    let mut found = Vec::new();
    walk(value, path, &mut Vec::new(), &mut found);
    found
}

fn walk<'a>(
    value: &'a Value,
    path: &[Segment],
    taken: &mut Vec<Step>,
    found: &mut Vec<(Vec<Step>, &'a Value)>,
) {
    let Some((first, rest)) = path.split_first() else {
        if !taken.is_empty() {
            found.push((taken.clone(), value));
        }
        return;
    };
    let deep = *first == Segment::Deep;
    if deep {
        walk(value, rest, taken, found);
    }
    let next = if deep { path } else { rest };
    match value {
        Value::Object(members) => {
            for (name, inner) in members.iter().filter(|(name, _)| first.matches_name(name)) {
                taken.push(Step::Member(name.clone()));
                walk(inner, next, taken, found);
                taken.pop();
            }
        }
        Value::Array(items) => {
            for (at, inner) in
                items.iter().enumerate().filter(|(at, _)| first.matches_index(*at, items.len()))
            {
                taken.push(Step::Element(at));
                walk(inner, next, taken, found);
                taken.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The one value that a path leads to; none where it leads nowhere. The empty path leads to the value itself.
///
/// # Errors
/// When it matches several values.
pub fn get<'a>(value: &'a Value, path: &[Segment]) -> Result<Option<&'a Value>, PathError> {
    if path.is_empty() {
        return Ok(Some(value));
    }
    match find(value, path).as_slice() {
        [] => Ok(None),
        [(_, one)] => Ok(Some(one)),
        _ => Err(PathError::Several(shown(path))),
    }
}

/// A path as messages show it.
pub fn shown(path: &[Segment]) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Name(text) | Segment::Pattern(text) => text.clone(),
        Segment::Index(index) => index.to_string(),
        Segment::Deep => "**".to_owned(),
    };
    path.iter().map(segment).collect::<Vec<_>>().join(".")
}

/// Sets what a path leads to, and makes what is missing on the way: a list where the next step is a number, otherwise an
/// object. Wildcards are names here.
///
/// # Errors
/// When a value that is neither an object nor a list stands in the way, or a list has no such element.
pub fn set(value: &mut Value, path: &[Segment], new: Value) -> Result<(), PathError> {
    put(value, path, new).ok_or_else(|| PathError::Blocked(shown(path)))
}

fn put(value: &mut Value, path: &[Segment], new: Value) -> Option<()> {
    let (first, rest) = path.split_first()?;
    let Some(next) = rest.first() else {
        *place(value, first, || Value::Null)? = new;
        return Some(());
    };
    let container = || if is_number(next) { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    put(place(value, first, container)?, rest, new)
}

/// The place of a step. Where it is not there, it is made with what `missing` gives.
fn place<'a>(
    value: &'a mut Value,
    segment: &Segment,
    missing: impl FnOnce() -> Value,
) -> Option<&'a mut Value> {
    match value {
        Value::Object(members) => {
            let name = match segment {
                Segment::Name(name) | Segment::Pattern(name) => name.clone(),
                Segment::Index(index) => index.to_string(),
                Segment::Deep => "**".to_owned(),
            };
            Some(members.entry(name).or_insert_with(missing))
        }
        Value::Array(items) => {
            let at = match segment {
                Segment::Index(index) => usize::try_from(*index).ok()?,
                Segment::Name(name) => name.parse().ok()?,
                Segment::Pattern(_) | Segment::Deep => return None,
            };
            if items.len() <= at {
                items.resize(at, Value::Null);
                items.push(missing());
            }
            items.get_mut(at)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn is_number(segment: &Segment) -> bool {
    match segment {
        Segment::Index(_) => true,
        Segment::Name(name) => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
        Segment::Pattern(_) | Segment::Deep => false,
    }
}

/// Deletes every value that a path leads to. An element of a list that is not its last becomes null.
pub fn delete(value: &mut Value, path: &[Segment]) {
    let found: Vec<Vec<Step>> = find(value, path).into_iter().map(|(steps, _)| steps).collect();
    for steps in found {
        delete_at(value, &steps);
    }
}

/// Deletes the value at the end of the steps, if it is still there.
pub fn delete_at(value: &mut Value, steps: &[Step]) {
    let Some((last, way)) = steps.split_last() else { return };
    let mut current = value;
    for step in way {
        let next = match (current, step) {
            (Value::Object(members), Step::Member(name)) => members.get_mut(name),
            (Value::Array(items), Step::Element(at)) => items.get_mut(*at),
            _ => None,
        };
        let Some(next) = next else { return };
        current = next;
    }
    match (current, last) {
        (Value::Object(members), Step::Member(name)) => {
            members.remove(name);
        }
        (Value::Array(items), Step::Element(at)) if *at + 1 == items.len() => {
            items.pop();
        }
        (Value::Array(items), Step::Element(at)) => {
            if let Some(item) = items.get_mut(*at) {
                *item = Value::Null;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
