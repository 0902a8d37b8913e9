//! A state that several machines share, as commands meet it: how it is reached, and who else works on it.

#[cfg(feature = "postgres")]
mod connect;
#[cfg(feature = "postgres")]
mod copying;
#[cfg(feature = "postgres")]
mod presence;
#[cfg(feature = "postgres")]
mod sharing;
#[cfg(not(feature = "postgres"))]
mod without;

#[cfg(feature = "postgres")]
pub(crate) use self::copying::{into_database, into_file};
#[cfg(feature = "postgres")]
pub(crate) use self::sharing::{Sharing, Waiting, daemons, reach, waiting};
#[cfg(not(feature = "postgres"))]
pub(crate) use self::without::{Sharing, Waiting, daemons, into_database, into_file, reach, waiting};
