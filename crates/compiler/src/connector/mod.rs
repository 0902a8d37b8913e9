//! Connector settings lowered to component trees.
//!
//! Each connector has a folder here, and `registry` alone names them all.
//!
//! Pure: the loader lowers to diagnose, a run lowers the same settings with the same function. Mistakes are
//! findings whose paths begin at the Source's `spec.config`; a stream with an error among them is not built.

mod cursor;
mod decode;
mod file;
pub(crate) mod findings;
mod http;
pub mod manifest;
pub mod reading;
mod records;
mod registry;
mod since;
mod stream;
pub mod table;
pub(crate) mod template;
#[cfg(test)]
mod tests;
mod token;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};

pub use cursor::{FieldCursor, IncrementalCursor, Mark};
pub use decode::Decoder;
pub use file::{FileStream, NamedFormat, lower_file};
pub use http::{
    Completion, Ending, ErrorHandler, ErrorPlace, GraphQlBody, HttpStream, Limits, ListRouter, MoreFlag,
    NumberPlace, PageSize, Paginator, ParentRouter, PartitionRouter, RequestBody, Requester, TokenPlace,
    WaitPlace, lower_http,
};
pub use manifest::ManifestStream;
pub use records::Extractor;
pub use registry::{Lower, describe, findings, lower, register};
pub use since::fill as fill_since;
pub use stream::{Component, Stream};
pub use table::TableStream;
pub use template::{BodyTemplate, PathTemplate, Target, fill_names};
pub use token::{AnswerPlace, TokenCursor};

/// The finding for a data type that the settings do not have.
pub fn unknown_data_type(data_type: &DataTypeName) -> Finding {
    Finding::error(
        &["dataTypes"],
        Code::UnknownDataType,
        format!("the source has no data type `{data_type}`"),
    )
}
