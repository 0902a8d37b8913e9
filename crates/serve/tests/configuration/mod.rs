//! The small configuration that tests of this crate begin with: an entity, a source, a transfer into it, and an integration. What
//! differs from one test to another is a field here; nothing here runs or asserts.

/// What differs from one configuration to another.
pub(crate) struct Configuration<'a> {
    /// The transfer, which is called like its data type, and the entity that it feeds.
    pub(crate) transfer: (&'a str, &'a str),
    /// The fields of the entity beside its key, with their types.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// What feeds the fields, where that is not the member of the same name: `name: title`.
    pub(crate) mapping: Option<&'a str>,
    /// The `spec` of the source.
    pub(crate) source: &'a str,
    /// How deletions are learned of.
    pub(crate) deletes: &'a str,
    /// What else the transfer says, in a line: `version: updated`.
    pub(crate) says: &'a str,
    /// What is subscribed.
    pub(crate) updates: &'a str,
}

impl Default for Configuration<'_> {
    fn default() -> Self {
        Self {
            transfer: ("items", "item"),
            fields: &[("name", "text")],
            mapping: None,
            source: "",
            deletes: "none",
            says: "",
            updates: "created, updated, deleted",
        }
    }
}

impl Configuration<'_> {
    /// The YAML. No number of failures disables the integration.
    pub(crate) fn yaml(&self) -> String {
        let Self { transfer: (transfer, entity), fields, source, deletes, says, updates, .. } = self;
        let types: String = fields.iter().map(|(name, kind)| format!(", {name}: {kind}")).collect();
        let own: Vec<String> = fields.iter().map(|(name, _)| format!("{name}: {name}")).collect();
        let mapping = self.mapping.map_or_else(|| own.join(", "), str::to_owned);
        format!(
            "apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{{entity}: {{key: id, fields: {{id: text{types}}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: shop}}
spec: {source}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: {transfer}}}
spec:
  source: shop
  to: crm.{entity}
  active: true
  deletes: {deletes}
  {says}
  mapping: {{primaryKey: {{id: id}}, fields: {{{mapping}}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop}}
spec:
  active: true
  breaker: {{consecutiveFailures: 1000}}
  subscriptions: {{{transfer}: [{updates}]}}
"
        )
    }
}
