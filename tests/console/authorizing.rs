//! A source is authorized from its page, in a real browser and with a provider that others wrote.

use crate::api::listening;
use crate::console::browse;
use crate::environment::assert_says;
use crate::oauth::provider::{CODE, PEOPLE, Provider, shop};
use crate::oauth::server::CLIENT_SECRET;

#[test]
fn a_person_authorizes_a_source_from_its_page() {
    let provider = Provider::that_asks();
    let environment = shop(&provider, CODE, PEOPLE);
    let (mut daemon, base) = listening(&environment, "watch --listen 127.0.0.1:0");
    let token = environment.ok("token create ann --role operate");
    let output = browse("authorize.mjs", &base, &token).env("SECRET", CLIENT_SECRET).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let is_told = output.status.success() && told.contains("the story is told");
    let end = is_told.then(|| (environment.ok("run"), environment.ok("audit --limit 100 --output csv")));
    // It may have ended by itself, which the browser would tell.
    drop(daemon.kill());
    drop(daemon.wait());
    let Some((_, audit)) = end else { panic!("{told}\n{}", String::from_utf8_lossy(&output.stderr)) };
    assert_eq!(crate::oauth::rows(&environment), 10);
    assert_says(&audit, &["ann (token),http,authorize shop"]);
}
