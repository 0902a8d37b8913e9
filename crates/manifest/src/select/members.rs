//! Finds members of an object in its text, which is known to be JSON: what lies between is skipped by its quotes and
//! brackets. It proves nothing about a text, and builds values of the members alone.

use crate::template::{Looks, Member, Members};

/// What is looked for at the root of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The members whose values are wanted.
    looks: Vec<Look>,
    /// Those of which only is asked whether they are there.
    watched: Vec<String>,
}

/// A member whose value is wanted.
#[derive(Debug, Clone)]
struct Look {
    name: String,
    /// What is wanted of it where it is an object; none where that is the whole.
    inside: Option<Wanted>,
}

/// What was found at the root of an object.
#[derive(Debug, Default)]
pub(super) struct Found<'t> {
    pub(super) members: Members<'t>,
    others: Vec<&'t str>,
}

impl Wanted {
    /// These members.
    pub(super) fn named(names: &[String]) -> Self {
        let look = |name: &String| Look { name: name.clone(), inside: None };
        Self { looks: names.iter().map(look).collect(), watched: Vec::new() }
    }

    /// What is looked at in an object; none where that is the whole.
    pub(super) fn of(looks: &Looks) -> Option<Self> {
        let Looks::Members(members) = looks else { return None };
        let look = |(name, looks): &(String, Looks)| Look { name: name.clone(), inside: Self::of(looks) };
        Some(Self { looks: members.iter().map(look).collect(), watched: Vec::new() })
    }

    /// The same, and whether these members are there.
    pub(super) fn watching<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for name in names {
            if !self.has(name) {
                self.watched.push(name.to_owned());
            }
        }
        self
    }

    /// Whether the value of a member is wanted.
    pub(super) fn looks_at(&self, name: &str) -> bool {
        self.looks.iter().any(|look| look.name == name)
    }

    /// Whether a member is looked for.
    pub(super) fn has(&self, name: &str) -> bool {
        self.looks_at(name) || self.watched.iter().any(|known| known == name)
    }

    /// What an object's text has of it. None where the text is no object.
    pub(super) fn find<'t>(&'t self, text: &'t [u8]) -> Option<Found<'t>> {
        let mut found = Found { members: Members::with_capacity(self.looks.len()), others: Vec::new() };
        let mut rest = Rest(text);
        if rest.next()? != b'{' {
            return None;
        }
        rest.skip(1);
        while rest.next()? == b'"' {
            let name = rest.quoted()?;
            rest.next()?;
            let value = rest.value()?;
            // Of members with the same name the last counts.
            if let Some(look) = self.looks.iter().find(|look| name.is(&look.name)) {
                found.members.set(&look.name, look.member(value)?);
            } else if let Some(watched) = self.watched.iter().find(|known| name.is(known)) {
                found.others.push(watched);
            }
        }
        Some(found)
    }
}

impl Found<'_> {
    /// Whether a member that is looked for is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.has(name) || self.others.contains(&name)
    }
}

impl Look {
    fn member<'t>(&'t self, value: Part<'t>) -> Option<Member<'t>> {
        match (value, &self.inside) {
            (Part::Other(whole), Some(inside)) if whole.first() == Some(&b'{') => {
                inside.find(whole).map(|found| Member::Members(found.members))
            }
            (Part::Text(quoted), _) if !quoted.has_escapes => {
                std::str::from_utf8(quoted.inside()).ok().map(Member::Text)
            }
            (Part::Text(Quoted { whole, .. }) | Part::Other(whole), _) => {
                serde_json::from_slice(whole).ok().map(Member::Json)
            }
        }
    }
}

/// A text between quotes.
struct Quoted<'t> {
    whole: &'t [u8],
    has_escapes: bool,
}

impl<'t> Quoted<'t> {
    fn inside(&self) -> &'t [u8] {
        &self.whole[1..self.whole.len() - 1]
    }

    /// Whether it means a name.
    #[inline]
    fn is(&self, name: &str) -> bool {
        if self.has_escapes {
            serde_json::from_slice::<String>(self.whole).is_ok_and(|own| own == name)
        } else {
            self.inside() == name.as_bytes()
        }
    }
}

/// A value in a text.
enum Part<'t> {
    Text(Quoted<'t>),
    Other(&'t [u8]),
}

/// What is left of a text.
struct Rest<'t>(&'t [u8]);

impl<'t> Rest<'t> {
    fn skip(&mut self, bytes: usize) -> &'t [u8] {
        let (skipped, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        skipped
    }

    /// Skips to the next byte that means something, and gives it.
    fn next(&mut self) -> Option<u8> {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        let at = self.0.iter().position(|byte| !is_between(byte))?;
        self.skip(at);
        self.0.first().copied()
    }

    /// Skips a text between quotes.
    fn quoted(&mut self) -> Option<Quoted<'t>> {
        let (mut at, mut has_escapes) = (1, false);
        loop {
            let found = at + sign(self.0.get(at..)?)?;
            if self.0[found] == b'"' {
                return Some(Quoted { whole: self.skip(found + 1), has_escapes });
            }
            (at, has_escapes) = (found + 2, true);
        }
    }

    /// Skips a value.
    fn value(&mut self) -> Option<Part<'t>> {
        match self.0.first()? {
            b'"' => self.quoted().map(Part::Text),
            b'{' | b'[' => self.nested().map(Part::Other),
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                let end = self.0.iter().position(ends)?;
                Some(Part::Other(self.skip(end)))
            }
        }
    }

    /// Skips an object or a list.
    fn nested(&mut self) -> Option<&'t [u8]> {
        let whole = self.0;
        let mut depth = 0_usize;
        loop {
            match self.0.first()? {
                b'"' => {
                    self.quoted()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.skip(1);
                }
                b'}' | b']' => {
                    depth -= 1;
                    self.skip(1);
                    if depth == 0 {
                        return Some(&whole[..whole.len() - self.0.len()]);
                    }
                }
                _ => drop(self.skip(1)),
            }
        }
    }
}

/// Where the first quote or backslash is. Most texts are short, so eight bytes are looked at together.
fn sign(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest top bit that is set is that of the first byte that is zero.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return Some(at * 8 + usize::try_from(found.trailing_zeros() / 8).unwrap_or_default());
        }
    }
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|at| words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::Json;
    use crate::template::Template;

    fn wanted(names: &[&str]) -> Wanted {
        Wanted::named(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    /// The members that are found, as JSON.
    fn found(text: &str, names: &[&str]) -> Option<Value> {
        let wanted = wanted(names);
        wanted.find(text.as_bytes()).map(|found| Value::Object(found.members.into_object()))
    }

    #[test]
    fn members_are_found_at_the_root() {
        let check = |text: &str, expected: Value| {
            assert_eq!(found(text, &["a", "b c", "é"]), Some(expected), "{text}");
        };
        check("{}", json!({}));
        check(r#" { "x" : {"a": 1} , "a":2 } "#, json!({"a": 2}));
        check(r#"{"a":1,"b c":"x","é":[1,{"a":3}],"z":4}"#, json!({"a": 1, "b c": "x", "é": [1, {"a": 3}]}));
        check(r#"{"a":"say \"hi\" \\","b c":"\u00e9\n"}"#, json!({"a": "say \"hi\" \\", "b c": "é\n"}));
        check(r#"{"\u0061":1,"b\u0020c":2,"\u00e9":3}"#, json!({"a": 1, "b c": 2, "é": 3}));
        check(r#"{"a":1,"b c":2,"é":3,"a":4}"#, json!({"a": 4, "b c": 2, "é": 3}));
        check(r#"{"a":1,"b c":2,"é":3,"\u0061":4}"#, json!({"a": 4, "b c": 2, "é": 3}));
        check(
            r#"{"x":"}","y":["]","{"],"a":true,"b c":null,"é":-1.5e3}"#,
            json!({"a": true, "b c": null, "é": -1500.0}),
        );
        for text in [
            "",
            "[]",
            "5",
            "\"a\"",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":\"",
            "{\"x\":[",
            "{\"a\":nope}",
        ] {
            assert_eq!(found(text, &["a"]), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_looked_at_is_found() {
        let template =
            Template::compile("{{ record.a.b ~ record.a.c.d ~ record.e }}", &Json::default()).unwrap();
        let wanted = Wanted::of(&template.looks_at("record")).unwrap();
        let check = |text: &str, expected: Value| {
            let found = wanted.find(text.as_bytes()).map(|found| Value::Object(found.members.into_object()));
            assert_eq!(found, Some(expected), "{text}");
        };
        check(
            r#"{"a":{"b":1,"c":{"d":2,"x":3},"y":4},"e":{"f":5}}"#,
            json!({"a": {"b": 1, "c": {"d": 2}}, "e": {"f": 5}}),
        );
        check(r#"{"a":"b","e":[1]}"#, json!({"a": "b", "e": [1]}));
        check(r#"{"a":{"c":[{"d":1}]},"z":{"a":{"b":2}}}"#, json!({"a": {"c": [{"d": 1}]}}));
    }

    #[test]
    fn what_is_watched_is_known_to_be_there_or_not() {
        let check = |text: &str, name: &str, expected: bool| {
            let wanted = wanted(&["id"]).watching([name]);
            assert_eq!(wanted.find(text.as_bytes()).unwrap().has(name), expected, "{text} {name}");
        };
        check(r#"{"b": "a"}"#, "a", false);
        check(r#"{"b": {"a": 1}}"#, "a", false);
        check(r#"{"a": 1}"#, "a", true);
        check(r#"{"\u0061": 1}"#, "a", true);
        check(r#"{"x\/y": 1}"#, "x/y", true);
        check(r#"{"id": 1}"#, "id", true);
    }

    #[test]
    fn the_first_sign_is_found_wherever_it_stands() {
        for length in 0..40 {
            for at in 0..length {
                for (first, second) in [(b'"', b'\\'), (b'\\', b'"')] {
                    let mut text = vec![b'!'; length];
                    text[length - 1] = second;
                    text[at] = first;
                    assert_eq!(sign(&text), Some(at), "{text:?}");
                }
            }
            assert_eq!(sign(&vec![0xA2; length]), None);
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![Just("a"), Just("b c"), Just("\"{}[],:\\"), Just("é\u{1}\n"), Just("")];
        let single = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        single.prop_recursive(3, 20, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..5).prop_map(|members| {
                    let member = |(name, value): (&str, Value)| (name.to_owned(), value);
                    Value::Object(members.into_iter().map(member).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_parser_finds_the_same(value in json(), pretty: bool) {
            let names = ["a", "b c", "é\u{1}\n", "\"{}[],:\\"];
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let expected = value.as_object().map(|members| {
                let wanted = |name: &&str| Some(((*name).to_owned(), members.get(*name)?.clone()));
                Value::Object(names.iter().filter_map(wanted).collect::<Map<_, _>>())
            });
            prop_assert_eq!(found(&text.unwrap(), &names), expected);
        }
    }
}
