//! moto as a service of S3 with one bucket, `lake`, on a port of its own. It ends with the process that started it, however that
//! ends. It knows nothing of Raccord.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A service. It is killed when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    port: u16,
    pid: u32,
}

/// Any key does: the server looks at who signed, and at no signature.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20250131/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

impl S3Server {
    /// Starts one, and makes the bucket `lake`.
    pub fn start() -> Self {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join("target/buckets/bin/moto_server");
        assert!(program.exists(), "`cargo xtask setup` installs what the tests need");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=KILL").arg(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { port, pid: spawn(command) };
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        server.request("PUT", "/lake", b"");
        server
    }

    /// The URL of the service.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks for something, and gives the body of the answer, which has to be a success.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {SIGNED}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(
            head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')),
            "{method} {path}: {answer}"
        );
        body.to_owned()
    }

    /// The keys of the bucket `lake` that begin with a prefix, in their order: 1,000 at the most.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.request("GET", &format!("/lake?list-type=2&prefix={prefix}"), b"");
        let keys =
            listed.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()));
        keys.collect()
    }

    /// The uploads of the bucket `lake` that are not complete.
    pub fn uploads(&self) -> usize {
        self.request("GET", "/lake?uploads", b"").matches("<UploadId>").count()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(Command::new("kill").args(["-9", &self.pid.to_string()]).status());
    }
}

/// Starts a program in a thread that lives as long as it does: the kernel ends the program with that thread.
fn spawn(mut command: Command) -> u32 {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut child: Child = command.spawn().unwrap();
        sender.send(child.id()).unwrap();
        drop(child.wait());
    });
    receiver.recv().unwrap()
}
