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
///
/// ```
/// use raccord_model::field_path::{FieldPath, Step};
///
/// let path: FieldPath = "$.addresses[0].city".parse()?;
/// let member = |name: &str| Step::Member(name.to_owned());
/// assert_eq!(path.0, [member("addresses"), Step::Element(0), member("city")]);
/// assert_eq!(path.to_string(), "addresses[0].city");
/// assert!("a..b".parse::<FieldPath>().is_err());
/// # Ok::<(), raccord_model::field_path::FieldPathError>(())
/// ```
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
                Step::Member(name) => {
                    f.write_str(".")?;
                    f.write_str(name)?;
                }
            }
        }
        Ok(())
    }
}

string_type!(FieldPath, "a path, for example addresses[0].city", { "type": "string", "minLength": 1 });

/// A path that may lead to many values: `[*]` in it stands for every element of a list, as in `results[*].positions`.
///
/// Its parts are the paths between the wildcards: `results` and `positions`. There is always one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManyPath(pub Vec<FieldPath>);

/// The most wildcards of a path.
pub const MAX_WILDCARDS: usize = 4;

impl Default for ManyPath {
    fn default() -> Self {
        FieldPath::default().into()
    }
}

impl From<FieldPath> for ManyPath {
    fn from(path: FieldPath) -> Self {
        Self(vec![path])
    }
}

impl ManyPath {
    /// The path, when there is no wildcard in it.
    pub fn single(&self) -> Option<&FieldPath> {
        match self.0.as_slice() {
            [path] => Some(path),
            _ => None,
        }
    }

    /// Whether it is `$`, the whole.
    pub fn is_whole(&self) -> bool {
        self.single().is_some_and(|path| path.0.is_empty())
    }

    /// As the path of a list: the outermost list, and the path to each further one in the elements of the list before. A
    /// wildcard at the end says what a list is in any case: `results[*]` is `results`.
    pub fn lists(&self) -> (&FieldPath, &[FieldPath]) {
        const WHOLE: &FieldPath = &FieldPath(Vec::new());
        let (first, inner) = self.0.split_first().unwrap_or((WHOLE, &[]));
        match inner.split_last() {
            Some((last, before)) if last.0.is_empty() => (first, before),
            _ => (first, inner),
        }
    }
}

impl FromStr for ManyPath {
    type Err = FieldPathError;
    fn from_str(text: &str) -> Result<Self, FieldPathError> {
        const WILDCARD: &str = "[*]";
        let mut parts = Vec::new();
        let (mut start, mut at) = (0, 0);
        // A quoted name may hold anything, a wildcard as well.
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with(WILDCARD) {
                parts.push(&text[start..at]);
                at += WILDCARD.len();
                start = at;
            } else if rest.starts_with("[\"") {
                at += rest.find("\"]").map_or(rest.len(), |end| end + 2);
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        parts.push(&text[start..]);
        if parts.len() > MAX_WILDCARDS + 1 {
            return Err(FieldPathError { text: text.to_owned(), why: "it has more than 4 wildcards" });
        }
        let wrong = |why| FieldPathError { text: text.to_owned(), why };
        let has_wildcard = parts.len() > 1;
        let part = |(at, part): (usize, &str)| match part {
            // The whole document before the first wildcard, the whole element after the last.
            "" if has_wildcard => Ok(FieldPath::default()),
            part if at == 0 || part.starts_with('[') => part.parse(),
            part => part.strip_prefix('.').ok_or_else(|| wrong("a dot is missing after `[*]`"))?.parse(),
        };
        let paths = parts.into_iter().enumerate().map(part).collect::<Result<_, FieldPathError>>();
        paths.map(Self).map_err(|error| wrong(error.why))
    }
}

impl fmt::Display for ManyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, path) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("[*]")?;
            }
            match path.0.first() {
                None if self.0.len() > 1 => {}
                Some(Step::Member(_)) if at > 0 && !path.to_string().starts_with('[') => {
                    write!(f, ".{path}")?;
                }
                _ => write!(f, "{path}")?,
            }
        }
        Ok(())
    }
}

string_type!(ManyPath, "a path, in which `[*]` stands for every element of a list: results[*].positions", { "type": "string", "minLength": 1 });

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
        for (path, parts) in [
            ("results[*].positions", "results positions"),
            ("keys[*]", "keys $"),
            ("[*].a", "$ a"),
            ("a[0][*][1].b[*][\"x[*]\"]", "a[0] [1].b [\"x[*]\"]"),
            ("[*]", "$ $"),
            ("$", "$"),
            ("a.b", "a.b"),
        ] {
            let many: ManyPath = path.parse().unwrap();
            let shown: Vec<String> = many.0.iter().map(ToString::to_string).collect();
            assert_eq!((shown.join(" "), many.to_string()), (parts.to_owned(), path.to_owned()));
        }
        assert_eq!("$.results[*]".parse::<ManyPath>().unwrap().to_string(), "results[*]");
        for bad in ["", "a[*].", "a[*]b..c", "[*", "a[**]", "[*][*][*][*][*]"] {
            assert!(bad.parse::<ManyPath>().is_err(), "{bad}");
        }
        for bad in ["", ".", "a[*].b", "a..b", "a.", "a[", "a[x]", "a]", "a[\"b]", &"a.".repeat(40)] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }
}
