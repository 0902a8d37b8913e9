//! Page tokens: where a page is, down through all parents, as versioned JSON of ours.

use raccord_compiler::connector::{HttpStream, Paginator};
use raccord_model::checkpoint::PageToken;
use raccord_model::port::source::SourceError;
use serde::{Deserialize, Serialize};

use super::paginate::{At, Position};

/// The version of the form below. Version 1 knew neither the longest page nor the totals, whose absence means less proof.
const VERSION: u8 = 2;
/// The versions that can be read.
const READABLE: std::ops::RangeInclusive<u8> = 1..=VERSION;

/// Where a page is: its position, under the record of a parent when there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The position among the pages of one partition.
    pub(crate) position: Position,
    /// The parent record that the partition belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Box<ParentPlace>>,
}

/// Where a parent record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParentPlace {
    /// The page that it is on.
    pub(crate) page: Place,
    /// Its number on that page, from 0.
    pub(crate) record: usize,
    /// What its fields in the path were, when they were known: the page may have changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fields: Option<Vec<String>>,
}

impl Place {
    /// The place where a stream begins.
    pub(crate) fn first(stream: &HttpStream) -> Self {
        let parent = stream.partition_router.as_ref().map(|router| {
            let page = router.above().map_or_else(Self::beginning, Self::first);
            Box::new(ParentPlace { page, record: 0, fields: None })
        });
        Self { parent, ..Self::beginning() }
    }

    /// The first page of what has no partitions.
    pub(crate) fn beginning() -> Self {
        Self { position: Position::first(), parent: None }
    }
}

#[derive(Serialize, Deserialize)]
struct Token {
    v: u8,
    place: Place,
}

/// Writes a token.
pub(crate) fn write(place: &Place) -> PageToken {
    let token = Token { v: VERSION, place: place.clone() };
    // The form holds numbers and texts alone, so writing it cannot fail; an empty token would be refused.
    PageToken(serde_json::to_string(&token).unwrap_or_default())
}

/// Reads a token that was written for this stream.
pub(crate) fn read(token: &PageToken, stream: &HttpStream) -> Result<Place, SourceError> {
    let refused = || SourceError::PageRefused {
        message: "the page token is not one that this version wrote for these settings".to_owned(),
    };
    let token: Token = serde_json::from_str(&token.0).map_err(|_| refused())?;
    if READABLE.contains(&token.v) && fits(&token.place, stream) { Ok(token.place) } else { Err(refused()) }
}

/// Whether a place has as many parents as the stream, and pages in the same way.
fn fits(place: &Place, stream: &HttpStream) -> bool {
    let same_way = match &place.position.at {
        At::First => true,
        At::Page(_) => matches!(stream.paginator, Paginator::PageIncrement { .. }),
        At::Offset(_) => matches!(stream.paginator, Paginator::OffsetIncrement { .. }),
        At::Url(_) => matches!(stream.paginator, Paginator::NextUrl(_) | Paginator::Link { .. }),
        At::Cursor(_) => matches!(stream.paginator, Paginator::CursorPagination { .. }),
        At::Since(_) => matches!(stream.paginator, Paginator::ByValue),
    };
    let same_parents = match (&place.parent, &stream.partition_router) {
        (None, None) => true,
        (Some(parent), Some(router)) => match router.above() {
            Some(above) => fits(&parent.page, above),
            None => parent.page.position.at == At::First && parent.page.parent.is_none(),
        },
        (None, Some(_)) | (Some(_), None) => false,
    };
    same_way && same_parents
}
