//! Page tokens of files: which file, how many of its records are done, and what the file was like.

use raccord_model::checkpoint::PageToken;
use raccord_model::port::source::SourceError;
use serde::{Deserialize, Serialize};

use super::matching::{Fingerprint, Matched};
use crate::decode::Spot;

/// The version of the form below.
const VERSION: u8 = 1;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    v: u8,
    /// The file's name relative to the root.
    file: String,
    /// How many records come before the page, faults included.
    pub(crate) records: u64,
    print: Fingerprint,
    /// Where the page begins in it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spot: Option<Spot>,
}

impl Place {
    pub(crate) fn new(file: &Matched, records: u64, spot: Option<Spot>) -> Self {
        Self { v: VERSION, file: file.name.clone(), records, print: file.print.clone(), spot }
    }

    /// Writes a token.
    pub(crate) fn write(&self) -> PageToken {
        // The form holds numbers and texts alone, so writing it cannot fail; an empty token would be refused.
        PageToken(serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads a token and finds its file, which must be as it was.
    pub(crate) fn read(token: &PageToken, files: &[Matched]) -> Result<(usize, Self), SourceError> {
        let refused = |message: String| SourceError::PageRefused { message };
        let place: Self = serde_json::from_str(&token.0)
            .ok()
            .filter(|place: &Self| place.v == VERSION)
            .ok_or_else(|| refused("the page token is not one that this version wrote".to_owned()))?;
        let at = files.iter().position(|file| file.name == place.file);
        match at {
            Some(at) if files.get(at).is_some_and(|file| place.print.is_of(&file.print)) => Ok((at, place)),
            Some(_) => Err(refused(format!("{} has changed since", place.file))),
            None => Err(refused(format!("{} is no longer there", place.file))),
        }
    }
}
