//! Work over a body that may be large: it must not keep an async worker from everything else that waits for one.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Up to how many bytes are worked on where they are: about a millisecond.
const IN_PLACE: usize = 256 * 1024;

/// Does something over so many bytes. When they are many, the other tasks of this worker go on elsewhere meanwhile.
pub(crate) fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    // A runtime of one thread has no worker that could take over.
    let has_others =
        Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > IN_PLACE && has_others { block_in_place(work) } else { work() }
}
