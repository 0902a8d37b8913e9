//! The path of a field inside a third-party record: `email`, `addresses[0].city`, `["odd.name"].x`.
//!
//! Steps are separated by dots; `[N]` takes an element of an array, `["…"]` a name with any character in
//! it. `$` alone is the whole record. Other characters, spaces included, are part of the name.

use std::fmt;
use std::str::FromStr;

use crate::shorthand::string_type;

/// The longest path, in steps.
pub const MAX_STEPS: usize = 32;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The member of an object, or the column of a row.
    Member(String),
    /// The element of an array, from 0.
    Element(usize),
}

/// Where a field is in a record. No step at all is the record itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// The path of one member of the record.
    pub fn member(name: &str) -> Self {
        Self(vec![Step::Member(name.to_owned())])
    }
}

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path: {why}")]
pub struct FieldPathError {
    text: String,
    why: &'static str,
}

impl FromStr for FieldPath {
    type Err = FieldPathError;
    fn from_str(text: &str) -> Result<Self, FieldPathError> {
        if text == "$" {
            return Ok(Self::default());
        }
        parse(text.strip_prefix("$.").unwrap_or(text))
            .map(Self)
            .map_err(|why| FieldPathError { text: text.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = bracket(inside)?;
            steps.push(step);
            rest = after;
        } else {
            let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                return Err("a name is missing between two dots");
            }
            steps.push(Step::Member(name.to_owned()));
            rest = after;
        }
        if steps.len() > MAX_STEPS {
            return Err("it has more than 32 steps");
        }
        if rest.is_empty() {
            return Ok(steps);
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
        } else if !rest.starts_with('[') {
            return Err("a `]` has no `[` before it");
        }
    }
}

/// What follows a `[`: a number or a quoted name, up to and including its `]`.
fn bracket(inside: &str) -> Result<(Step, &str), &'static str> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let end = quoted.find("\"]").ok_or("a quoted name ends with `\"]`")?;
        return Ok((Step::Member(quoted[..end].to_owned()), &quoted[end + 2..]));
    }
    let end = inside.find(']').ok_or("a `[` has no `]` after it")?;
    let index = inside[..end].parse().map_err(|_| "between `[` and `]` stands a number or a quoted name")?;
    Ok((Step::Element(index), &inside[end + 1..]))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("$");
        }
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Element(index) => write!(f, "[{index}]")?,
                Step::Member(name) if name.is_empty() || name.contains(['.', '[', ']']) || name == "$" => {
                    write!(f, "[\"{name}\"]")?;
                }
                Step::Member(name) if at == 0 => f.write_str(name)?,
                Step::Member(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

string_type!(FieldPath, "a path, for example addresses[0].city", { "type": "string", "minLength": 1 });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_and_write_alike() {
        for path in
            ["$", "id", "addresses[0].city", "First Name", "a.b.c", "[\"x.y\"].z", "[0].id", "m[1][2]"]
        {
            assert_eq!(path.parse::<FieldPath>().unwrap().to_string(), path);
        }
        assert_eq!("$.data".parse::<FieldPath>().unwrap().to_string(), "data");
        for bad in ["", ".", "a..b", "a.", "a[", "a[x]", "a]", "a[\"b]", &"a.".repeat(40)] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }
}
