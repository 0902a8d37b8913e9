//! What the connector `http` is, and what its settings answer.

use serde_json::Value;
use url::Url;

use super::{Expired, HttpDataType, HttpSettings, Pagination, Wait, WaitUnit};
use crate::key::Kind::Source;
use crate::language::connector::{Connector, ConnectorInfo, Settings};
use crate::language::omit;
use crate::name::DataTypeName;
use crate::plan::Consequence::{self, Reread};
use crate::rate::Rate;
use crate::rule::{Effect, Rule, noted, rule};

impl Connector for HttpSettings {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "http",
        title: "Any REST or GraphQL service that answers JSON, JSON Lines or CSV",
        needs_authorization: true,
        has_webhooks: true,
        features: &[
            "GraphQL",
            "incremental",
            "sync tokens",
            "nine paginations",
            "parents",
            "rate limit",
            "snapshot deletes",
        ],
    };

    const RULES: &'static [Rule] = &[
        rule(Source, "config.baseUrl", Reread),
        rule(Source, "config.headers", Reread),
        rule(Source, "config.rateLimit", Consequence::None),
        rule(Source, "config.retry", Consequence::None),
        rule(Source, "config.timeout", Consequence::None),
        rule(Source, "config.allowedOrigins", Consequence::None),
        rule(Source, "config.origin", Consequence::None),
        rule(Source, "config.maxBody", Consequence::None),
        rule(Source, "config.maxPages", Consequence::None),
        noted(
            Source,
            "config.dataTypes.*.incremental.expired",
            Effect::Always(Consequence::None),
            "it says when a token is given up, not what is read",
        ),
        noted(
            Source,
            "config.dataTypes.*.parent.skip",
            Effect::Always(Consequence::None),
            "what was passed over is asked for again with the next run",
        ),
        noted(
            Source,
            "config.dataTypes.*.parent.key",
            Effect::Always(Consequence::None),
            "it tells whether pages shift, not what is read",
        ),
    ];
}

impl Settings for HttpSettings {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.keys().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        let mut settings = self.data_types.get(data_type).cloned();
        if let Some(settings) = &mut settings {
            settings.make_path_canonical(data_type);
        }
        if let Some(parent) = settings.as_mut().and_then(|settings| settings.parent.as_mut()) {
            // Which parents may be passed over, and how they are told apart, says nothing about what was read.
            *parent = parent.data_type.clone().into();
        }
        if let Some(incremental) = settings.as_mut().and_then(|settings| settings.incremental.as_mut()) {
            // Nor does how a service says that it no longer knows a token.
            incremental.expired = Expired::default();
        }
        serde_json::to_value(settings)
    }

    fn earlier_fingerprints(&self, data_type: &DataTypeName) -> Result<Vec<Value>, serde_json::Error> {
        let mut fingerprint = self.fingerprint(data_type)?;
        let Some(settings) = self.data_types.get(data_type) else { return Ok(Vec::new()) };
        // A path without its first slash was another path once.
        let Some(path) = settings.spelled_path(data_type) else { return Ok(Vec::new()) };
        let Some(members) = fingerprint.as_object_mut() else { return Ok(Vec::new()) };
        members.insert("path".to_owned(), path.into());
        Ok(vec![fingerprint])
    }

    fn make_canonical(&mut self, _rebase: &dyn Fn(&str) -> String) {
        if let Some(wait) = &mut self.retry.wait {
            omit(&mut wait.unit, &WaitUnit::S);
            let is_default =
                wait.header.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("Retry-After"))
                    && *wait == Wait { header: wait.header.clone(), body: None, unit: None };
            if is_default {
                self.retry.wait = None;
            }
        }
        if let Some(base_url) = canonical_base_url(&self.base_url) {
            self.base_url = base_url;
        }
        for (name, data_type) in &mut self.data_types {
            if data_type.graphql.is_some() {
                data_type.make_graphql_canonical();
            }
            data_type.make_path_canonical(name);
            omit(&mut data_type.decode.delimiter, &',');
            if let Some(Pagination { page: Some(_), from, .. }) = &mut data_type.pagination {
                omit(from, &1);
            }
        }
    }

    fn base_url(&self) -> Option<&str> {
        Some(&self.base_url)
    }

    fn allowed_origins(&self) -> Vec<&str> {
        self.allowed_origins.iter().map(String::as_str).collect()
    }

    fn rate_limit(&self) -> Option<Rate> {
        self.rate_limit
    }

    fn parent_of(&self, data_type: &str) -> Option<&DataTypeName> {
        self.data_types.get(data_type)?.parent.as_ref().map(|parent| &parent.data_type)
    }

    fn webhooks(&self) -> Option<&HttpSettings> {
        Some(self)
    }
}

impl HttpDataType {
    /// The path as it is asked for; nothing where it is what the name of the data type says already.
    fn make_path_canonical(&mut self, name: &DataTypeName) {
        if let Some(path) =
            self.path.as_mut().filter(|path| !path.is_empty() && !path.starts_with(['/', '?']))
        {
            path.insert(0, '/');
        }
        let usual = if self.graphql.is_some() { String::new() } else { format!("/{name}") };
        omit(&mut self.path, &usual);
    }

    /// The path without its first slash, where it has one.
    fn spelled_path(&self, name: &DataTypeName) -> Option<String> {
        match (&self.path, &self.graphql) {
            (None, None) => Some(name.to_string()),
            (None, Some(_)) => None,
            (Some(path), _) => {
                let path = path.strip_prefix('/').unwrap_or(path);
                (!path.is_empty() && !path.starts_with(['/', '?'])).then(|| path.to_owned())
            }
        }
    }
}

/// A base URL in the form in which it is asked, without a slash at its end; nothing for what is none.
pub fn canonical_base_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_base = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_base.then(|| url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(base_url: &str, data_type: &Value) -> HttpSettings {
        serde_json::from_value(json!({ "baseUrl": base_url, "dataTypes": { "people": data_type } })).unwrap()
    }

    #[test]
    fn each_spelling_of_a_request_is_one_form() {
        for (base_url, expected) in [
            ("https://shop.example/api", "https://shop.example/api"),
            ("https://shop.example/api/", "https://shop.example/api"),
            ("HTTPS://Shop.Example:443/api//", "https://shop.example/api"),
            ("https://shop.example/", "https://shop.example"),
            ("https://shop.example", "https://shop.example"),
            ("http://shop.example:8080/API/", "http://shop.example:8080/API"),
            ("https://shop.example/a/../b", "https://shop.example/b"),
            // What is wrong is told as it is written.
            ("https://u:p@shop.example/", "https://u:p@shop.example/"),
            ("https://shop.example/?a=1", "https://shop.example/?a=1"),
            ("shop.example/", "shop.example/"),
        ] {
            let mut spelled = settings(base_url, &json!({}));
            spelled.make_canonical(&str::to_owned);
            assert_eq!(spelled.base_url, expected, "{base_url}");
        }
        let graphql = json!({ "query": "{ people { id } }" });
        for (data_type, expected) in [
            (json!({}), None),
            (json!({ "path": "/people" }), None),
            (json!({ "path": "people" }), None),
            (json!({ "path": "v1/people" }), Some("/v1/people")),
            (json!({ "path": "/people/" }), Some("/people/")),
            (json!({ "path": "" }), Some("")),
            (json!({ "path": "?type=people" }), Some("?type=people")),
            (json!({ "path": "graphql", "graphql": graphql }), Some("/graphql")),
            (json!({ "path": "", "graphql": graphql }), None),
        ] {
            let mut spelled = settings("https://shop.example", &data_type);
            spelled.make_canonical(&str::to_owned);
            let path = spelled.data_types["people"].path.as_deref();
            assert_eq!(path, expected, "{data_type}");
        }
    }

    /// A checkpoint of before stays good: what was kept of a spelling is among what is taken now.
    #[test]
    fn what_was_kept_of_a_spelling_is_known_again() {
        let name = "people".parse().unwrap();
        for (kept, written) in [
            (json!({ "path": "people" }), json!({})),
            (json!({ "path": "people", "records": "d" }), json!({ "path": "/people", "records": "d" })),
            (json!({ "path": "v1/people" }), json!({ "path": "/v1/people" })),
            (json!({ "path": "/v1/people" }), json!({ "path": "v1/people" })),
            (json!({}), json!({ "path": "people" })),
        ] {
            let settings = settings("https://shop.example", &written);
            let mut known = settings.earlier_fingerprints(&name).unwrap();
            known.push(settings.fingerprint(&name).unwrap());
            // As the version before kept it: as it was written.
            let before = serde_json::from_value::<HttpDataType>(kept.clone()).unwrap();
            assert!(known.contains(&serde_json::to_value(before).unwrap()), "{kept} {known:?}");
        }
        let other = settings("https://shop.example", &json!({ "path": "/other" }));
        assert!(!other.earlier_fingerprints(&name).unwrap().contains(&json!({})));
    }
}
