//! What the connector `file` is, and what its settings answer.

use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Compression, FileDataType, FileSettings, RemotePath};
use crate::language::connector::{Connector, ConnectorInfo, RecordFormat, Settings, Sheet};
use crate::language::omit;
use crate::name::DataTypeName;

impl Connector for FileSettings {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "file",
        title: "CSV, JSON Lines, JSON, XLSX and Parquet files, here, in buckets and on SFTP servers",
        needs_authorization: false,
        has_webhooks: false,
        features: &["snapshot deletes", "resume inside a file"],
    };
}

impl Settings for FileSettings {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.keys().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.data_types.get(data_type))
    }

    fn make_canonical(&mut self, rebase: &dyn Fn(&str) -> String) {
        for data_type in self.data_types.values_mut() {
            // What is wrong is left as it is written: cleaned, `ftp://host/a` is a path of this machine.
            if matches!(RemotePath::of(&data_type.path), Ok(None)) {
                data_type.path = rebase(&data_type.path);
            }
            omit_named(data_type);
        }
    }
}

/// Takes out what the name of the file says already.
fn omit_named(data_type: &mut FileDataType) {
    let mut path = PathBuf::from(data_type.path.to_ascii_lowercase());
    let mut compression = Compression::None;
    if extension(&path) == Some("gz") {
        compression = Compression::Gzip;
        path.set_extension("");
    }
    omit(&mut data_type.compression, &compression);
    let extension = extension(&path);
    let by_extension = match extension {
        Some("csv" | "tsv") => Some(RecordFormat::Csv),
        Some("jsonl" | "ndjson") => Some(RecordFormat::Jsonl),
        Some("json") => Some(RecordFormat::Json),
        Some("xlsx" | "xlsm") => Some(RecordFormat::Xlsx),
        Some("parquet") => Some(RecordFormat::Parquet),
        _ => None,
    };
    if let Some(format) = by_extension {
        omit(&mut data_type.format, &format);
    }
    omit(&mut data_type.sheet, &Sheet::Number(NonZeroU32::MIN));
    omit(&mut data_type.delimiter, if extension == Some("tsv") { &'\t' } else { &',' });
    if data_type.encoding.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("utf-8")) {
        data_type.encoding = None;
    }
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(OsStr::to_str)
}
