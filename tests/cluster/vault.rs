//! Tokens that a server issues, sealed in a shared state: the daemon that takes over goes on with what the one before it had
//! rotated.

use super::Cluster;
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::oauth::server::{CLIENT_SECRET, Manner, OAuthServer, SEED};

/// People behind an authorization, every second.
fn yaml(cluster: &Cluster, server: &OAuthServer) -> String {
    let base = server.url();
    let authorization = format!(
        "  authorization: {{type: oauth2, grant: deviceCode, tokenUrl: '{base}/token', deviceUrl: '{base}/device', \
         clientId: raccord, clientSecret: '${{env:CLIENT_SECRET}}'}}\n"
    );
    let config = format!(
        "{authorization}  config: {{baseUrl: '{base}', retry: {{attempts: 1}}, dataTypes: {{people: {{records: data, \
         pagination: {{nextUrl: next}}}}}}}}\n"
    );
    let (before, rest) = cluster.yaml().split_once("  connector: file\n").map(own).unwrap();
    let (_, after) = rest.split_once("}}}\n").map(own).unwrap();
    format!("{before}  connector: http\n{config}{after}")
}

fn own((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn a_daemon_that_takes_over_goes_on_with_rotated_tokens() {
    let cluster = Cluster::new("1s");
    // A kill between an answer and its commit loses no token of such a server.
    let server = OAuthServer::start(Manner { questions: 0, forgives: true, ..Manner::default() });
    let machine = |key: &str| {
        let machine = cluster.machine().variable("CLIENT_SECRET", CLIENT_SECRET).variable("SEED", SEED);
        machine.write("raccord.yaml", &yaml(&cluster, &server));
        machine.variable("RACCORD_KEY", key)
    };
    let key = "0707070707070707070707070707070707070707070707070707070707070707";
    let (one, other): (TestEnvironment, TestEnvironment) = (machine(key), machine(key));
    one.ok("apply --auto-approve");
    let first = one.start("watch");
    wait_until("it works", || other.ok("status --daemons").contains("runs what is due"));
    wait_until("it answers", || one.run("authorize shop").code == Some(0));
    one.run("resume shop");
    wait_until("it reads", || cluster.rows() == 30);
    let second = other.start("watch");
    wait_until("the other stands by", || one.ok("status --daemons").contains("stands by"));
    // The first has rotated the token that was agreed to.
    wait_until("it renews", || server.with(|memory| memory.issued) >= 2);
    first.signal("KILL");
    first.wait();
    let before = server.with(|memory| memory.issued);
    cluster.server.sql("postgres", "DELETE FROM crm.contacts");
    wait_until("the second renews and reads", || {
        server.with(|memory| memory.issued) > before && other.ok("status").contains("authorized")
    });
    assert_eq!(server.with(|memory| memory.reused), 0, "no refresh token was used twice");
    // What is in the database is sealed.
    let sealed = cluster.server.sql("postgres", "SELECT encode(sealed, 'escape') FROM raccord_state.vault");
    assert!(!sealed.is_empty());
    for secret in server.with(|memory| memory.secrets.clone()) {
        assert!(!sealed.contains(&secret), "{secret}");
    }
    assert_says(&other.ok("state check"), &["whole", "1 sealed secret"]);
    // A machine with another key says so, and changes nothing.
    let stranger = machine("0808080808080808080808080808080808080808080808080808080808080808");
    assert_says(&stranger.fails(1, "state check"), &["RACCORD_KEY holds the key", "sealed with the key"]);
    drop(crate::daemon::stop(second));
}
