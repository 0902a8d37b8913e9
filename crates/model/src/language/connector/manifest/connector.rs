//! What a manifest is as a connector, and what its settings answer.

use serde_json::{Value, json};

use super::{ManifestSettings, Setting, is_url, listed};
use crate::canonical::Digest;
use crate::key::Kind;
use crate::language::connector::{Connector, ConnectorInfo, Settings};
use crate::name::DataTypeName;
use crate::plan::Consequence;
use crate::rule::{Effect, Rule, noted};

impl Connector for ManifestSettings {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "manifest",
        title: "A manifest in Airbyte's low-code language; `connector` may be its path or URL",
        needs_authorization: false,
        has_webhooks: false,
        features: &["incremental where the manifest says so", "snapshot deletes"],
    };

    const RULES: &'static [Rule] = &[
        noted(
            Kind::Source,
            "config.path",
            Effect::Always(Consequence::None),
            "what counts is what the file holds",
        ),
        noted(
            Kind::Source,
            "config.records",
            Effect::Always(Consequence::None),
            "what an answer without records means; the next reading takes it so",
        ),
        noted(
            Kind::Source,
            "records",
            Effect::Always(Consequence::None),
            "`config.records`, where `connector` is the manifest's path or name",
        ),
        noted(
            Kind::Source,
            "config.text",
            Effect::Always(Consequence::Reread),
            "another manifest may ask for other records",
        ),
    ];
}

impl Settings for ManifestSettings {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.iter().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        // A secret says who asks, and not what for.
        let is_plain = |setting: &&Setting| !matches!(setting, Setting::Secret(_));
        let settings = self.settings.iter().filter(|(_, setting)| is_plain(setting));
        let settings: serde_json::Map<String, Value> =
            settings.map(|(name, setting)| (name.clone(), setting.to_json(&mut |_| Value::Null))).collect();
        let text = Digest::of(self.text.as_bytes()).to_string();
        Ok(json!({ "dataType": data_type, "text": text, "settings": settings }))
    }

    fn make_canonical(&mut self, rebase: &dyn Fn(&str) -> String) {
        let place = self.path.take();
        let is_no_file = |place: &str| listed(place).is_some() || is_url(place);
        self.path = place.map(|place| if is_no_file(&place) { place } else { rebase(&place) });
    }
}
