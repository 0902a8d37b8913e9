//! Bodies that are too large, too slow, or hold too much for their size: by strangers, and by bearers of each role.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::{Target, status, upload};

/// A megabyte of what JSON and YAML both take for values of two bytes each.
fn dense() -> String {
    "1,".repeat(500_000)
}

/// Sends so many megabytes after what was sent; an end of the connection is an end of it.
fn pour(stream: &mut TcpStream, megabyte: &[u8], times: usize) {
    for _ in 0..times {
        if stream.write_all(megabyte).is_err() {
            return;
        }
    }
}

#[test]
fn bodies_that_prove_nothing_take_no_memory() {
    let target = Target::start();
    let megabyte = vec![b' '; 1_000_000];
    target.endures(|| {
        std::thread::scope(|scope| {
            // Four send all of it, as large as it may be: it is proved while others are answered.
            for _ in 0..4 {
                let (target, megabyte) = (&target, &megabyte);
                scope.spawn(move || {
                    let head = "POST /hooks/main/signed HTTP/1.1\r\nHost: a\r\nX-Signature: 00\r\nConnection: \
                                close\r\nContent-Length: 25000000\r\n\r\n";
                    let mut stream = target.send(head.as_bytes());
                    pour(&mut stream, megabyte, 25);
                    let status = status(stream);
                    assert!(matches!(status, Some(403 | 503) | None), "{status:?}");
                });
            }
            for number in 0..32 {
                let (target, megabyte) = (&target, &megabyte);
                scope.spawn(move || {
                    // Half of them know which header holds the signature.
                    let header = if number % 2 == 0 { "X-Signature" } else { "X-Key" };
                    let source = if number % 2 == 0 { "signed" } else { "keyed" };
                    let head = format!(
                        "POST /hooks/main/{source} HTTP/1.1\r\nHost: a\r\n{header}: 00\r\nContent-Length: \
                         25000000\r\n\r\n"
                    );
                    let mut stream = target.send(head.as_bytes());
                    // All but the last of it.
                    pour(&mut stream, megabyte, 24);
                    std::thread::sleep(Duration::from_secs(1));
                });
            }
            for number in 0..5 {
                // What is refused because of the crowd is sent again, as services do.
                let delivered = (0..20).any(|_| {
                    std::thread::sleep(Duration::from_millis(100));
                    target.deliver(number) == Some(204)
                });
                assert!(delivered, "a delivery in the middle of it");
            }
        });
    });
    target.works_on();
}

/// What each role may send to which end, and what is said of too much of it.
#[test]
fn uploads_cost_what_their_role_may_cost() {
    let target = Target::start();
    let dense = dense();
    let requests =
        ["{\"plan\":[[", "{\"apply\":[[", "{\"look\":[[", "{\"sample\":[[", "{\"pause\":{\"reason\":\""];
    for role in ["metrics", "read", "plan", "apply", "operate"] {
        let token = target.token(role);
        target.endures(|| {
            for beginning in requests {
                for megabytes in [50, 7] {
                    let length = megabytes * dense.len();
                    let text = upload("/v1/requests", &token, "json", (length, beginning));
                    let mut stream = target.send(text.as_bytes());
                    pour(&mut stream, dense.as_bytes(), megabytes);
                    drop(stream.shutdown(Shutdown::Write));
                    let status = status(stream);
                    assert!(
                        matches!(status, Some(400 | 403 | 413)),
                        "{role} {beginning} {megabytes}: {status:?}"
                    );
                }
            }
            for (media, beginning) in [("json", "{\"documents\":[{\"a\":["), ("yaml", "a: [")] {
                for path in ["/v1/plan", "/v1/apply?serial=1"] {
                    let text = upload(path, &token, media, (7 * dense.len(), beginning));
                    let mut stream = target.send(text.as_bytes());
                    pour(&mut stream, dense.as_bytes(), 7);
                    drop(stream.shutdown(Shutdown::Write));
                    let status = status(stream);
                    assert!(
                        matches!(status, Some(400 | 403 | 413 | 422)),
                        "{role} {path} {media}: {status:?}"
                    );
                }
            }
            let documents = "--- {apiVersion: raccord/v1, kind: Stack}\n".repeat(150_000);
            let text = upload("/v1/plan", &token, "yaml", (documents.len(), &documents));
            let (status, _) = target.ask(&text);
            assert!(matches!(status, Some(403 | 422)), "{role}: {status:?}");
        });
    }
    target.works_on();
}

/// A configuration of the greatest number of values that one may hold is read, however many others wait for it.
#[test]
fn the_largest_configuration_is_read() {
    let target = Target::start();
    let token = target.token("plan");
    let list = "1,".repeat(48_000);
    let yaml = format!(
        "apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: main}}\nspec: {{x: [{list}]}}\n---\n"
    );
    let yaml = yaml.repeat(4);
    let json = format!("{{\"documents\":[{}{{}}]}}", format!("{{\"x\":[{list}1]}},").repeat(4));
    target.endures(|| {
        for _ in 0..2 {
            for (media, body) in [("yaml", &yaml), ("json", &json)] {
                let text = upload("/v1/plan", &token, media, (body.len(), body));
                assert_eq!(target.ask(&text).0, Some(422), "{media}");
            }
        }
    });
    target.works_on();
}

/// Configurations that are good and large, at once: they are planned one after the other.
#[test]
fn large_configurations_at_once_are_planned_in_turn() {
    let target = Target::start();
    let tokens = ["plan", "apply"].map(|role| target.token(role));
    let fields: String = (0..4_000).map(|number| format!("f{number}: text, ")).collect();
    let project = |number: usize| {
        format!(
            "apiVersion: raccord/v1\nkind: Project\nmetadata: {{name: p{number}}}\nspec: {{entities: {{contact: {{key: \
             f0, fields: {{{fields}}}}}}}}}\n---\n"
        )
    };
    let yaml: String = (0..10).map(project).collect();
    target.endures(|| {
        std::thread::scope(|scope| {
            for token in tokens.iter().cycle().take(4) {
                let text = upload("/v1/plan", token, "yaml", (yaml.len(), &yaml));
                let mut stream = target.send(text.as_bytes());
                stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
                scope.spawn(move || {
                    let mut beginning = [0; 12];
                    stream.read_exact(&mut beginning).unwrap();
                    assert_eq!(&beginning, b"HTTP/1.1 200");
                    drop(std::io::copy(&mut stream, &mut std::io::sink()));
                });
            }
        });
    });
    target.works_on();
}

#[test]
fn slow_uploads_of_one_token_keep_no_other_from_asking() {
    let target = Target::start();
    let plan = target.token("plan");
    let tokens = ["read", "operate", "apply"].map(|role| target.token(role));
    let megabyte = " ".repeat(1_000_000);
    let slow = |token: &str, path: &str, beginning: &str| {
        let text = upload(path, token, "json", (8_000_000, &format!("{beginning}{megabyte}")));
        target.send(text.as_bytes())
    };
    target.endures(|| {
        let mut held = Vec::new();
        for token in tokens.iter().chain([&plan]) {
            for _ in 0..3 {
                held.push(slow(token, "/v1/plan", "{"));
                held.push(slow(token, "/v1/requests", "\"status\""));
            }
        }
        // Four places for uploads, two of each token: `apply` and `plan` have them all, and still every verb that
        // carries no configuration is answered.
        for token in &tokens {
            let begin = std::time::Instant::now();
            let text = upload("/v1/requests", token, "json", (8, "\"status\""));
            assert_eq!(target.ask(&text).0, Some(200));
            assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        }
        std::thread::sleep(Duration::from_secs(1));
        drop(held);
    });
    let apply = &tokens[2];
    let text = upload("/v1/plan", apply, "yaml", (super::SHOP.len(), super::SHOP));
    assert_eq!(target.ask(&text).0, Some(200), "the places are free again");
    target.works_on();
}

/// Whether there is such a source, and how it proves its deliveries, shows neither in the status nor in when it comes: a
/// body is waited for where the head has the signature of any source, wherever it is sent to.
#[test]
fn a_source_that_is_there_answers_like_one_that_is_not() {
    let target = Target::start();
    for (headers, is_read) in [
        ("", false),
        ("X-Key: wrong\r\n", false),
        ("X-Signature: 00\r\nX-Signature: 11\r\n", false),
        ("X-Signature: 00\r\n", true),
        ("X-Signature: 00\r\nX-Key: wrong\r\n", true),
    ] {
        for place in ["main/signed", "main/keyed", "main/nowhere", "other/signed"] {
            let head = format!(
                "POST /hooks/{place} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: 4\r\n\r\n"
            );
            let mut stream = target.send(head.as_bytes());
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let is_answered = stream.peek(&mut [0; 1]).is_ok();
            assert_eq!(is_answered, !is_read, "{place} {headers:?}");
            // The daemon may have stopped reading by now.
            drop(stream.write_all(b"null"));
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            assert_eq!(status(stream), Some(403), "{place} {headers:?}");
        }
    }
    target.works_on();
}
