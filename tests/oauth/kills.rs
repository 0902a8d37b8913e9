//! Kills around a rotation: a token is lost only between the server's answer and our commit, and is told then.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use super::server::{Manner, OAuthServer};
use super::{assert_secret, rows, shop};
use crate::environment::{TestEnvironment, assert_says};

const PEOPLE: &[(&str, &str)] = &[("people", "contact")];
const GRANT: &str = "grant: refreshToken, refreshToken: '${env:SEED}'";

fn killed(environment: &TestEnvironment, failpoint: &str) {
    let output = environment.command("run").env("RACCORD_FAILPOINT", failpoint).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{failpoint}: {output:?}");
}

#[test]
fn a_rotation_is_lost_between_the_answer_and_the_commit_alone() {
    for (failpoint, is_lost) in [("token.before", false), ("token.answered", true), ("token.kept", false)] {
        let server = OAuthServer::start(Manner { life: 600, says: Some(1), ..Manner::default() });
        let environment = shop(&server, GRANT, PEOPLE);
        environment.ok("run");
        std::thread::sleep(Duration::from_secs(1));
        killed(&environment, failpoint);
        std::thread::sleep(Duration::from_secs(1));
        let run = environment.run("run");
        assert_eq!(run.code, Some(i32::from(is_lost)), "{failpoint}\n{}{}", run.stdout, run.stderr);
        if is_lost {
            assert_says(&run.stdout, &["run `raccord authorize shop`"]);
        }
        assert_eq!(
            (rows(&environment), server.with(|memory| memory.reused > 0)),
            (30, is_lost),
            "{failpoint}"
        );
        assert_says(&environment.ok("state check"), &["whole: "]);
        assert_secret(&server, &environment, &[&run]);
    }
}

#[test]
fn where_the_old_token_counts_until_the_new_one_is_used_nothing_is_lost() {
    for failpoint in ["token.before", "token.answered", "token.kept"] {
        let manner = Manner { life: 600, says: Some(1), forgives: true, ..Manner::default() };
        let server = OAuthServer::start(manner);
        let environment = shop(&server, &format!("{GRANT}, rotation: oldUntilUsed"), PEOPLE);
        environment.ok("run");
        std::thread::sleep(Duration::from_secs(1));
        killed(&environment, failpoint);
        std::thread::sleep(Duration::from_secs(1));
        environment.ok("run");
        assert_eq!(server.with(|memory| memory.reused), 0, "{failpoint}");
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_or_says_what_to_do() {
    let manner = Manner { life: 300, says: Some(1), slow: 20, ..Manner::default() };
    let server = OAuthServer::start(manner);
    let environment = shop(&server, GRANT, PEOPLE);
    let mut lost = 0;
    for moment in 0..20_u64 {
        let mut child = environment.command("run").spawn().unwrap();
        // Spread over the whole of a run, the same each time.
        std::thread::sleep(Duration::from_millis(20 + moment * 37 % 260));
        child.kill().unwrap();
        child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(400));
        let run = environment.run("run");
        if run.code == Some(0) {
            continue;
        }
        lost += 1;
        assert_says(&run.stdout, &["run `raccord authorize shop`"]);
        server.with(|memory| memory.refresh_with(super::SEED));
        environment.ok("authorize shop");
        environment.ok("resume shop");
    }
    println!("{lost} of 20 kills fell between the server's answer and the commit");
    environment.ok("run");
    assert_eq!(rows(&environment), 30);
    assert_says(&environment.ok("state check"), &["whole: "]);
}
