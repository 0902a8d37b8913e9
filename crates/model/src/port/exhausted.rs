//! Whether an error says that this machine has run out of something: descriptors, disk, memory or local ports.
//!
//! Such a failure says nothing of the service that was being asked, so it never counts against it.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Descriptors: of the whole system, of this process. They have no [`ErrorKind`] of their own.
const DESCRIPTORS: [i32; 2] = [23, 24];

/// Whether an error, or something that caused it, is that something ran out here.
pub fn is_exhausted(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.any(|cause| {
        let own = cause.downcast_ref::<io::Error>();
        let shared = || cause.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
        own.or_else(shared).is_some_and(says_so)
    })
}

fn says_so(error: &io::Error) -> bool {
    use ErrorKind::{AddrNotAvailable, FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull};
    matches!(error.kind(), AddrNotAvailable | FileTooLarge | OutOfMemory | QuotaExceeded | StorageFull)
        || error.raw_os_error().is_some_and(|code| DESCRIPTORS.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reach the service")]
    struct Wrapped(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn what_ran_out_here_is_told_from_what_the_service_did() {
        let check = |error: io::Error, expected: bool| {
            let text = error.to_string();
            assert_eq!(is_exhausted(&error), expected, "{text}");
            let wrapped = Wrapped(Box::new(Wrapped(Box::new(Arc::new(error)))));
            assert_eq!(is_exhausted(&wrapped), expected, "{text}");
        };
        for code in [12, 23, 24, 28] {
            check(io::Error::from_raw_os_error(code), true);
        }
        check(io::Error::from(ErrorKind::StorageFull), true);
        check(io::Error::from(ErrorKind::AddrNotAvailable), true);
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::TimedOut] {
            check(io::Error::from(kind), false);
        }
        check(io::Error::from_raw_os_error(13), false);
    }
}
