//! OAuth 2.0, and the signatures of 1.0a, with the program as people use it: each grant, agreements in a browser and by a code, tokens that end,
//! rotation, revocation, kills. No secret of any of them is in what the program says or keeps.

mod elsewhere;
pub(crate) mod grants;
mod kills;
mod manifests;
mod parallel;
pub(crate) mod provider;
pub(crate) mod server;
mod signed;

use std::fs;
use std::path::Path;

use self::server::{CLIENT_SECRET, OAuthServer, SEED};
use crate::environment::{Answer, TestEnvironment};
use crate::shop::Shop;

/// A shop behind a server, applied.
fn shop(server: &OAuthServer, grant: &str, transfers: &[(&str, &str)]) -> TestEnvironment {
    let base = server.url();
    let source = format!(
        "\n  connector: http\n  authorization: {{type: oauth2, tokenUrl: '{base}/token', clientId: raccord, \
         clientSecret: '${{env:CLIENT_SECRET}}', {}}}\n  config: {{baseUrl: '{base}', retry: {{attempts: 1}}, \
         dataTypes: {{people: {{records: data, pagination: {{nextUrl: next}}}}}}}}",
        grant.replace("BASE", &base)
    );
    let yaml = Shop { source: &source, transfers, ..Shop::default() }.yaml();
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)])
        .variable("CLIENT_SECRET", CLIENT_SECRET)
        .variable("SEED", SEED);
    environment.ok("apply --auto-approve");
    environment
}

/// Nothing that may not be shown is in the answers, or in any file beside the configuration.
#[track_caller]
fn assert_secret(server: &OAuthServer, environment: &TestEnvironment, answers: &[&Answer]) {
    let secrets = server.with(|memory| memory.secrets.clone());
    for answer in answers {
        for secret in &secrets {
            let said = answer.stdout.clone() + &answer.stderr;
            assert!(!said.contains(secret.as_str()), "{secret} is said:\n{said}");
        }
    }
    look_into(&environment.path().join(".raccord"), &secrets);
}

fn look_into(directory: &Path, secrets: &[String]) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look_into(&path, secrets);
        } else if let Ok(bytes) = fs::read(&path) {
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{secret} is in {}", path.display());
            }
        }
    }
}

/// The rows of the first entity.
pub(crate) fn rows(environment: &TestEnvironment) -> usize {
    environment.ok("records crm.contact --output jsonl --limit 1000").lines().count()
}
