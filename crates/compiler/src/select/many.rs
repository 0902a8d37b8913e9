//! Takes what a path with wildcards leads to out of raw JSON, list by list and without a tree.

use raccord_model::field_path::{FieldPath, ManyPath};

use super::{Found, SelectError, Selector};

/// A path with wildcards, compiled.
#[derive(Debug, Clone)]
pub struct Many {
    /// One selector for the list before each wildcard.
    lists: Vec<Selector>,
    /// What is taken out of each element of the last list; nothing when it is the element itself.
    last: Option<Selector>,
}

impl Many {
    /// Compiles a path.
    pub fn new(path: &ManyPath) -> Self {
        let (last, lists) = path.0.split_last().map_or((None, &[][..]), |(last, lists)| (Some(last), lists));
        let lists = lists.iter().map(|path| Selector::new([]).with_list(path)).collect();
        let last = last.filter(|path: &&FieldPath| !path.0.is_empty()).map(|path| Selector::new([path]));
        Self { lists, last }
    }

    /// The raw JSON of everything that the path leads to, in its order. `None` when there is no list where a wildcard
    /// wants one, or no value at its end, and where a member on the way stands twice.
    pub fn select<'a>(&self, json: &'a str) -> Result<Option<Vec<&'a str>>, SelectError> {
        let mut values = vec![json];
        for selector in &self.lists {
            let mut inner = Vec::new();
            for value in values {
                let mut found = Found::default();
                selector.select(value.as_bytes(), &mut found)?;
                if !found.has_list() || selector.repeated(&found).is_some() {
                    return Ok(None);
                }
                inner.append(&mut found.list);
            }
            values = inner;
        }
        let Some(last) = &self.last else { return Ok(Some(values)) };
        let mut ends = Vec::with_capacity(values.len());
        for value in values {
            let mut found = Found::default();
            last.select(value.as_bytes(), &mut found)?;
            let Some(end) = found.values.first().copied().flatten() else { return Ok(None) };
            ends.push(end);
        }
        Ok(Some(ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, json: &str, expected: Option<&[&str]>) {
        let found = Many::new(&path.parse().unwrap()).select(json).unwrap();
        assert_eq!(found.as_deref(), expected, "{path}");
    }

    #[test]
    fn a_wildcard_leads_to_every_element() {
        let json = r#"{"keys": [1, "b"], "a": [{"b": [{"c": 1}, {"c": {"d": 2}}]}, {"b": []}], "one": {"x": 1}, "n": 7}"#;
        check("keys[*]", json, Some(&["1", "\"b\""]));
        check("a[*].b[*].c", json, Some(&["1", r#"{"d": 2}"#]));
        check("a[*].b", json, Some(&[r#"[{"c": 1}, {"c": {"d": 2}}]"#, "[]"]));
        check("one", json, Some(&[r#"{"x": 1}"#]));
        check("$", "7", Some(&["7"]));
        check("[*].a", r#"[{"a": 1}, {"a": 2}]"#, Some(&["1", "2"]));
        check("a[*].b[*].e", json, None);
        check("n[*]", json, None);
        check("missing[*]", json, None);
        assert!(Many::new(&"a[*]".parse().unwrap()).select("{").is_err());
    }
}
