//! A mail server that others wrote, aiosmtpd, in the hands of `mail_server.py`: it wants a login and keeps what it
//! is handed. It can be stopped and started again on the same port.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::counterpart::{free_port, installed};
use crate::environment::wait_until;

/// A mail server on loopback, stopped when it is dropped. Its user is `mailer`.
pub(crate) struct MailServer {
    directory: TempDir,
    options: Vec<String>,
    port: u16,
    child: Option<Child>,
}

impl MailServer {
    /// The password that it accepts.
    pub(crate) const PASSWORD: &str = "hunter2";

    /// Starts one, with further options of `mail_server.py`.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut server = Self::stopped(options);
        // A port that another process took in the meantime is given up for another.
        while !server.begin() {
            server.port = free_port();
        }
        server
    }

    /// One that does not listen yet, and the port where it will.
    pub(crate) fn stopped(options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        Self { directory: TempDir::new().unwrap(), options, port: free_port(), child: None }
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        assert!(self.begin(), "the mail server did not start again on its port");
    }

    fn begin(&mut self) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mail_server.py");
        let ready = self.directory.path().join("ready");
        if ready.exists() {
            fs::remove_file(&ready).unwrap();
        }
        let log = File::create(self.directory.path().join("log")).unwrap();
        // The interpreter of their environment, which must not be resolved: it is a link to that of the system.
        let python = Path::new(installed("aiosmtpd").get_program()).with_file_name("python");
        let mut command = Command::new(python);
        command.arg(script.canonicalize().unwrap()).arg(self.port.to_string()).arg(self.directory.path());
        command.args(&self.options).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = self.child.insert(command.spawn().unwrap());
        let mut has_ended = false;
        wait_until("the mail server listens", || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || ready.exists()
        });
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap();
        assert!(!has_ended || log.contains("in use"), "{log}");
        !has_ended
    }

    /// Ends it; what it was handed stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// What it was handed, in order.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let Ok(entries) = fs::read_dir(self.directory.path().join("messages")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| serde_json::from_reader(File::open(path).unwrap()).unwrap()).collect()
    }

    /// The only message that it was handed.
    #[track_caller]
    pub(crate) fn message(&self) -> Value {
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "{messages:#?}");
        messages.remove(0)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop();
    }
}
