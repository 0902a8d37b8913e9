//! Manifests of connectors among the files of a configuration: texts in another language, which are not read as documents, and
//! put beside the settings of the Sources that name them.

use std::collections::BTreeMap;

use raccord_compiler::connector::manifest;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::connector::manifest::{ManifestText, is_url, listed};
use raccord_model::suggest;

use crate::diagnose::{Document, Report};
use crate::document::Documents;
use crate::lock::Lock;
use crate::resolve::clean;
use crate::text::SourceText;

/// The manifests of a configuration, by the paths of their files, and its lock.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    files: BTreeMap<String, SourceText>,
    pub(crate) lock: Lock,
}

impl Manifests {
    /// Takes the manifests out of the texts.
    pub(crate) fn take_from(texts: &mut Vec<SourceText>, report: &mut Report) -> Self {
        let lock = Lock::take_from(texts, report);
        let (manifests, others) =
            std::mem::take(texts).into_iter().partition(|text| manifest::is_manifest(&text.text));
        *texts = others;
        let manifests: Vec<SourceText> = manifests;
        Self { files: manifests.into_iter().map(|text| (path(&text), text)).collect(), lock }
    }

    /// Puts the text of its manifest beside the settings of every Source that names one.
    pub(crate) fn embed(&self, all: &mut Documents, documents: &[Document<'_>], report: &mut Report) {
        let mut texts = Vec::new();
        for held in all.sources.values_mut() {
            let Some(document) = documents.get(held.at) else { continue };
            let Some(settings) = held.spec.settings.get_mut::<ManifestSettings>() else { continue };
            if let Some(finding) = self.fill(settings, &document.text.directory, &mut texts) {
                report.finding(document, finding.under(&["spec"]));
            }
        }
    }

    /// Gives settings the text of their manifest and its data types, or says what is wrong. Equal texts become one, so that it is
    /// read once.
    fn fill(
        &self,
        settings: &mut ManifestSettings,
        directory: &str,
        texts: &mut Vec<ManifestText>,
    ) -> Option<Finding> {
        let (place, shown) = match &settings.path {
            Some(path) => ("connector", path.clone()),
            None => ("config", "text".to_owned()),
        };
        // A configuration that was exported, or that a client sends, has the text with it.
        if let Some(path) = settings.path.as_ref().filter(|_| settings.text.is_empty()) {
            match self.text(path, directory) {
                Ok(text) => settings.text = text.to_owned().into(),
                Err(missing) => return Some(missing),
            }
        }
        if settings.text.is_empty() {
            return Some(Finding::error(&["config"], Code::MissingField, "the manifest is missing"));
        }
        match texts.iter().find(|known| **known == settings.text) {
            Some(known) => settings.text.clone_from(known),
            None => texts.push(settings.text.clone()),
        }
        match manifest::data_types(&settings.text) {
            Ok(data_types) => {
                settings.data_types = data_types;
                None
            }
            Err(why) => {
                let message = format!("`{shown}` is no manifest: {why}");
                Some(Finding::error(&[place], Code::InvalidValue, message))
            }
        }
    }

    /// The text of the manifest at a path or a URL, or with a name of the catalogue.
    fn text(&self, path: &str, directory: &str) -> Result<&str, Finding> {
        if let Some(found) = listed(path) {
            return self.lock.of_listed(path, found.text).unwrap_or(Ok(found.text));
        }
        if is_url(path) {
            check_url(path)?;
            return self.lock.of_url(path);
        }
        let wanted = if path.starts_with('/') { clean(path) } else { clean(&format!("{directory}/{path}")) };
        self.files.get(&wanted).map(|found| &*found.text).ok_or_else(|| self.missing(path, &wanted))
    }

    fn missing(&self, written: &str, wanted: &str) -> Finding {
        let known = self.files.keys().map(String::as_str);
        let near = suggest::nearest(wanted, known).map(|near| format!("did you mean `{near}`? "));
        let message = format!("there is no manifest at `{written}` among the files that are loaded");
        Finding::error(&["connector"], Code::UnknownConnector, message).help(format!(
            "{}the path begins at the directory of this file; a manifest is a YAML file with the line \
             `type: DeclarativeSource`; where `-f` names files, it names the manifest, too, or their directory: \
             `-f {}`",
            near.unwrap_or_default(),
            written.trim_start_matches("./"),
        ))
    }
}

/// A URL says where a text is to be had, to everybody who reads the configuration.
fn check_url(url: &str) -> Result<(), Finding> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next();
    let host = authority.unwrap_or_default();
    let wrong = |message: &str| Finding::error(&["connector"], Code::InvalidValue, message);
    if host.contains('@') {
        return Err(wrong("the URL holds a user name or a password, and a manifest is fetched without")
            .help("fetch the file yourself and write its path"));
    }
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\\' | '#');
    if host.is_empty() || url.contains(is_odd) {
        return Err(wrong("this is no URL of a file").help("write https://HOST/PATH, without a fragment"));
    }
    Ok(())
}

/// The absolute path of a text.
fn path(text: &SourceText) -> String {
    let name = text.name.rsplit('/').next().unwrap_or(&text.name);
    clean(&format!("{}/{name}", text.directory))
}
