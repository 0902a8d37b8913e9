//! Connector settings lowered to component trees.
//!
//! Pure: the loader lowers to diagnose, a run lowers the same settings with the same function. Mistakes are
//! findings whose paths begin at the Source's `spec.config`; a stream with an error among them is not built.

mod component;
mod credential;
mod cursor;
mod file;
pub(crate) mod findings;
mod http;
mod incremental;
mod pagination;
mod records;
mod since;
pub(crate) mod template;
#[cfg(test)]
mod tests;
mod token;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::ConnectorSettings;

pub use component::{
    Completion, Ending, ErrorHandler, ErrorPlace, Extractor, FileStream, HttpStream, Limits, MoreFlag,
    NumberPlace, PageSize, Paginator, PartitionRouter, Requester, Stream, Target, TokenPlace, WaitPlace,
};
pub use cursor::{FieldCursor, IncrementalCursor, Mark};
pub use file::{NamedFormat, lower_file};
pub use http::lower_http;
pub use since::fill as fill_since;
pub use template::{BodyTemplate, PathTemplate};
pub use token::{AnswerPlace, TokenCursor};

/// Lowers one data type of a source. Without an error among the findings there is a stream.
pub fn lower(settings: &ConnectorSettings, data_type: &DataTypeName) -> (Option<Stream>, Vec<Finding>) {
    match settings {
        ConnectorSettings::File(settings) => {
            let (stream, findings) = lower_file(settings, data_type);
            (stream.map(Stream::File), findings)
        }
        ConnectorSettings::Http(settings) => {
            let (stream, findings) = lower_http(settings, data_type);
            (stream.map(|stream| Stream::Http(Box::new(stream))), findings)
        }
    }
}

/// Everything that is wrong with the settings of a source, each mistake once.
pub fn findings(settings: &ConnectorSettings) -> Vec<Finding> {
    match settings {
        ConnectorSettings::File(settings) => {
            settings.data_types.keys().flat_map(|name| lower_file(settings, name).1).collect()
        }
        ConnectorSettings::Http(settings) => http::findings(settings),
    }
}

/// The finding for a data type that the settings do not have.
fn unknown_data_type(data_type: &DataTypeName) -> Finding {
    Finding::error(
        &["dataTypes"],
        Code::UnknownDataType,
        format!("the source has no data type `{data_type}`"),
    )
}
