//! What an OAuth client asks its server, and how it reads a token's expiry. It sends nothing.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::Tokens;
use super::jwt::Jwt;
use super::oauth::Names;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::request::text::{form, python_text};
use crate::request::url;
use crate::select::path::{Segment, get};
use crate::service::Service;
use crate::template::{Context, Literals, Template};
use crate::transport::Request;

/// A grant, compiled.
pub(super) struct Grant {
    endpoint: Option<Template>,
    client_id: Option<Template>,
    client_secret: Option<Template>,
    refresh_token: Option<Template>,
    access_value: Option<Template>,
    expiry_date: Option<Template>,
    kind: Template,
    names: [Template; 6],
    scopes: Vec<Value>,
    body: Vec<(Template, Template)>,
    headers: Vec<(Template, Template)>,
    in_query: bool,
    is_date: bool,
    paths: Option<Paths>,
    /// What stands for the client's credentials and the refresh token.
    assertion: Option<Jwt>,
}

/// The kind of a grant by assertion.
const BY_ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Where the config has the tokens of a client whose refresh tokens are replaced: `refresh_token_updater`.
pub(super) struct Paths {
    pub(super) refresh_name: String,
    access: Vec<Segment>,
    refresh: Vec<Segment>,
    expiry: Vec<Segment>,
}

const NAMES: [(&str, &str); 6] = [
    ("grant_type_name", "grant_type"),
    ("client_id_name", "client_id"),
    ("client_secret_name", "client_secret"),
    ("refresh_token_name", "refresh_token"),
    ("access_token_name", "access_token"),
    ("expires_in_name", "expires_in"),
];

impl Grant {
    pub(super) fn new(component: &Component, service: &Service) -> Result<Self, Problem> {
        let assertion = asserted(component, service)?;
        let filled = |name: &str| -> Result<Option<Template>, Problem> {
            Ok(component.template(name)?.filter(|template| !template.source().is_empty()))
        };
        let or = |(name, otherwise): (&str, &str)| -> Result<Template, Problem> {
            filled(name)?.map_or_else(|| component.template_of(name, otherwise), Ok)
        };
        let [grant, id, secret, refresh, access, expires] = NAMES;
        let grant = Self {
            endpoint: filled("token_refresh_endpoint")?,
            client_id: filled("client_id")?,
            client_secret: filled("client_secret")?,
            refresh_token: filled("refresh_token")?,
            access_value: filled("access_token_value")?,
            expiry_date: filled("token_expiry_date")?,
            kind: or(("grant_type", "refresh_token"))?,
            names: [or(grant)?, or(id)?, or(secret)?, or(refresh)?, or(access)?, or(expires)?],
            scopes: component.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default(),
            body: pairs(component, "refresh_request_body")?,
            headers: pairs(component, "refresh_request_headers")?,
            in_query: component.bool("send_refresh_request_as_query_params").unwrap_or(false),
            is_date: component.str("token_expiry_date_format").is_some_and(|format| !format.is_empty()),
            paths: component
                .child("refresh_token_updater")
                .map(|updater| Paths::new(&updater))
                .transpose()?,
            assertion,
        };
        let kind =
            grant.kind.text(&service.context()).map_err(|error| component.invalid("grant_type", error))?;
        if kind == "refresh_token"
            && grant.assertion.is_none()
            && grant.refresh_token.is_none()
            && grant.paths.is_none()
        {
            return Err(component.invalid("refresh_token", "it is required and missing"));
        }
        Ok(grant)
    }

    pub(super) fn paths(&self) -> Option<&Paths> {
        self.paths.as_ref()
    }

    pub(super) fn names(&self, context: &Context) -> Result<Names, ReadError> {
        let [.., access, expires] = &self.names;
        Ok(Names { access: access.text(context)?, expires: expires.text(context)? })
    }

    /// The access token that the config states, where no server gives others.
    pub(super) fn fixed_token(&self, context: &Context) -> Result<Option<String>, ReadError> {
        match (&self.endpoint, &self.access_value) {
            (None, Some(token)) => Ok(Some(token.text(context)?)),
            (None, None) => Err(ReadError::Settings("OAuth has neither a token nor an endpoint".to_owned())),
            (Some(_), _) => Ok(None),
        }
    }

    /// The tokens that stand in the config.
    pub(super) fn stated_tokens(&self, service: &Service) -> Result<Option<Tokens>, ReadError> {
        let context = &service.context();
        let text = |template: &Option<Template>| -> Result<Option<String>, ReadError> {
            let text = template.as_ref().map(|template| template.text(context)).transpose()?;
            Ok(text.filter(|text| !text.is_empty()))
        };
        let (access, refresh, expiry) = match &self.paths {
            Some(paths) => {
                let at = |path: &[Segment]| get(service.config(), path).ok().flatten().map(python_text);
                (at(&paths.access), at(&paths.refresh).or(text(&self.refresh_token)?), at(&paths.expiry))
            }
            None => (text(&self.access_value)?, text(&self.refresh_token)?, text(&self.expiry_date)?),
        };
        let expires = match expiry.filter(|date| !date.is_empty()) {
            Some(date) => date_of(&date).ok_or_else(|| {
                ReadError::Settings("the date at which the token expires is no date".to_owned())
            })?,
            None => Timestamp::MIN,
        };
        let secret = |token: Option<String>| token.filter(|token| !token.is_empty()).map(SecretString::from);
        let access = secret(access);
        let expires = if access.is_some() { expires } else { Timestamp::MIN };
        Ok(Some(Tokens { access: access.unwrap_or_default(), refresh: secret(refresh), expires }))
    }

    /// The request for a token.
    pub(super) fn request(
        &self,
        refresh: Option<&SecretString>,
        service: &Service,
    ) -> Result<Request, ReadError> {
        let context = &service.context();
        let mut headers = evaluated(&self.headers, context)?;
        let fields = self.fields(refresh, headers.contains_key("Authorization"), service)?;
        let endpoint = self.endpoint.as_ref().map(|endpoint| endpoint.text(context)).transpose()?;
        let query = if self.in_query { form(&fields) } else { String::new() };
        let url = url::prepared(&endpoint.unwrap_or_default(), &query)
            .map_err(|error| ReadError::Settings(error.to_string()))?;
        let has_kind = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if !self.in_query && !has_kind {
            headers.insert("Content-Type".to_owned(), Value::from("application/x-www-form-urlencoded"));
        }
        Ok(Request {
            method: "POST".to_owned(),
            url,
            headers: headers.iter().map(|(name, value)| (name.clone(), python_text(value))).collect(),
            body: (!self.in_query).then(|| Bytes::from(form(&fields))),
        })
    }

    /// What the request says. A signed one leaves the client's credentials out.
    fn fields(
        &self,
        refresh: Option<&SecretString>,
        is_signed: bool,
        service: &Service,
    ) -> Result<Map<String, Value>, ReadError> {
        let context = &service.context();
        let [grant, id, secret, refresh_name, ..] = &self.names;
        let mut fields = Map::new();
        if let Some(assertion) = &self.assertion {
            fields.insert(grant.text(context)?, Value::from(BY_ASSERTION));
            fields.insert("assertion".to_owned(), Value::from(assertion.token(service)?));
            return Ok(fields);
        }
        fields.insert(grant.text(context)?, Value::from(self.kind.text(context)?));
        if !is_signed {
            for (name, value) in [(id, &self.client_id), (secret, &self.client_secret)] {
                let value = value.as_ref().map(|value| value.text(context)).transpose()?.unwrap_or_default();
                service.masks().add(&value);
                fields.insert(name.text(context)?, Value::from(value));
            }
        }
        if let Some(token) = refresh {
            fields.insert(refresh_name.text(context)?, Value::from(token.expose_secret()));
        }
        if !self.scopes.is_empty() {
            fields.insert("scopes".to_owned(), Value::Array(self.scopes.clone()));
        }
        for (name, value) in evaluated(&self.body, context)? {
            fields.entry(name).or_insert(value);
        }
        Ok(fields)
    }

    /// When a token expires, by what the server says: seconds from now, or a date.
    pub(super) fn expiry(&self, stated: &Value, now: Timestamp) -> Option<Timestamp> {
        let text = python_text(stated);
        if self.is_date {
            return date_of(&text);
        }
        let seconds = text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite())?.trunc();
        let duration = Duration::try_from_secs_f64(seconds.abs()).ok()?;
        if seconds < 0.0 { now.checked_sub(duration).ok() } else { now.checked_add(duration).ok() }
    }
}

impl Paths {
    fn new(updater: &Component) -> Result<Self, Problem> {
        let path = |member: &str, last: &str| match updater.get(member) {
            None => Ok(vec![Segment::Name("credentials".to_owned()), Segment::Name(last.to_owned())]),
            Some(Value::Array(segments)) => Ok(segments.iter().map(Segment::of).collect()),
            Some(_) => Err(updater.invalid(member, "a list is expected")),
        };
        Ok(Self {
            refresh_name: updater.str("refresh_token_name").unwrap_or("refresh_token").to_owned(),
            access: path("access_token_config_path", "access_token")?,
            refresh: path("refresh_token_config_path", "refresh_token")?,
            expiry: path("token_expiry_date_config_path", "token_expiry_date")?,
        })
    }
}

/// The assertion of a client that has one.
fn asserted(component: &Component, service: &Service) -> Result<Option<Jwt>, Problem> {
    let used = match component.template("use_profile_assertion")? {
        Some(used) => {
            used.is_true(&service.context()).map_err(|e| component.invalid("use_profile_assertion", e))?
        }
        None => false,
    };
    if !used {
        return Ok(None);
    }
    let assertion = component.required("profile_assertion", component.child("profile_assertion"))?;
    if assertion.kind() != "JwtAuthenticator" {
        return Err(assertion.unsupported());
    }
    Jwt::new(&assertion, service).map(Some)
}

fn pairs(component: &Component, member: &str) -> Result<Vec<(Template, Template)>, Problem> {
    let pair = |(name, value): (&String, &Value)| {
        let place = format!("{member}.{name}");
        Ok((component.template_of(&place, name)?, component.template_of(&place, &python_text(value))?))
    };
    let members = component.get(member).and_then(Value::as_object);
    members.into_iter().flatten().map(pair).collect()
}

fn evaluated(pairs: &[(Template, Template)], context: &Context) -> Result<Map<String, Value>, ReadError> {
    let pair = |(name, value): &(Template, Template)| {
        Ok((python_text(&name.entry(context, Literals::Texts)?), value.entry(context, Literals::Any)?))
    };
    crate::try_object(pairs.iter().map(pair))
}

/// A date: seconds since 1970, a day, or a date with a time, in UTC where it does not say where.
pub(super) fn date_of(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    let date = text.parse::<jiff::civil::DateTime>().ok()?;
    date.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
