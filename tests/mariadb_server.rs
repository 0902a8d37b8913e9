//! A MariaDB server of a test's own: a private directory and a socket in it, which ends with the process that started it,
//! however that ends. It knows nothing of Raccord.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use server_home::server_homes;

#[path = "server_home.rs"]
mod server_home;

/// A server. It is killed when this is dropped.
#[derive(Debug)]
pub struct MariadbServer {
    home: PathBuf,
    pid: u32,
}

impl MariadbServer {
    /// Starts one, whose `root` has no password, on its socket alone.
    pub fn start() -> Self {
        Self::start_with(&["--skip-networking".to_owned()])
    }

    /// Starts one with more arguments.
    pub fn start_with(arguments: &[String]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_what_others_left();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = server_homes().join(format!("raccord-mariadb-{}-{number}", std::process::id()));
        let output = Command::new("cp").arg("-a").arg(template()).arg(&home).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "mariadbd", "--no-defaults", "--skip-log-bin"]).args(arguments);
        command.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]);
        command.args(["--performance-schema=off", "--character-set-server=utf8mb4", "--user", &user()]);
        command.arg(format!("--datadir={}", home.display()));
        command.arg(format!("--socket={}", home.join("socket").display()));
        command.arg(format!("--pid-file={}", home.join("pid").display()));
        // A server that starts removes the temporary tables of every other one in the same place.
        let temporary = home.join("temporary");
        fs::create_dir(&temporary).unwrap();
        command.arg(format!("--tmpdir={}", temporary.display()));
        let log = fs::File::create(home.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let server = Self { pid: spawn(command), home };
        let deadline = Instant::now() + Duration::from_mins(1);
        while !server.client("mysql").args(["-e", "SELECT 1"]).output().unwrap().status.success() {
            let log = || fs::read_to_string(server.home.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{}", log());
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The path of its socket.
    pub fn socket(&self) -> String {
        self.home.join("socket").display().to_string()
    }

    fn client(&self, database: &str) -> Command {
        let mut command = Command::new("mariadb");
        command.args([
            "--no-defaults",
            "--user=root",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
        ]);
        command.arg(format!("--socket={}", self.socket())).arg(database);
        command
    }

    /// Runs statements in a database; what they answer, as unadorned text.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = self.client(database).args(["-e", statements]).output().unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

impl Drop for MariadbServer {
    fn drop(&mut self) {
        drop(Command::new("kill").args(["-KILL", &self.pid.to_string()]).status());
        drop(fs::remove_dir_all(&self.home));
    }
}

/// Starts the server from a thread that lives as long as it: the system ends it with the thread that began it.
fn spawn(mut command: Command) -> u32 {
    let (tell, pid) = mpsc::channel();
    thread::spawn(move || {
        let mut child: Child = command.spawn().expect("start the server: `cargo xtask setup` installs it");
        tell.send(child.id()).unwrap();
        child.wait().unwrap();
    });
    pid.recv().unwrap()
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Removes the files of servers whose processes are no more: a server that is a static ends without a word.
fn remove_what_others_left() {
    let Ok(entries) = fs::read_dir(server_homes()) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let pid = name
            .strip_prefix("raccord-mariadb-")
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// A directory to copy, which takes a fraction of the time that making one does.
fn template() -> PathBuf {
    let template = server_homes().join("raccord-mariadb-template");
    if template.join("mysql").exists() {
        return template;
    }
    let made = server_homes().join(format!("raccord-mariadb-template-{}", std::process::id()));
    let mut command = Command::new("mariadb-install-db");
    command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    command.arg(format!("--datadir={}", made.display())).args(["--user", &user()]);
    let output = command.output().expect("make a database: `cargo xtask setup` installs MariaDB");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // Another process may have been faster: then its template is as good.
    if fs::rename(&made, &template).is_err() {
        fs::remove_dir_all(&made).unwrap();
    }
    template
}
