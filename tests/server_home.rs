//! Where the servers of tests keep their files: in memory where there is room, for a cluster is a thousand small files that
//! are copied before a test and removed after it. It knows nothing of Raccord.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where files are kept in memory.
const MEMORY: &str = "/dev/shm";

/// Mebibytes that must be free there.
const ROOM: u64 = 2048;

/// The directory of the homes of all servers. A process that is killed loses nothing in either place.
pub fn server_homes() -> PathBuf {
    if free(Path::new(MEMORY)) >= ROOM { PathBuf::from(MEMORY) } else { std::env::temp_dir() }
}

/// Free mebibytes of a file system, 0 where it cannot be told.
fn free(directory: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(directory).output();
    let told = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let told = String::from_utf8(told.unwrap_or_default()).unwrap_or_default();
    told.lines().nth(1).and_then(|free| free.trim().parse().ok()).unwrap_or(0)
}
