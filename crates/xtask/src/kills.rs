//! `cargo xtask kills`: the tests of kills with the release binary, on much work and with many kills; `tests/kills`
//! says what must hold after each. The same seed makes the same choices.

use crate::recipe::{RecipeError, cargo, root, run as execute, step};

/// How many kills are made of an apply, and how many of a run, by default.
const KILLS: &str = "50";
/// The test that kills daemons which are about to send a mail, and how many of them.
const MAILS: &str = "the_mail_comes_through_kills";
const MAIL_KILLS: &str = "30";
/// The seed of the random moments by default.
const SEED: &str = "1";

/// The recipe, with the number of kills and the seed.
pub(crate) fn run(arguments: &[&str]) -> Result<(), RecipeError> {
    let [kills, seed] = [(0, KILLS), (1, SEED)].map(|(at, usual)| *arguments.get(at).unwrap_or(&usual));
    step("build raccord", || execute(cargo().args(["build", "--release", "--locked", "--bin", "raccord"])))?;
    let tests = ["test", "--locked", "--package", "raccord-cli", "--test", "e2e", "--", "kills::", MAILS];
    step("kill it", || {
        execute(
            cargo()
                .args(tests)
                .args(["--nocapture", "--test-threads", "1"])
                .env("RACCORD_TEST_BINARY", root().join("target/release/raccord"))
                .env("RACCORD_KILLS", kills)
                .env("RACCORD_MAIL_KILLS", MAIL_KILLS)
                .env("RACCORD_KILLS_SEED", seed),
        )
    })
}
