//! A stream of files: what is to be read and how its bytes become records.

use raccord_model::DataTypeName;
use raccord_model::language::connector::{Compression, RecordFormat};

use crate::connector::decode::Decoder;
use crate::connector::stream::Component;

/// Files that hold one data type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStream {
    /// The data type's name.
    pub data_type: DataTypeName,
    /// A path or glob, relative to the root.
    pub path: String,
    /// The compression; `None` is what the name of each file that matches says.
    pub compression: Option<Compression>,
    /// How their bytes become records.
    pub decoder: Decoder,
}

impl Component for FileStream {
    fn has_texts_alone(&self) -> bool {
        self.decoder.format == RecordFormat::Csv
    }
}
