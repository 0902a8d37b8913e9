//! A person who is signed in at the console of a daemon, without a browser: requests by hand, and what they cost the daemon.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

use crate::environment::TestEnvironment;
use crate::throughput::ticks;

/// A daemon that listens, and a person who looks at its pages.
pub(crate) struct Person {
    daemon: Child,
    host: String,
    /// The headers that say who it is.
    who: String,
}

impl Drop for Person {
    fn drop(&mut self) {
        // It may have ended by itself, which an answer would have told.
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}

impl Person {
    pub(crate) fn sign_in(environment: &TestEnvironment, daemon: Child, base: &str) -> Self {
        let token = environment.ok("token create ann --role operate --role plan").trim().to_owned();
        let host = base.trim_start_matches("http://").to_owned();
        let mut person = Self { daemon, host, who: format!("authorization: Bearer {token}\r\n") };
        let body = format!("token={token}");
        let head = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
        let answer =
            person.send("POST", "/sign-in", &format!("{head}content-length: {}\r\n", body.len()), &body);
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .unwrap_or_else(|| panic!("{answer}"));
        let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
        person.who.push_str(&cookie);
        person
    }

    pub(crate) fn connect(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let (host, who) = (&self.host, &self.who);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{who}{headers}\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut answer = String::new();
        self.connect(method, path, headers, body).read_to_string(&mut answer).unwrap();
        answer
    }

    /// How many bytes an answer has.
    pub(crate) fn get(&self, path: &str) -> usize {
        let answer = self.send("GET", path, "", "");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        body.len()
    }

    /// The CPU seconds of the daemon so far.
    pub(crate) fn cpu(&self) -> f64 {
        ticks(&self.daemon.id().to_string(), &[13, 14])
    }
}
