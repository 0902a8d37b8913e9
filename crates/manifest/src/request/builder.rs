//! The request that an `HttpRequester` describes: its URL, method, parameters, headers and body, with what paginator,
//! slices and authenticator add. A pure function of the context; it never sends.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::entries::{Entries, Given, Reading};
use super::option::merge;
use super::text::{form, python_text};
use super::url;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::{Additions, Place};
use crate::template::{Context, Literals, Template};
use crate::transport::Request;

/// The request of a requester, compiled.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    method: String,
    base: Option<Template>,
    url: Option<Template>,
    path: Option<Template>,
    parameters: Entries,
    headers: Entries,
    form: Entries,
    json: Entries,
    properties_name: Option<String>,
}

/// What is asked beyond what the requester says itself.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What paginator, partition and cursor add.
    pub additions: &'a Additions,
    /// What the authenticator adds.
    pub credentials: &'a Additions,
    /// The path or URL of the page, where the paginator knows it.
    pub path: Option<&'a str>,
    /// The names of the properties that are asked for, where the requester asks for a part of them.
    pub properties: Option<&'a [String]>,
}

const FLAT: Reading = Reading { names: Literals::Texts, values: Literals::TextsAndLists };
const TYPED: Reading = Reading { names: Literals::Any, values: Literals::Any };

impl RequestBuilder {
    /// The request that a component describes.
    ///
    /// # Errors
    /// When the component is wrong.
    pub fn new(component: &Component) -> Result<Self, Problem> {
        let method = component.str("http_method").unwrap_or("GET").to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") {
            return Err(component.invalid("http_method", format!("`{method}` is no HTTP method")));
        }
        let mut properties_name = None;
        let parameters = match component.get("request_parameters") {
            Some(Value::Object(members)) => {
                let is_properties = |value: &Value| value.get("type") == Some(&"QueryProperties".into());
                let (properties, rest): (Map<_, _>, Map<_, _>) =
                    members.clone().into_iter().partition(|(_, value)| is_properties(value));
                if properties.len() > 1 {
                    return Err(component.invalid("request_parameters", "it asks for properties twice"));
                }
                properties_name = properties.keys().next().cloned();
                Some(Value::Object(rest))
            }
            other => other.cloned(),
        };
        let (form, json) = bodies(component)?;
        Ok(Self {
            method,
            base: filled(component, "url_base")?,
            url: filled(component, "url")?,
            path: filled(component, "path")?,
            parameters: Entries::flat(component, "request_parameters", parameters.as_ref())?,
            headers: Entries::flat(component, "request_headers", component.get("request_headers"))?,
            form,
            json,
            properties_name,
        })
    }

    /// The request.
    ///
    /// # Errors
    /// When a template has no value, two parts set the same name, or there is no URL.
    pub fn request(&self, context: &Context, asked: Asked<'_>) -> Result<Request, ReadError> {
        let url = self.location(context, asked.path)?;
        let own = self.own(context, asked.properties)?;
        let query = remaining(&url, together(own.parameters, asked, Place::Parameter)?)?;
        let headers = together(own.headers, asked, Place::Header)?;
        let mut request = Request {
            method: self.method.clone(),
            url: url::prepared(&url, &form(&query))
                .map_err(|error| ReadError::Settings(error.to_string()))?,
            headers: once_each(&headers, &asked.credentials.headers),
            body: None,
        };
        let json = together(own.json, asked, Place::Json)?;
        let form = self.form(context, asked)?;
        if matches!(self.method.as_str(), "GET" | "POST" | "PUT" | "PATCH") {
            set_body(&mut request, json, form)?;
        }
        Ok(request)
    }

    fn location(&self, context: &Context, path: Option<&str>) -> Result<String, ReadError> {
        let text =
            |template: &Option<Template>| template.as_ref().map_or(Ok(String::new()), |t| t.text(context));
        let base = match text(&self.base)? {
            base if base.is_empty() => text(&self.url)?,
            base => base,
        };
        Ok(match path {
            Some(path) if !path.is_empty() => url::join(&base, path),
            _ => url::join(&base, text(&self.path)?.trim_start_matches('/')),
        })
    }

    /// What the requester itself sets, but for a form.
    fn own(&self, context: &Context, properties: Option<&[String]>) -> Result<Additions, ReadError> {
        let mut parameters = match self.parameters.given(context, FLAT)? {
            Given::Members(members) => members,
            Given::Text(_) => Map::new(),
        };
        if let Some(name) = &self.properties_name {
            let properties = properties.ok_or_else(|| {
                ReadError::Settings(format!("the properties that `{name}` asks for are not known"))
            })?;
            parameters.insert(name.clone(), Value::String(properties.join(",")));
        }
        let headers = members(self.headers.given(context, TYPED)?, "the headers of a request")?;
        let json = members(self.json.given(context, TYPED)?, "the JSON body of a request")?;
        Ok(Additions { parameters, headers, form: Map::new(), json })
    }

    fn form(&self, context: &Context, asked: Asked<'_>) -> Result<Given, ReadError> {
        match self.form.given(context, FLAT)? {
            Given::Members(members) => together(members, asked, Place::Form).map(Given::Members),
            Given::Text(text) if asked.additions.form.is_empty() && asked.credentials.form.is_empty() => {
                Ok(Given::Text(text))
            }
            Given::Text(_) => Err(ReadError::Settings(
                "the body of a request is a text, and fields are added to it".to_owned(),
            )),
        }
    }
}

/// A template that is not empty.
fn filled(component: &Component, member: &str) -> Result<Option<Template>, Problem> {
    Ok(component.template(member)?.filter(|template| !template.source().is_empty()))
}

/// The form and the JSON body: from `request_body` or its older members.
fn bodies(component: &Component) -> Result<(Entries, Entries), Problem> {
    let mut form = Entries::flat(component, "request_body_data", component.get("request_body_data"))?;
    let mut json = Entries::nested(component, "request_body_json", component.get("request_body_json"))?;
    if let Some(body) = component.child("request_body") {
        let value = body.get("value");
        match body.kind() {
            "RequestBodyUrlEncodedForm" | "RequestBodyPlainText" => {
                form = Entries::flat(&body, "value", value)?;
            }
            "RequestBodyJsonObject" | "RequestBodyGraphQL" => json = Entries::nested(&body, "value", value)?,
            _ => return Err(body.unsupported()),
        }
    }
    if !form.is_none() && !json.is_none() {
        return Err(component.invalid("", "it has either a form or a JSON body, not both"));
    }
    Ok((form, json))
}

fn members(given: Given, what: &str) -> Result<Map<String, Value>, ReadError> {
    match given {
        Given::Members(members) => Ok(members),
        Given::Text(_) => Err(ReadError::Settings(format!("{what} cannot be a text"))),
    }
}

/// What the requester, the authenticator and the others set in one place.
fn together(
    own: Map<String, Value>,
    asked: Asked<'_>,
    place: Place,
) -> Result<Map<String, Value>, ReadError> {
    let mut members = own;
    for others in [asked.credentials, asked.additions] {
        let others = match place {
            Place::Parameter => &others.parameters,
            Place::Header => &others.headers,
            Place::Form => &others.form,
            Place::Json => &others.json,
        };
        merge(&mut members, others.clone(), place).map_err(|twice| ReadError::Settings(twice.to_string()))?;
    }
    Ok(members)
}

/// Headers as text. Of those that differ in case alone, the authenticator's counts.
fn once_each(headers: &Map<String, Value>, credentials: &Map<String, Value>) -> Vec<(String, String)> {
    let mut once: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let value = python_text(value);
        match once.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((known, _)) if credentials.contains_key(known.as_str()) => {}
            Some(known) => *known = (name.clone(), value),
            None => once.push((name.clone(), value)),
        }
    }
    once
}

/// The parameters that the query of the URL does not have already with the same value.
fn remaining(url: &str, mut parameters: Map<String, Value>) -> Result<Map<String, Value>, ReadError> {
    for (name, value) in url::query_of(url) {
        if parameters.get(&name).is_some_and(|known| python_text(known) == value) {
            parameters.remove(&name);
        }
    }
    match parameters.iter().find(|(_, value)| value.is_object()) {
        Some((name, _)) => Err(ReadError::Settings(format!("the parameter `{name}` cannot be an object"))),
        None => Ok(parameters),
    }
}

fn set_body(request: &mut Request, json: Map<String, Value>, given: Given) -> Result<(), ReadError> {
    let empty = match &given {
        Given::Members(fields) => fields.is_empty(),
        Given::Text(text) => text.is_empty(),
    };
    let (body, kind) = match given {
        _ if empty && json.is_empty() => return Ok(()),
        _ if empty => (Value::Object(json).to_string(), Some("application/json")),
        _ if !json.is_empty() => {
            return Err(ReadError::Settings(
                "a request has either a form or a JSON body, not both".to_owned(),
            ));
        }
        Given::Members(fields) => (form(&fields), Some("application/x-www-form-urlencoded")),
        Given::Text(text) => (text, None),
    };
    request.body = Some(Bytes::from(body));
    let has_kind = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some(kind) = kind.filter(|_| !has_kind) {
        request.headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
