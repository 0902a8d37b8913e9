//! Defaults that are spelled out, taken out again: with and without them the digest is the same.
//!
//! The defaults that hang on one field alone are left out by the types themselves; those here hang on a
//! name, on another field, or stand for an `Option`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use raccord_model::language::connector::file::{Compression, FileDataType, FileFormat};
use raccord_model::language::connector::http::{HttpSettings, Pagination, Wait, WaitUnit};
use raccord_model::language::webhook::HmacSpec;
use raccord_model::language::{Schedule, StackSpec, WebhookSpec};

/// Takes the default out of an option.
fn omit<T: PartialEq>(option: &mut Option<T>, default: &T) {
    if option.as_ref() == Some(default) {
        *option = None;
    }
}

pub(super) fn stack(mut spec: StackSpec) -> StackSpec {
    if let Some(mail) = &mut spec.mail {
        omit(&mut mail.port, &mail.security.default_port());
    }
    spec
}

pub(super) fn schedule(schedule: &mut Schedule) {
    omit(&mut schedule.timezone, &"UTC".to_owned());
}

pub(super) fn http(settings: &mut HttpSettings) {
    if let Some(wait) = &mut settings.retry.wait {
        omit(&mut wait.unit, &WaitUnit::S);
        let is_default = wait.header.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("Retry-After"))
            && *wait == Wait { header: wait.header.clone(), body: None, unit: None };
        if is_default {
            settings.retry.wait = None;
        }
    }
    for (name, data_type) in &mut settings.data_types {
        omit(&mut data_type.path, &format!("/{name}"));
        if let Some(Pagination { page: Some(_), from, .. }) = &mut data_type.pagination {
            omit(from, &1);
        }
    }
}

pub(super) fn webhook(webhook: &mut WebhookSpec) {
    if let Some(hmac) = &mut webhook.verify.hmac {
        let default = HmacSpec { signed: None, ..hmac.clone() }.signed().to_owned();
        omit(&mut hmac.signed, &default);
    }
}

pub(super) fn file_data_type(data_type: &mut FileDataType) {
    let mut path = PathBuf::from(data_type.path.to_ascii_lowercase());
    let mut compression = Compression::None;
    if extension(&path) == Some("gz") {
        compression = Compression::Gzip;
        path.set_extension("");
    }
    omit(&mut data_type.compression, &compression);
    let extension = extension(&path);
    let by_extension = match extension {
        Some("csv" | "tsv") => Some(FileFormat::Csv),
        Some("jsonl" | "ndjson") => Some(FileFormat::Jsonl),
        Some("json") => Some(FileFormat::Json),
        _ => None,
    };
    if let Some(format) = by_extension {
        omit(&mut data_type.format, &format);
    }
    omit(&mut data_type.delimiter, if extension == Some("tsv") { &'\t' } else { &',' });
    if data_type.encoding.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("utf-8")) {
        data_type.encoding = None;
    }
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(OsStr::to_str)
}
