//! Lowers a manifest and the settings that a Source gives it: which data types there are, whether one can be read, and what
//! is wrong with the settings by the manifest's own `spec`.
//!
//! Pure, as all of this crate: a stream is built to see that it can be, over a transport that sends nothing.

mod settings;
mod stream;

use std::collections::BTreeSet;
use std::sync::Arc;

use raccord_manifest::component::Problem;
pub use raccord_manifest::load::is_manifest;
use raccord_manifest::load::{Manifest, load};
use raccord_manifest::spec;
use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::connector::manifest::{ManifestText, data_type_name};

use super::registry::Lower;
use super::unknown_data_type;

pub use stream::ManifestStream;

/// The manifest that a text is. It is read once for the text and its clones.
///
/// # Errors
/// When it is none. The message says where in it.
fn loaded(text: &ManifestText) -> Result<Arc<Manifest>, String> {
    let loaded = text.made(|text| load(text).map(Arc::new).map_err(|problem| in_words(&problem)));
    loaded.as_ref().clone()
}

/// The data types of a manifest, in the order in which it has them.
///
/// # Errors
/// When the text is no manifest. The message says where in it.
pub fn data_types(text: &ManifestText) -> Result<Vec<DataTypeName>, String> {
    let manifest = loaded(text)?;
    Ok(names(&manifest).into_iter().map(|(name, _)| name).collect())
}

/// The data types of a manifest, each with what the manifest calls it.
fn names(manifest: &Manifest) -> Vec<(DataTypeName, String)> {
    let all = spec::data_types(manifest).into_iter();
    all.filter_map(|data_type| Some((data_type_name(&data_type.name)?, data_type.name))).collect()
}

impl Lower for ManifestSettings {
    type Stream = ManifestStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<ManifestStream>, Vec<Finding>) {
        let manifest = match loaded(&self.text) {
            Ok(manifest) => manifest,
            Err(why) => return (None, vec![no_manifest(self, &why)]),
        };
        let Some((_, name)) = names(&manifest).into_iter().find(|(name, _)| name == data_type) else {
            return (None, vec![unknown_data_type(data_type)]);
        };
        match ManifestStream::new(self, &manifest, &name) {
            Ok(stream) => (Some(stream), Vec::new()),
            Err(problem) => {
                let message = format!("the data type `{data_type}` cannot be read: {problem}");
                (None, vec![Finding::error(&[""; 0], Code::UnknownDataType, message)])
            }
        }
    }

    fn findings(&self) -> Vec<Finding> {
        if self.is_unread() {
            return Vec::new();
        }
        match loaded(&self.text) {
            Ok(manifest) => [settings::check(self, &manifest), unreachable(&manifest)].concat(),
            Err(why) => vec![no_manifest(self, &why)],
        }
    }
}

/// The streams that no name leads to: it would be too long, or is that of another one.
fn unreachable(manifest: &Manifest) -> Vec<Finding> {
    let mut taken = BTreeSet::new();
    let streams = spec::data_types(manifest).into_iter().map(|data_type| data_type.name);
    streams
        .filter(|stream| !data_type_name(stream).is_some_and(|name| taken.insert(name)))
        .map(|stream| {
            let message = format!(
                "the manifest's stream `{stream}` cannot be read: its name is too long for a data type, or is another one's here"
            );
            Finding::warning(&[""; 0], Code::UnknownDataType, message)
                .help("a name keeps letters, digits and _ . -, and has `_` for all others; rename the stream in the manifest")
        })
        .collect()
}

/// What is wrong, with its place in the manifest where it has one.
fn in_words(problem: &Problem) -> String {
    if problem.path.is_empty() { problem.message.clone() } else { problem.to_string() }
}

/// The finding that the text is no manifest.
fn no_manifest(settings: &ManifestSettings, why: &str) -> Finding {
    let place = settings.path.as_deref().unwrap_or("text");
    Finding::error(&[""; 0], Code::InvalidValue, format!("`{place}` is no manifest: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_once_for_all_of_its_data_types() {
        let stream = |name: &str| {
            format!(
                "  - {{type: DeclarativeStream, name: {name}, retriever: {{type: SimpleRetriever, \
                 requester: {{type: HttpRequester, url_base: 'https://a.example', path: {name}}}, \
                 record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, field_path: []}}}}}}}}\n"
            )
        };
        let text = format!("type: DeclarativeSource\nstreams:\n{}{}", stream("a"), stream("b"));
        let settings = ManifestSettings { text: text.into(), ..ManifestSettings::default() };
        assert!(data_types(&settings.text).unwrap().iter().map(DataTypeName::as_str).eq(["a", "b"]));
        let lowered = |settings: &ManifestSettings, name: &str| {
            settings.lower(&name.parse().unwrap()).0.unwrap().manifest
        };
        let first = lowered(&settings, "a");
        for name in ["a", "b"] {
            assert!(Arc::ptr_eq(&first, &lowered(&settings.clone(), name)), "{name}");
        }
        let again = ManifestSettings { text: settings.text.to_string().into(), ..settings.clone() };
        assert!(again == settings && !Arc::ptr_eq(&first, &lowered(&again, "a")));
    }

    #[test]
    fn a_stream_that_no_name_leads_to_is_told() {
        let check = |names: &[&str], expected: &[&str]| {
            let streams: String = names
                .iter()
                .map(|name| format!("  - {{type: DeclarativeStream, name: \"{name}\", retriever: {{}}}}\n"))
                .collect();
            let manifest = load(&format!("type: DeclarativeSource\nstreams:\n{streams}")).unwrap();
            let found = unreachable(&manifest);
            assert_eq!(found.len(), expected.len(), "{names:?}");
            for (finding, name) in found.iter().zip(expected) {
                assert!(finding.message.contains(&format!("`{name}`")), "{}", finding.message);
            }
        };
        check(&["a", "b c"], &[]);
        check(&["b_c", "b c", "b-c"], &["b c"]);
        let long = "x".repeat(64);
        check(&[&long], &[&long]);
    }
}
