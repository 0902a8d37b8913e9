//! What the opening of a state begins with: this process's clock, randomness and environment, and what is done where there is
//! no state.

use jiff::Timestamp;
use raccord_connect::System;
use raccord_model::port::environment::Environment as _;

use crate::error::CommandError;

/// The clock, the randomness and the environment of this process.
pub(crate) fn system() -> Result<System, CommandError> {
    let frozen = match std::env::var("RACCORD_NOW") {
        Ok(text) => Some(text.parse::<Timestamp>().map_err(|_| {
            CommandError::usage(format!(
                "RACCORD_NOW=`{text}` is not an instant such as 2025-01-31T09:30:00Z"
            ))
        })?),
        Err(_) => None,
    };
    let system = System { frozen };
    if system.now() < Timestamp::UNIX_EPOCH {
        return Err(CommandError::new(format!("the clock of this machine says {}", system.now()))
            .hint("set it: no time before 1970 can be right, and identities are made of the time"));
    }
    Ok(system)
}

/// What a command does where there is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It begins one.
    Create,
    /// It looks at what a new one would hold, and leaves none behind.
    Imagine,
    /// There must be one.
    Existing,
}
