//! A connector: a manifest with a configuration, and the streams that it has then. A stream that cannot be used takes
//! no other with it.

use std::fmt;
use std::sync::Arc;

use crate::Json;
use crate::budget::Budget;
use crate::component::{Component, Problem, ProblemKind};
use crate::error::ReadError;
use crate::exchange::{Requester, Role, Selector};
use crate::load::{Declared, Manifest};
use crate::select::{self, RecordSelector};
use crate::send::HttpRequester;
use crate::service::Service;
use crate::stream::{Builder, Parts, Stream, Use};
use crate::template::Context;
use crate::transport::Transport;

/// A manifest with a configuration.
pub struct Connector {
    manifest: Manifest,
    service: Arc<Service>,
    transport: Arc<dyn Transport>,
    /// Why the budget cannot be used, if it cannot.
    problem: Option<Problem>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("streams", &self.manifest.streams().len()).finish_non_exhaustive()
    }
}

impl Connector {
    /// A manifest with what its requests share.
    pub fn new(manifest: Manifest, service: Service, transport: Arc<dyn Transport>) -> Self {
        let budget = manifest.root().child("api_budget");
        let budget = budget.map(|budget| Budget::new(&budget, &service.context())).transpose();
        let (service, problem) = match budget {
            Ok(None) => (service, None),
            Ok(Some(budget)) => (service.with_budget(budget), None),
            Err(problem) => (service, Some(problem)),
        };
        Self { manifest, service: Arc::new(service), transport, problem }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The configuration.
    pub fn config(&self) -> &Json {
        self.service.config()
    }

    /// What templates know before there is a slice or a record: the configuration and the time.
    pub fn context(&self) -> Context {
        self.service.context()
    }

    /// The streams that the manifest declares and that the configuration does not leave out.
    ///
    /// # Errors
    /// When a condition has no value.
    pub fn streams(&self) -> Result<Vec<&Declared>, Problem> {
        let mut streams = Vec::new();
        for declared in self.manifest.streams() {
            if self.is_there(declared)? {
                streams.push(declared);
            }
        }
        Ok(streams)
    }

    fn is_there(&self, declared: &Declared) -> Result<bool, Problem> {
        let Some(around) = &declared.condition else { return Ok(true) };
        let Some(condition) = around.template("condition")? else { return Ok(true) };
        condition.is_true(&self.service.context()).map_err(|error| around.invalid("condition", error))
    }

    /// The stream of a name, ready to be read.
    ///
    /// # Errors
    /// When there is none, or a component of it is wrong or cannot be used here.
    pub fn stream(&self, name: &str) -> Result<Arc<Stream>, Problem> {
        let declared = self.manifest.stream(name).ok_or_else(|| Problem {
            path: "streams".to_owned(),
            kind: ProblemKind::Invalid,
            message: format!("there is no stream `{name}`"),
        })?;
        self.build(&declared.component)
    }

    /// The stream of a name, ready to be read. One that does not stand in the manifest is looked for among those that a
    /// service or the configuration gives.
    ///
    /// # Errors
    /// When there is none, a component of it is wrong or cannot be used here, or the service refuses to say.
    pub async fn open(&self, name: &str) -> Result<Arc<Stream>, ReadError> {
        let is_later = self.manifest.stream(name).is_none() && !self.manifest.dynamic_streams().is_empty();
        if is_later {
            let found = crate::dynamic::streams(self).await?;
            if let Some(declared) = found.into_iter().find(|declared| declared.name == name) {
                return Ok(self.build(&declared.component)?);
            }
        }
        Ok(self.stream(name)?)
    }

    /// The stream that a component is.
    ///
    /// # Errors
    /// When a component of it is wrong or cannot be used here.
    pub fn build(&self, component: &Component) -> Result<Arc<Stream>, Problem> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let builder = Builder {
            parts: &self.service,
            config: self.service.config().clone(),
            context: self.service.context(),
            transport: self.transport.clone(),
            role: Role::Pages,
        };
        builder.stream(component)
    }
}

impl Parts for Arc<Service> {
    fn requester(&self, component: &Component, within: Use<'_>) -> Result<Arc<dyn Requester>, Problem> {
        Ok(Arc::new(HttpRequester::new(component, self, within.role)?))
    }

    fn selector(&self, parts: select::Parts<'_>) -> Result<Arc<dyn Selector>, Problem> {
        Ok(Arc::new(RecordSelector::new(parts, self)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::load::load;
    use crate::script::Script;

    const MANIFEST: &str = r##"
type: DeclarativeSource
definitions:
  retriever:
    type: SimpleRetriever
    requester: {type: HttpRequester, url_base: "https://a.example/", path: "{{ parameters.path }}"}
    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [items]}}
streams:
  - {type: DeclarativeStream, name: boards, retriever: {$ref: "#/definitions/retriever"}, $parameters: {path: boards}}
  - {type: DeclarativeStream, name: custom, retriever: {type: CustomRetriever, class_name: source_x.Retriever}}
  - type: ConditionalStreams
    condition: "{{ config.beta }}"
    streams:
      - {type: DeclarativeStream, name: drafts, retriever: {$ref: "#/definitions/retriever"}, $parameters: {path: drafts}}
"##;

    fn connector(config: Value, script: &Arc<Script>) -> Connector {
        let service = Service::new(script.clone(), &Arc::new(config));
        Connector::new(load(MANIFEST).unwrap(), service, script.clone())
    }

    #[test]
    fn a_condition_says_which_streams_there_are() {
        let check = |config: Value, expected: &[&str]| {
            let connector = connector(config, &Arc::new(Script::new(&[])));
            let streams = connector.streams().unwrap();
            assert_eq!(streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), expected);
        };
        check(json!({"beta": true}), &["boards", "custom", "drafts"]);
        check(json!({"beta": false}), &["boards", "custom"]);
    }

    #[test]
    fn a_stream_that_cannot_be_used_takes_no_other_with_it() {
        let check = |name: &str, expected: Option<(&str, ProblemKind)>| {
            let problem = connector(json!({}), &Arc::new(Script::new(&[]))).stream(name).err();
            let expected = expected.map(|(path, kind)| (path.to_owned(), kind));
            assert_eq!(problem.map(|problem| (problem.path, problem.kind)), expected);
        };
        check("boards", None);
        let custom = ProblemKind::Custom { class_name: "source_x.Retriever".to_owned() };
        check("custom", Some(("streams[1].retriever", custom)));
        check("none", Some(("streams", ProblemKind::Invalid)));
    }

    #[tokio::test]
    async fn a_stream_is_read_from_its_text() {
        let script = Arc::new(Script::new(&[(200, json!({"items": [{"id": 1}, {"id": 2}]}))]));
        let stream = connector(json!({}), &script).stream("boards").unwrap();
        let mut reading = stream.read(None).unwrap();
        let page = reading.next().await.unwrap().unwrap();
        let texts: Vec<_> = page.records.iter().map(crate::record::Record::text).collect();
        assert_eq!(texts, [r#"{"id":1}"#, r#"{"id":2}"#]);
        assert!(reading.next().await.unwrap().is_none());
        assert_eq!(
            script.log().first().map(|line| line.starts_with("GET https://a.example/boards")),
            Some(true)
        );
    }
}
