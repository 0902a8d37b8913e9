//! Third parties that others wrote: localstripe and Kinto, started on a free port and stopped when dropped.
//!
//! `cargo xtask setup` installs them. A test that needs one fails when it is missing; none is ever skipped.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it answers; on a busy machine Python is slow to begin.
const PATIENCE: Duration = Duration::from_mins(1);

/// An imitation of Stripe's API: forms in, `has_more` and `starting_after` out, basic authorization with the
/// key as the user name.
pub(crate) struct Localstripe(Server);

impl Localstripe {
    /// The key it accepts; the password is empty.
    pub(crate) const KEY: &str = "sk_test_12345";

    /// Starts one that holds nothing.
    pub(crate) fn start() -> Self {
        Self(Server::start("/v1/customers", Self::KEY, "", |port, _| {
            let mut command = installed("localstripe");
            command.args(["--port", &port.to_string(), "--from-scratch"]);
            command
        }))
    }

    /// Where it answers, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.0.url())
    }

    /// Makes an object: `create("/v1/customers", "email=a@b.ca&name=Ann")`.
    pub(crate) fn create(&self, path: &str, form: &str) -> String {
        self.0.send("POST", path, "application/x-www-form-urlencoded", form)
    }

    /// Has every event pushed to a URL, signed with a secret. It takes a second over each.
    pub(crate) fn push_to(&self, url: &str, secret: &str) {
        let body = serde_json::json!({ "url": url, "secret": secret }).to_string();
        self.0.send("POST", "/_config/webhooks/raccord", "application/json", &body);
    }

    /// Deletes an object: `delete("/v1/customers/cus_1")`.
    pub(crate) fn delete(&self, path: &str) {
        self.0.send("DELETE", path, "application/json", "");
    }
}

/// A store of JSON records: the next page in a `Next-Page` header, `last_modified` as cursor, basic authorization.
pub(crate) struct Kinto(Server);

impl Kinto {
    /// Its user. Any name and password is accepted, and is an identity of its own.
    pub(crate) const USER: &str = "shop";
    /// The user's password.
    pub(crate) const PASSWORD: &str = "correct horse";

    /// Starts one that holds nothing.
    pub(crate) fn start() -> Self {
        Self(Server::start("/v1/__heartbeat__", Self::USER, Self::PASSWORD, |port, directory| {
            let mut command = installed("kinto");
            let settings = directory.join("kinto.ini");
            fill(&settings, &KINTO_SETTINGS.replace("PORT", &port.to_string()));
            command.args(["start", "--ini"]).arg(&settings).env("KINTO_INI", &settings);
            command
        }))
    }

    /// Where it answers, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.0.url())
    }

    /// Puts a bucket or a collection there: `put("/v1/buckets/shop/collections/customers")`.
    pub(crate) fn put(&self, path: &str) -> String {
        self.0.send("PUT", path, "application/json", "{}")
    }

    /// Makes a record of a JSON object: `create("/v1/buckets/shop/collections/customers/records", r#"{"name":"Ann"}"#)`.
    pub(crate) fn create(&self, path: &str, record: &str) -> String {
        self.0.send("POST", path, "application/json", &format!("{{\"data\":{record}}}"))
    }

    /// Makes or replaces a record whose path names it.
    pub(crate) fn replace(&self, path: &str, record: &str) -> String {
        self.0.send("PUT", path, "application/json", &format!("{{\"data\":{record}}}"))
    }

    /// Deletes a record; it stays as a tombstone that `_since` shows.
    pub(crate) fn delete(&self, path: &str) {
        self.0.send("DELETE", path, "application/json", "");
    }
}

/// Everything in memory, anybody may make a bucket of their own.
const KINTO_SETTINGS: &str = "\
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = PORT
threads = 2

[app:main]
use = egg:kinto
kinto.includes = kinto.plugins.default_bucket
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = counterpart
kinto.default_bucket_hmac_secret = counterpart
kinto.bucket_create_principals = system.Authenticated
multiauth.policies = basicauth

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = plain
[formatter_plain]
format = %(levelname)s %(name)s %(message)s
";

/// A program that answers HTTP on loopback, with a directory of its own for its files.
struct Server {
    child: Child,
    port: u16,
    authorization: String,
    directory: TempDir,
}

impl Server {
    /// Starts the program that `command` makes for a port and a directory, and waits until `path` answers. A
    /// port that another process took in the meantime is given up for another.
    fn start(path: &str, user: &str, password: &str, command: impl Fn(u16, &Path) -> Command) -> Self {
        let mut said = String::new();
        for _ in 0..3 {
            let directory = TempDir::new().unwrap();
            let port = free_port();
            let log = File::create(directory.path().join("log")).unwrap();
            let child = command(port, directory.path())
                .current_dir(directory.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            let mut server = Self { child, port, authorization: basic(user, password), directory };
            if server.answers(path) {
                return server;
            }
            said = fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
        }
        panic!("a third party of the tests did not start:\n{said}");
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits for the first good answer; `false` when the program has ended or time is up.
    fn answers(&mut self, path: &str) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE && self.child.try_wait().unwrap().is_none() {
            if self.exchange("GET", path, "application/json", "").is_ok_and(|(status, _)| status == 200) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// One request that must succeed; returns the body of the answer.
    fn send(&self, method: &str, path: &str, content_type: &str, body: &str) -> String {
        let (status, answer) = self.exchange(method, path, content_type, body).unwrap();
        assert!((200..300).contains(&status), "{method} {path} answered {status}: {answer}");
        answer
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP 1.0, so that the answer is never chunked and ends with the connection.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: {}\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            self.authorization,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A program that `cargo xtask setup` has installed.
pub(crate) fn installed(program: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/counterparts/bin").join(program);
    assert!(path.exists(), "{} is missing: run `cargo xtask setup`", path.display());
    Command::new(path.canonicalize().unwrap())
}

/// Prometheus's promtool, which `cargo xtask setup` has found or unpacked.
pub(crate) fn promtool() -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/promtool/usr/bin/promtool");
    assert!(path.exists(), "{} is missing: run `cargo xtask setup`", path.display());
    Command::new(path.canonicalize().unwrap())
}

/// A port that no process listens on at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn fill(path: &Path, text: &str) {
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// The `Authorization` header of a user (RFC 7617), with base64 by hand: it is ten lines and no dependency.
fn basic(user: &str, password: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("{user}:{password}").as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap();
            text.push(if at <= chunk.len() { char::from(LETTERS[index]) } else { '=' });
        }
    }
    text
}

#[test]
fn localstripe_pages_by_the_last_record() {
    let stripe = Localstripe::start();
    for name in ["Ann", "Bob", "Cyd"] {
        stripe.create("/v1/customers", &format!("email={name}@example.com&name={name}"));
    }
    let first = stripe.0.send("GET", "/v1/customers?limit=2", "application/json", "");
    assert!(
        first.contains("\"has_more\": true") && first.contains("Bob") && !first.contains("Cyd"),
        "{first}"
    );
}

#[test]
fn kinto_shows_what_it_holds() {
    let kinto = Kinto::start();
    assert!(kinto.0.send("GET", "/v1/", "application/json", "").contains(&kinto.url()));
    kinto.put("/v1/buckets/shop");
    kinto.put("/v1/buckets/shop/collections/customers");
    let records = "/v1/buckets/shop/collections/customers/records";
    kinto.create(records, r#"{"name":"Ann"}"#);
    let all = kinto.0.send("GET", records, "application/json", "");
    assert!(all.contains("\"name\":\"Ann\"") && all.contains("last_modified"), "{all}");
}
