//! People sign in at the console with a provider that others wrote, oidc-provider: in a real browser, and when it is away.

use crate::api::listening;
use crate::console::{SECRET, browse};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{HttpServer, json as answer_json};
use crate::oauth::grants::get;
use crate::oauth::provider::{Provider, free_port};
use crate::oauth::server::CLIENT_SECRET;

/// How the daemon is told of the provider.
fn arguments(port: u16) -> String {
    format!(
        "watch -f shop.yaml --policy all --listen 127.0.0.1:0 --openid-issuer http://127.0.0.1:{port} --openid-client \
         console --openid-secret ${{env:CONSOLE_SECRET}} --openid-scope groups --openid-role ops=operate"
    )
}

fn shop(service: &HttpServer) -> TestEnvironment {
    TestEnvironment::with(&[("shop.yaml", &super::configuration(&service.url()))])
        .variable("SHOP_KEY", SECRET)
        .variable("CONSOLE_SECRET", CLIENT_SECRET)
}

#[test]
fn a_person_signs_in_by_openid_connect() {
    let service = HttpServer::start(|_| answer_json(r#"{"data": [{"id": "1", "name": "Zoe"}]}"#));
    let environment = shop(&service);
    let port = free_port();
    let _provider = Provider::at(port, &[]);
    let (mut daemon, base) = listening(&environment, &arguments(port));
    crate::daemon::wait_for_generation(&environment, 1);
    let output = browse("sign_in.mjs", &base, "").env("SECRET", CLIENT_SECRET).output().unwrap();
    let audit = environment.run("audit --limit 100 --output csv").stdout;
    // It may have ended by itself, which the browser would tell.
    drop(daemon.kill());
    drop(daemon.wait());
    let told = String::from_utf8_lossy(&output.stdout);
    let is_told = output.status.success() && told.contains("the story is told");
    assert!(is_told, "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_says(&audit, &["Ann Example (openid ann),http,run", "Bob Example (openid bob)"]);
}

#[test]
fn a_provider_that_is_away_stops_no_daemon() {
    let service = HttpServer::start(|_| answer_json(r#"{"data": []}"#));
    let environment = shop(&service);
    let port = free_port();
    let (mut daemon, base) = listening(&environment, &arguments(port));
    let leave = || get(&format!("{base}/sign-in/openid"));
    let page = leave();
    assert_says(
        &page,
        &["503 Service Unavailable", "does not answer", "nothing listens there", "name=\"token\""],
    );
    let _provider = Provider::at(port, &[]);
    wait_until("the provider is asked", || leave().contains(&format!("http://127.0.0.1:{port}/auth?")));
    assert!(daemon.try_wait().unwrap().is_none(), "the daemon has ended");
    drop(daemon.kill());
    drop(daemon.wait());
}
