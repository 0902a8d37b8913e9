//! Positions in the log of a server, and where a reading of changes stands, as text with a version.

use raccord_model::checkpoint::{PageToken, SourceState};
use serde::{Deserialize, Serialize};

use super::feed::At;
use super::identity::Identity;

/// The version of where a window stands.
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

/// What was read and counts, and of which table. The parts are divided by a semicolon.
pub(super) fn state(position: u64, identity: &Identity) -> SourceState {
    // Numbers alone, so writing them cannot fail; an empty part would not be read.
    let identity = serde_json::to_string(identity).unwrap_or_default();
    SourceState::new(format!("v2:{};{identity}", text(position)))
}

/// Reads it. The version before did not say of which table.
pub(super) fn of_state(state: &SourceState) -> Option<(u64, Option<Identity>)> {
    if let Some(position) = state.as_str().strip_prefix("v1:") {
        return Some((read(position)?, None));
    }
    let (position, identity) = state.as_str().strip_prefix("v2:")?.split_once(';')?;
    Some((read(position)?, Some(serde_json::from_str(identity).ok()?)))
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
    /// Of which table; nothing where the version before has written it.
    #[serde(default)]
    pub(super) identity: Option<Identity>,
}

impl Stand {
    pub(super) const fn new(since: Option<u64>, rows: Option<String>, at: At, identity: Identity) -> Self {
        Self { v: VERSION, since, rows, at, identity: Some(identity) }
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
    fn what_the_version_before_has_kept_is_read() {
        assert_eq!(of_state(&SourceState::new("v1:0/155E2F8".to_owned())), Some((0x0155_e2f8, None)));
        for unknown in ["v3:0/1", "v2:0/1", "v2:0/1;{}", "0/1"] {
            assert_eq!(of_state(&SourceState::new(unknown.to_owned())), None, "{unknown}");
        }
        let token = PageToken(r#"{"v":1,"since":7,"rows":null,"at":{"commit":7,"done":0}}"#.to_owned());
        assert_eq!(Stand::read(&token).map(|stand| (stand.since, stand.identity)), Some((Some(7), None)));
    }

    #[test]
    fn positions_are_those_of_the_server() {
        for (number, written) in [(0, "0/0"), (0x0155_e2f8, "0/155E2F8"), (0x16_b374_d848, "16/B374D848")] {
            assert_eq!(text(number), written);
            assert_eq!(read(written), Some(number));
            let identity: Identity =
                serde_json::from_str(r#"{"table":1,"publication":[2,3],"entries":[4]}"#).unwrap();
            assert_eq!(of_state(&state(number, &identity)), Some((number, Some(identity))));
        }
        assert_eq!(read("nowhere"), None);
    }
}
