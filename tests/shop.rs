//! The small shop that most tests begin with: people in a file, an entity that takes them, a transfer into it, and
//! an integration. What differs from one test to another is a field here; nothing here runs or asserts.

use crate::environment::TestEnvironment;

/// A source whose people are a CSV file.
pub(crate) const FILE: &str = "{connector: file, config: {dataTypes: {people: {path: people.csv}}}}";

/// The fields of people of whom more is known than their name.
pub(crate) const NAME_AND_EMAIL: &[(&str, &str)] = &[("name", "text"), ("email", "{type: email}")];

/// What differs from one shop to another.
pub(crate) struct Shop<'a> {
    /// What the source and the integration are called.
    pub(crate) name: &'a str,
    /// The fields of the entities beside their key, with their types; each takes the field of the same name.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// The `spec` of the source.
    pub(crate) source: &'a str,
    /// The transfers, with the entity that each feeds.
    pub(crate) transfers: &'a [(&'a str, &'a str)],
    /// What else the transfers say: `version: updated`.
    pub(crate) transfer: &'a str,
    /// What is subscribed.
    pub(crate) updates: &'a str,
    /// What else the integration says.
    pub(crate) integration: &'a str,
}

impl Default for Shop<'_> {
    fn default() -> Self {
        Self {
            name: "shop",
            fields: &[("name", "text")],
            source: FILE,
            transfers: &[("people", "contact")],
            transfer: "",
            updates: "created, updated",
            integration: "",
        }
    }
}

impl Shop<'_> {
    /// The YAML.
    pub(crate) fn yaml(&self) -> String {
        let documents = [vec![self.project(), self.source()], self.transfers(), vec![self.integration()]];
        documents.concat().join("---\n")
    }

    /// The same, a file for each document; the shop has one transfer.
    pub(crate) fn files(&self) -> [(&'static str, String); 4] {
        [
            ("project.yaml", self.project()),
            ("source.yaml", self.source()),
            ("transfer.yaml", self.transfers().concat()),
            ("integration.yaml", self.integration()),
        ]
    }

    /// A directory with the YAML and a file without records, applied.
    pub(crate) fn applied(&self) -> TestEnvironment {
        let environment =
            TestEnvironment::with(&[("raccord.yaml", &self.yaml()), ("people.csv", "id,name\n")]);
        environment.ok("apply --auto-approve");
        environment
    }

    /// The document of the project.
    pub(crate) fn project(&self) -> String {
        let fields = self.fields.iter().map(|(name, kind)| format!(", {name}: {kind}")).collect::<String>();
        let entity = |(_, entity): &(&str, &str)| {
            format!("    {entity}:\n      key: id\n      fields: {{id: text{fields}}}\n")
        };
        let entities: String = self.transfers.iter().map(entity).collect();
        document("Project", "crm", &format!("\n  entities:\n{entities}"))
    }

    /// The document of the source.
    pub(crate) fn source(&self) -> String {
        document("Source", self.name, &format!(" {}\n", self.source))
    }

    fn transfers(&self) -> Vec<String> {
        let fields: Vec<String> = self.fields.iter().map(|(name, _)| format!("{name}: {name}")).collect();
        let mapping =
            format!("  mapping:\n    primaryKey: {{id: id}}\n    fields: {{{}}}\n", fields.join(", "));
        let transfer = |(transfer, entity): &(&str, &str)| {
            let data_type = if *transfer == "people" { "" } else { "  dataType: people\n" };
            let head = format!("\n  source: {}\n{data_type}  to: crm.{entity}\n  active: true\n", self.name);
            document("Transfer", transfer, &(head + &line(self.transfer) + &mapping))
        };
        self.transfers.iter().map(transfer).collect()
    }

    fn integration(&self) -> String {
        let subscription = |(transfer, _): &(&str, &str)| format!("{transfer}: [{}]", self.updates);
        let subscriptions: Vec<String> = self.transfers.iter().map(subscription).collect();
        let head = format!("\n  active: true\n  subscriptions: {{{}}}\n", subscriptions.join(", "));
        document("Integration", self.name, &(head + &line(self.integration)))
    }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: raccord/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:{spec}")
}

/// A line of a `spec`, when there is something to say.
fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  {text}\n") }
}
