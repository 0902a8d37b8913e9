//! `cargo xtask screenshots`: the tests that drive a browser take pictures of the console's pages, and those that
//! `docs/console.md` shows are put beside it.

use std::fs;

use crate::recipe::{RecipeError, cargo, root, run as execute, step};
use crate::setup;

/// The pages that are shown, as the scripts in `tests/console` call them.
const SHOWN: [&str; 14] = [
    "openid-en",
    "overview-en",
    "integration-en",
    "tripped-en",
    "transfer-en",
    "records-en",
    "record-en",
    "rejects-en",
    "reject-en",
    "changes-en",
    "pending-en",
    "pending-deletions-en",
    "rollback-en",
    "graph-en",
];

/// The recipe.
pub(crate) fn run() -> Result<(), RecipeError> {
    setup::run()?;
    let (taken, shown) = (root().join("target/screenshots"), root().join("docs/console"));
    for directory in [&taken, &shown] {
        fs::create_dir_all(directory).map_err(|source| failed("create a directory", source))?;
    }
    step("look at the pages", || {
        execute(
            cargo()
                .args(["test", "--locked", "--package", "raccord-cli", "--test", "e2e", "--", "console::"])
                .env("RACCORD_SHOTS", &taken),
        )
    })?;
    for page in SHOWN {
        for theme in ["light", "dark"] {
            let name = format!("{page}-{theme}.png");
            let to = shown.join(format!("{}-{theme}.png", page.trim_end_matches("-en")));
            fs::copy(taken.join(&name), to).map_err(|source| failed(&format!("copy {name}"), source))?;
        }
    }
    Ok(())
}

fn failed(what: &str, source: std::io::Error) -> RecipeError {
    RecipeError::File { what: what.to_owned(), source }
}
