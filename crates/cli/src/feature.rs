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
