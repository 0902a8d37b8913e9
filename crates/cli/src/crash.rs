//! What is told of a panic. Libraries that read files take their pages on trust and stop with one where a file is damaged; who
//! calls them catches that and says which file it is, so that a line is enough here. Any other panic is a fault of Raccord.

use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

/// Parts of the paths of such libraries.
const READERS: [&str; 2] = ["/redb-", "/parquet-"];

/// Tells of panics in this way from here on.
pub(crate) fn tell() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        match panic.location().and_then(|place| in_a_reader(place.file())) {
            Some(place) => {
                let said = panic.payload_as_str().unwrap_or("without a message");
                let line = format!(
                    "raccord: a file may be damaged: it makes no sense to the library that reads it ({place}: {said}); `raccord state \
                     check` tells whether it is the state"
                );
                drop(writeln!(std::io::stderr(), "{line}"));
            }
            None => usual(panic),
        }
    }));
}

/// The name of such a library and a file's path in it.
fn in_a_reader(file: &str) -> Option<&str> {
    READERS.iter().find_map(|library| file.get(file.find(library)? + 1..))
}

/// Does the work of the program. A panic on its way is a failure like others, with the code of one.
pub(crate) fn caught(work: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let line = "error: this is a fault of raccord itself, or a file that it reads is damaged: `raccord state check` tells \
                    whether the state is whole";
        drop(writeln!(std::io::stderr(), "{line}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_read_files_are_known_by_their_place() {
        let check = |file: &str, expected: Option<&str>| assert_eq!(in_a_reader(file), expected);
        check(
            "/root/.cargo/registry/src/index.crates.io-1/redb-4.6.0/src/btree.rs",
            Some("redb-4.6.0/src/btree.rs"),
        );
        check("/root/.cargo/registry/src/index.crates.io-1/tokio-1.54.1/src/lib.rs", None);
        check("crates/store/src/open.rs", None);
    }
}
