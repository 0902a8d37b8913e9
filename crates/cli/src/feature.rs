//! The cargo features of this binary: which implementations it has, and what it says of itself. Nothing is decided here.

use std::sync::LazyLock;

/// Each feature of this crate, and whether this binary has it.
const FEATURES: [(&str, bool); 7] = [
    ("postgres", cfg!(feature = "postgres")),
    ("mysql", cfg!(feature = "mysql")),
    ("sftp", cfg!(feature = "sftp")),
    ("sqlite", cfg!(feature = "sqlite")),
    ("xlsx", cfg!(feature = "xlsx")),
    ("object-stores", cfg!(feature = "object-stores")),
    ("parquet", cfg!(feature = "parquet")),
];

/// The features that the connector `file` needs for some of its formats and places.
const OF_FILES: [&str; 4] = ["object-stores", "parquet", "sftp", "xlsx"];

/// The features that this binary lacks of those that a connector needs, in part or as a whole.
pub(crate) fn lacking(connector: &str) -> Vec<&'static str> {
    lacking_of(connector, &FEATURES)
}

fn lacking_of(connector: &str, features: &[(&'static str, bool)]) -> Vec<&'static str> {
    // The connector of a database is called like the feature that brings its library along.
    let needs = |feature: &str| feature == connector || connector == "file" && OF_FILES.contains(&feature);
    features.iter().filter(|(name, is_there)| !is_there && needs(name)).map(|(name, _)| *name).collect()
}

/// The version with the features, as `--version` prints them.
pub(crate) fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(text);
    &TEXT
}

fn text() -> String {
    let names = |is_there: bool| {
        let these = FEATURES.into_iter().filter(|(_, is)| *is == is_there).map(|(name, _)| name);
        these.collect::<Vec<_>>().join(", ")
    };
    let mut text = env!("CARGO_PKG_VERSION").to_owned();
    for (what, names) in [("features", names(true)), ("built without", names(false))] {
        if !names.is_empty() {
            text.push_str(&format!("\n{what}: {names}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_lacks_what_this_binary_was_built_without() {
        let none = FEATURES.map(|(name, _)| (name, false));
        let all = FEATURES.map(|(name, _)| (name, true));
        for (connector, expected) in [
            ("mysql", &["mysql"][..]),
            ("postgres", &["postgres"]),
            ("sqlite", &["sqlite"]),
            ("file", &["sftp", "xlsx", "object-stores", "parquet"]),
            ("http", &[]),
        ] {
            assert_eq!(lacking_of(connector, &none), expected, "{connector}");
            assert_eq!(lacking_of(connector, &all), [""; 0], "{connector}");
        }
    }
}
