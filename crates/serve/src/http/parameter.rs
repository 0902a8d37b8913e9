//! Parameters of routes: what each may hold, checked against the table before anything is done.
//!
//! A parameter that the table does not name is refused: a mistyped `allow-delete` must not pass as none.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use axum::http::HeaderMap;
use raccord_model::name::{MAX_NAME, NameError};
use raccord_model::{Digest, Ident, Key, Kind as ModelKind};
use serde_json::{Value, json};
use uuid::Uuid;

use super::problem::Refusal;
use super::route::Route;
use crate::request::{FieldText, Text, TooLong};
use crate::transport::PROTOCOL;

/// A parameter of a route.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// What it is called.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it is for.
    pub description: &'static str,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// Among the headers.
    Header,
}

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no; its name alone is yes.
    Flag,
    /// A number up to the greatest one; without it, the default.
    Number(u64, Option<u64>),
    /// The name of a resource.
    Name,
    /// The name of a data type.
    DataType,
    /// A word that another service has chosen, of at most so many characters.
    Word(usize),
    /// The id of something.
    Id,
    /// A digest.
    Digest,
    /// `Kind/name`; any number of them.
    Keys,
    /// The kind of a resource.
    ResourceKind,
    /// An entity, as `project.entity`.
    Entity,
    /// `field=value`; any number of them.
    Conditions,
    /// Where a page begins.
    Page,
    /// The id of a reject.
    RejectId,
    /// Any text of at most so many characters.
    Text(usize),
    /// Any number of texts of at most `MAX_TEXT` characters.
    Texts,
    /// The version of the protocol.
    Protocol,
}

/// The longest text in a query, in characters: several of them have to fit into the head of a request.
const MAX_TEXT: usize = 1_000;

/// The kinds whose resources stand in the state.
const RESOURCE_KINDS: [ModelKind; 6] = [
    ModelKind::Stack,
    ModelKind::Project,
    ModelKind::Authorization,
    ModelKind::Source,
    ModelKind::Transfer,
    ModelKind::Integration,
];

impl Kind {
    /// Whether it may stand there more than once.
    const fn repeats(self) -> bool {
        matches!(self, Self::Keys | Self::Conditions | Self::Texts)
    }

    /// Its JSON Schema.
    pub fn schema(self) -> Value {
        const NAME: &str = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";
        const IDENT: &str = "[A-Za-z_][A-Za-z0-9_]*";
        match self {
            Self::Flag => json!({ "type": "boolean", "default": false }),
            Self::Number(most, None) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
            Self::Number(most, Some(default)) => {
                json!({ "type": "integer", "minimum": 0, "maximum": most, "default": default })
            }
            Self::Name => json!({ "type": "string", "pattern": format!("^{NAME}$"), "maxLength": 63 }),
            Self::DataType => json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]+$", "maxLength": 63 }),
            Self::Word(most) => json!({ "type": "string", "pattern": WORD, "maxLength": most }),
            Self::Id => json!({ "type": "string", "format": "uuid" }),
            Self::Digest => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            Self::Keys => {
                let kinds = "Stack|Project|Authorization|Source|Transfer|Integration";
                json!({ "type": "array", "items": {
                    "type": "string", "pattern": format!("^({kinds})/{NAME}$"), "maxLength": 80,
                } })
            }
            Self::ResourceKind => json!({ "type": "string", "enum": RESOURCE_KINDS.map(ModelKind::as_str) }),
            Self::Entity => {
                json!({ "type": "string", "pattern": format!("^{NAME}\\.{IDENT}$"), "maxLength": 127 })
            }
            Self::Conditions => {
                let pattern = format!("^{IDENT}=");
                let most = MAX_NAME + 1 + MAX_TEXT;
                json!({ "type": "array", "items": { "type": "string", "pattern": pattern, "maxLength": most } })
            }
            Self::Page => json!({ "type": "string", "pattern": "^([0-9a-f]{2})*$", "maxLength": 16_384 }),
            Self::RejectId => json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" }),
            Self::Text(most) => json!({ "type": "string", "maxLength": most }),
            Self::Texts => {
                json!({ "type": "array", "items": { "type": "string", "maxLength": MAX_TEXT } })
            }
            Self::Protocol => json!({ "type": "string", "const": PROTOCOL.to_string() }),
        }
    }
}

/// What a word of another service is made of: visible ASCII that stands in a path as it is.
const WORD: &str = "^[A-Za-z0-9_.:~-]+$";

/// The parameters of a request.
#[derive(Debug)]
pub struct Values {
    route: &'static Route,
    texts: BTreeMap<&'static str, Vec<String>>,
}

impl Values {
    /// Reads the parameters of a request; those in the path come from the router.
    pub fn read<'p>(
        route: &'static Route,
        path: impl Iterator<Item = (&'p str, &'p str)>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let mut values = Self { route, texts: BTreeMap::new() };
        for (name, text) in path {
            values.add(Place::Path, name, text.to_owned())?;
        }
        for (name, text) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            values.add(Place::Query, &name, text.into_owned())?;
        }
        for parameter in route.parameters.iter().filter(|parameter| parameter.place == Place::Header) {
            for value in headers.get_all(parameter.name) {
                let text = value.to_str().map_err(|_| wrong(parameter.name, "it is no text"))?;
                values.add(Place::Header, parameter.name, text.trim().to_owned())?;
            }
        }
        let missing =
            |parameter: &&Parameter| parameter.is_required && !values.texts.contains_key(parameter.name);
        match route.parameters.iter().find(missing) {
            Some(parameter) => Err(wrong(parameter.name, "it is missing")),
            None => Ok(values),
        }
    }

    fn add(&mut self, place: Place, name: &str, text: String) -> Result<(), Refusal> {
        let known = |parameter: &&Parameter| parameter.place == place && parameter.name == name;
        let parameter = self.route.parameters.iter().find(known).ok_or_else(|| {
            Refusal::invalid(format!(
                "there is no parameter `{}` here",
                name.chars().take(63).collect::<String>()
            ))
        })?;
        let texts = self.texts.entry(parameter.name).or_default();
        if !texts.is_empty() && !parameter.kind.repeats() {
            return Err(wrong(parameter.name, "it stands there twice"));
        }
        texts.push(text);
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).and_then(|texts| texts.first()).map(String::as_str)
    }

    /// A yes or no; no when it is not there.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(wrong(name, "it is `true` or `false`")),
        }
    }

    /// A number, or its default.
    pub fn number(&self, name: &str) -> Result<u64, Refusal> {
        let (most, default) = match self.route.parameters.iter().find(|parameter| parameter.name == name) {
            Some(Parameter { kind: Kind::Number(most, default), .. }) => (*most, default.unwrap_or_default()),
            _ => (u64::MAX, 0),
        };
        let Some(text) = self.text(name) else { return Ok(default) };
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_number && *number <= most);
        number.ok_or_else(|| wrong(name, &format!("it is a number up to {most}")))
    }

    /// A number, when it is there.
    pub fn maybe_number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.text(name).map(|_| self.number(name)).transpose()
    }

    /// A number of things, or its default.
    pub fn count(&self, name: &str) -> Result<usize, Refusal> {
        usize::try_from(self.number(name)?).map_err(|_| wrong(name, "it is too large"))
    }

    /// A number of things, when it is there.
    pub fn maybe_count(&self, name: &str) -> Result<Option<usize>, Refusal> {
        self.text(name).map(|_| self.count(name)).transpose()
    }

    /// A number of things to answer.
    pub fn limit(&self) -> Result<usize, Refusal> {
        self.count("limit")
    }

    /// A text to look for, when it is there.
    pub fn search<const MOST: usize>(&self, name: &str) -> Result<Option<Text<MOST>>, Refusal> {
        self.get(name)
    }

    /// Something with a form of its own, when it is there.
    pub fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let read = |text: &str| text.parse().map_err(|error: T::Err| wrong(name, &error.to_string()));
        self.text(name).map(read).transpose()
    }

    /// Something with a form of its own that the table requires.
    pub fn need<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Refusal> {
        self.get(name)?.ok_or_else(|| wrong(name, "it is missing"))
    }

    /// A word that another service has chosen.
    pub fn word(&self, name: &str, most: usize) -> Result<Option<String>, Refusal> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:~-".contains(&byte);
        match self.text(name) {
            None => Ok(None),
            Some(text) if !text.is_empty() && text.len() <= most && text.bytes().all(is_ours) => {
                Ok(Some(text.to_owned()))
            }
            Some(_) => Err(wrong(name, "it is a word of letters, digits and _ . : ~ -")),
        }
    }

    /// An id, in the one form that we write.
    pub fn id(&self, name: &str) -> Result<Option<Uuid>, Refusal> {
        let read = |text: &str| {
            let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
            id.ok_or_else(|| wrong(name, "it is an id such as 0198c0de-0000-7000-8000-000000000000"))
        };
        self.text(name).map(read).transpose()
    }

    /// A digest that the table requires.
    pub fn digest(&self, name: &str) -> Result<Digest, Refusal> {
        let digest: Digest = self.need(name)?;
        let is_ours = self.text(name) == Some(&digest.to_string());
        is_ours.then_some(digest).ok_or_else(|| wrong(name, "a digest has 64 hexadecimal digits"))
    }

    /// A digest, when it is there.
    pub fn maybe_digest(&self, name: &str) -> Result<Option<Digest>, Refusal> {
        self.text(name).map(|_| self.digest(name)).transpose()
    }

    /// The kind of a resource.
    pub fn resource_kind(&self, name: &str) -> Result<ModelKind, Refusal> {
        let kind = RESOURCE_KINDS.into_iter().find(|kind| self.text(name) == Some(kind.as_str()));
        kind.ok_or_else(|| {
            wrong(name, &format!("it is one of {}", RESOURCE_KINDS.map(ModelKind::as_str).join(", ")))
        })
    }

    /// Any number of conditions, as `field=value`.
    pub fn conditions(&self, name: &str) -> Result<Vec<(Ident, FieldText)>, Refusal> {
        let read = |text: &String| {
            let (field, value) =
                text.split_once('=').ok_or_else(|| wrong(name, "it is written field=value"))?;
            let field = field.parse().map_err(|error: NameError| wrong(name, &error.to_string()))?;
            Ok((field, short(name, value)?))
        };
        self.texts.get(name).into_iter().flatten().map(read).collect()
    }

    /// Any number of texts.
    pub fn values_of(&self, name: &str) -> Result<Vec<FieldText>, Refusal> {
        self.texts.get(name).into_iter().flatten().map(|text| short(name, text)).collect()
    }

    /// Any number of keys.
    pub fn keys(&self, name: &str) -> Result<Vec<Key>, Refusal> {
        let read = |text: &String| {
            let key: Key = text
                .parse()
                .map_err(|error: raccord_model::key::KeyError| wrong(name, &error.to_string()))?;
            let is_ours = key.kind.is_resource() && key.to_string() == *text;
            is_ours
                .then_some(key)
                .ok_or_else(|| wrong(name, "it is written Kind/name, as in Transfer/customers"))
        };
        self.texts.get(name).into_iter().flatten().map(read).collect()
    }
}

/// A text that is no longer than one in a query may be.
fn short(name: &str, text: &str) -> Result<FieldText, Refusal> {
    let fits = text.parse::<Text<MAX_TEXT>>().map_err(|error: TooLong| wrong(name, &error.to_string()))?;
    Ok(Text::cut(&fits))
}

fn wrong(name: &str, problem: &str) -> Refusal {
    Refusal::invalid(format!("the parameter `{name}`: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::super::route::ROUTES;
    use super::*;

    fn values(id: &str, query: &str) -> Result<Values, Refusal> {
        let route = ROUTES.iter().find(|route| route.id == id).unwrap();
        Values::read(route, std::iter::empty(), Some(query), &HeaderMap::new())
    }

    #[test]
    fn flags_numbers_and_keys_are_read_or_refused() {
        let check = |query: &str, expected: Result<(u64, bool, usize), &str>| {
            let read = values("apply", query).and_then(|values| {
                let keys = values.keys("target")?;
                Ok((values.number("serial")?, values.flag("allowDelete")?, keys.len()))
            });
            match (read, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(found), Err(expected)) => {
                    let detail = found.problem().detail;
                    assert!(detail.contains(expected), "{query}: {detail}");
                }
                (found, _) => panic!("{query}: {found:?}"),
            }
        };
        check("serial=3", Ok((3, false, 0)));
        check("serial=3&allowDelete", Ok((3, true, 0)));
        check("serial=3&allowDelete=true&target=Transfer/a&target=Source%2Fb", Ok((3, true, 2)));
        check("serial=3&allowDelete=false", Ok((3, false, 0)));
        check("", Err("`serial`: it is missing"));
        check("serial=-1", Err("`serial`: it is a number"));
        check("serial=%2B1", Err("`serial`: it is a number"));
        check("serial=99999999999999999999", Err("`serial`: it is a number"));
        check("serial=1&serial=2", Err("twice"));
        check("serial=1&allowDelet=true", Err("no parameter `allowDelet`"));
        check("serial=1&allowDelete=yes", Err("`true` or `false`"));
        check("serial=1&target=transfer/a", Err("written Kind/name"));
        check("serial=1&target=Mapping/a", Err("written Kind/name"));
        check("serial=1&target=a", Err("not a resource"));
    }

    #[test]
    fn a_limit_has_a_default_and_an_end() {
        assert_eq!(values("runs", "").unwrap().limit().unwrap(), 100);
        assert_eq!(values("runs", "limit=7").unwrap().limit().unwrap(), 7);
        assert!(values("runs", "limit=10001").unwrap().limit().is_err());
    }
}
