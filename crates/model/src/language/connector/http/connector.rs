//! What the connector `http` is, and what its settings answer.

use serde_json::Value;

use super::{Expired, HttpSettings, Pagination, Wait, WaitUnit};
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
        for (name, data_type) in &mut self.data_types {
            if data_type.graphql.is_some() {
                data_type.make_graphql_canonical();
            } else {
                omit(&mut data_type.path, &format!("/{name}"));
            }
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
