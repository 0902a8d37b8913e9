//! Transfers side by side with tokens that end every moment: one renewal at a time, and no refresh token twice.

use std::time::{Duration, Instant};

use super::server::{Manner, OAuthServer};
use super::{assert_secret, shop};
use crate::environment::wait_until;

/// For how long the transfers run. `cargo xtask` may say more.
pub(super) fn length() -> Duration {
    let seconds = std::env::var("RACCORD_OAUTH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(8))
}

#[test]
fn parallel_transfers_never_lose_the_grant() {
    let server = OAuthServer::start(Manner { life: 3_000, says: Some(3), slow: 50, ..Manner::default() });
    let names: Vec<String> = (1..=8).map(|number| format!("t{number}")).collect();
    let transfers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let environment = shop(&server, "grant: refreshToken, refreshToken: '${env:SEED}'", &transfers);
    let stack = "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {limits: {parallelTransfers: 8, \
                 perSource: 8}}\n";
    environment.write("stack.yaml", stack);
    environment.ok("apply --auto-approve");
    let mut daemon = environment.start("watch");
    wait_until("the daemon answers", || {
        daemon.expect_running();
        environment.run("status").stdout.contains("watching")
    });
    let begin = Instant::now();
    let mut runs = 0;
    while begin.elapsed() < length() {
        environment.ok("run");
        runs += 1;
    }
    let (issued, reused, unaccepted, most) =
        server.with(|memory| (memory.issued, memory.reused, memory.refused, memory.most_at_once));
    println!(
        "{runs} rounds of 8 transfers in {:?}: {issued} renewals, {unaccepted} requests refused",
        begin.elapsed()
    );
    assert_eq!((reused, most), (0, 1));
    assert!(u64::from(issued) >= begin.elapsed().as_secs() / 4, "{issued}");
    daemon.signal("TERM");
    let answer = daemon.wait();
    assert_secret(&server, &environment, &[&answer]);
}
