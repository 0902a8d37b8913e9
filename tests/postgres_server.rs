//! A PostgreSQL server of a test's own: a private cluster on a free port, which ends with the process that started it,
//! however that ends. It knows nothing of Raccord.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use server_home::server_homes;

#[path = "server_home.rs"]
mod server_home;

/// Where Debian keeps the programs of each version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// Whether what was committed must survive the machine, or only the server. Killing the server loses nothing either way;
/// with `fsync` it is as in production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Fast,
    Synced,
}

/// A server. It is killed when this is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    home: PathBuf,
    pub port: u16,
    durability: Durability,
    /// More settings, as `name=value`.
    settings: Vec<String>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    pid: u32,
    /// Is told when the server has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl PostgresServer {
    /// Starts one.
    pub fn start(durability: Durability) -> Self {
        Self::start_with(durability, &[])
    }

    /// Starts one with settings of its own, as `name=value`.
    pub fn start_with(durability: Durability, settings: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_what_others_left();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("raccord-postgres-{}-{number}", std::process::id());
        let home = server_homes().join(name);
        as_postgres("cp", |command| command.arg("-a").arg(template()).arg(&home));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(ToString::to_string).collect();
        let mut server = Self { home, port, durability, settings, running: None };
        server.start_again();
        server
    }

    /// Starts it once more after [`Self::kill`].
    pub fn start_again(&mut self) {
        let mut command = Command::new("setpriv");
        if is_root() {
            // The server refuses to be root.
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        // As a crash would, but that the server gives its shared memory back: the system has a few thousand pieces of it in all.
        command.arg("--pdeathsig=QUIT").arg(program("postgres")).arg("-D").arg(&self.home);
        let port = self.port.to_string();
        let fsync = if self.durability == Durability::Fast { "fsync=off" } else { "fsync=on" };
        command.args(["-p", &port, "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", fsync]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let log = fs::File::options().create(true).append(true).open(self.log()).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).current_dir("/");
        self.running = Some(spawn(command));
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.answers() {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(self.log()).unwrap_or_default());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> PathBuf {
        self.home.with_extension("log")
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(program("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command.status().unwrap().success()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(Running { pid, ended }) = self.running.take() {
            assert!(Command::new("kill").args(["-QUIT", &pid.to_string()]).status().unwrap().success());
            ended.into_inner().unwrap().recv().unwrap();
        }
    }

    /// A URL of a database, with the role `postgres`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements in a database; what they answer, as unadorned text.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut command = Command::new(program("psql"));
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.url(database),
            "-c",
            statements,
        ]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Where its files are.
    pub fn home(&self) -> &Path {
        &self.home
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(Running { pid, ended }) = self.running.take() {
            drop(Command::new("kill").args(["-QUIT", &pid.to_string()]).status());
            drop(ended.into_inner().map(|ended| ended.recv_timeout(Duration::from_secs(10))));
        }
        drop(fs::remove_dir_all(&self.home));
        drop(fs::remove_file(self.log()));
    }
}

/// Removes the files of servers whose processes are no more: a server that is a static ends without a word.
fn remove_what_others_left() {
    let Ok(entries) = fs::read_dir(server_homes()) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let pid = name.strip_prefix("raccord-postgres-").and_then(|rest| rest.split(['-', '.']).next());
        if pid
            .and_then(|pid| pid.parse::<u32>().ok())
            .is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        {
            drop(fs::remove_dir_all(&path));
            drop(fs::remove_file(&path));
        }
    }
}

/// Starts the server from a thread that lives as long as it: the system ends it with the thread that began it.
fn spawn(mut command: Command) -> Running {
    let ((tell_pid, pid), (tell_end, ended)) = (mpsc::channel(), mpsc::channel());
    thread::spawn(move || {
        let mut child: Child = command.spawn().expect("start the server: `cargo xtask setup` installs it");
        tell_pid.send(child.id()).unwrap();
        child.wait().unwrap();
        let _: Result<(), _> = tell_end.send(());
    });
    Running { pid: pid.recv().unwrap(), ended: Mutex::new(ended) }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// The newest version of a program.
fn program(name: &str) -> PathBuf {
    let versions =
        fs::read_dir(PROGRAMS).unwrap_or_else(|error| panic!("{PROGRAMS}: {error}: run `cargo xtask setup`"));
    let version = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().to_str()?.parse::<u32>().ok();
    let newest =
        versions.filter_map(version).max().expect("a version of PostgreSQL: run `cargo xtask setup`");
    Path::new(PROGRAMS).join(newest.to_string()).join("bin").join(name)
}

/// Runs a program as the user `postgres`, unless this is not root.
fn as_postgres(name: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", name]);
        command
    } else {
        Command::new(name)
    };
    let output = arguments(command.current_dir("/")).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A cluster to copy, which takes a fraction of the time that making one does.
fn template() -> PathBuf {
    let template = server_homes().join("raccord-postgres-template");
    if template.join("PG_VERSION").exists() {
        return template;
    }
    let made = server_homes().join(format!("raccord-postgres-template-{}", std::process::id()));
    let initdb = program("initdb");
    as_postgres(initdb.to_str().unwrap(), |command| {
        let command = command.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]);
        command.args(["--no-sync", "--wal-segsize=1", "-D"]).arg(&made)
    });
    // Another process may have been faster: then its template is as good.
    if fs::rename(&made, &template).is_err() {
        fs::remove_dir_all(&made).unwrap();
    }
    template
}
