//! Positions in the log of a server, and where a reading of changes stands, as text with a version.

use raccord_model::checkpoint::{PageToken, SourceState};
use serde::{Deserialize, Serialize};

use super::feed::At;

/// The version of the forms below.
const VERSION: u8 = 1;

/// A position as the server writes it.
pub(super) fn text(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
}

/// Reads one.
pub(super) fn read(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let part = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(part(high)? << 32 | part(low)?)
}

/// What was read and counts.
pub(super) fn state(position: u64) -> SourceState {
    SourceState::new(format!("v1:{}", text(position)))
}

/// Reads it.
pub(super) fn of_state(state: &SourceState) -> Option<u64> {
    read(state.as_str().strip_prefix("v1:")?)
}

/// Where a window stands: at its rows, or at its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stand {
    v: u8,
    /// Where the log stood when the window began to read all rows; nothing where it reads none.
    pub(super) since: Option<u64>,
    /// The page of the rows.
    pub(super) rows: Option<String>,
    /// The changes that are taken in.
    pub(super) at: At,
}

impl Stand {
    pub(super) const fn new(since: Option<u64>, rows: Option<String>, at: At) -> Self {
        Self { v: VERSION, since, rows, at }
    }

    pub(super) fn token(&self) -> PageToken {
        // Numbers and a text, so writing them cannot fail; an empty token would not be read.
        PageToken(serde_json::to_string(self).unwrap_or_default())
    }

    pub(super) fn read(token: &PageToken) -> Option<Self> {
        serde_json::from_str(&token.0).ok().filter(|stand: &Self| stand.v == VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_server() {
        for (number, written) in [(0, "0/0"), (0x0155_e2f8, "0/155E2F8"), (0x16_b374_d848, "16/B374D848")] {
            assert_eq!(text(number), written);
            assert_eq!(read(written), Some(number));
            assert_eq!(of_state(&state(number)), Some(number));
        }
        assert_eq!(read("nowhere"), None);
    }
}
