//! Programs of others that the tests start, each on a port of its own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A program that ends with its test.
pub(crate) struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a program, and waits until it listens.
pub(crate) fn start(command: &mut Command, port: u16) -> Started {
    let program = command.get_program().to_owned();
    let child = command.spawn().unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask setup` installs what the tests need", program.display())
    });
    let mut started = Started(child);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{} does not listen", program.display());
        assert!(started.0.try_wait().unwrap().is_none(), "{} has ended", program.display());
        std::thread::sleep(Duration::from_millis(50));
    }
    started
}
