//! The one list of the manifests that come with the program, each with the name that `connector` of a Source says. What a
//! manifest says of itself stands in its text; nothing of it is read here.

/// A manifest of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// What `connector` says.
    pub name: &'static str,
    /// The manifest.
    pub text: &'static str,
}

/// The manifests in the directory of the catalogue, by the names of their files.
macro_rules! listed {
    ($($name:literal),* $(,)?) => {
        /// All of them.
        pub const LISTED: &[Listed] = &[$(Listed {
            name: $name,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../connect/catalogue/",
                $name,
                ".yaml"
            )),
        }),*];

        /// Their names.
        pub(in crate::language::connector) const NAMES: &[&str] = &[$($name),*];
    };
}

// A further manifest is one more name here.
listed![
    "brevo",
    "eventbrite",
    "github",
    "google-sheets",
    "hubspot",
    "mailchimp",
    "prestashop",
    "pretix",
    "salesforce",
    "shopify",
    "stripe",
    "woocommerce",
    "wordpress",
    "zendesk-support",
];

/// The manifest of a name.
///
/// ```
/// use raccord_model::language::connector::manifest::listed;
///
/// assert!(listed("stripe").is_some_and(|found| found.text.contains("DeclarativeSource")));
/// assert!(listed("./stripe").is_none());
/// ```
pub fn listed(name: &str) -> Option<&'static Listed> {
    LISTED.iter().find(|entry| entry.name == name)
}
