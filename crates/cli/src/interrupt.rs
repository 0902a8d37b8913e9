//! Ctrl-C and SIGTERM: the first asks for an end, the second ends the process, whatever the others do.
//!
//! They are heard on a thread of their own, so that no work of the program can keep them from being heard.

use std::io;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The exit codes of a process that was ended by a signal, as a shell tells them: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// Becomes true at the first Ctrl-C or SIGTERM.
pub(crate) fn listen() -> io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let runtime = Builder::new_current_thread().enable_io().build()?;
    // Heard from now on, not only once the thread has its turn.
    let (mut interrupted, mut terminated) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let hear = move || {
        runtime.block_on(async {
            heard(&mut interrupted, &mut terminated).await;
            sender.send_replace(true);
            // What was reported done is durable.
            end(heard(&mut interrupted, &mut terminated).await);
        });
    };
    thread::Builder::new().name("raccord-signals".to_owned()).spawn(hear)?;
    Ok(receiver)
}

/// Waits for one of the two signals; returns its exit code.
async fn heard(interrupted: &mut Signal, terminated: &mut Signal) -> i32 {
    tokio::select! {
        _ = interrupted.recv() => INTERRUPTED,
        _ = terminated.recv() => TERMINATED,
    }
}

/// Ends the process at once.
#[expect(clippy::exit, reason = "a person has asked twice; nothing may hold the end up")]
fn end(code: i32) {
    std::process::exit(code)
}
