//! Reports over manifests.

use super::{Metadata, Report, Totals};
use crate::load::load;

const MANIFEST: &str = r##"
definitions:
  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
  requester: {type: HttpRequester, url_base: "https://a.example", path: /x}
  retriever: {type: SimpleRetriever, requester: "#/definitions/requester", record_selector: "#/definitions/selector"}
streams:
  - {type: DeclarativeStream, name: good, retriever: "#/definitions/retriever"}
  - type: DeclarativeStream
    name: custom
    transformations: [{type: CustomTransformation, class_name: a.B}]
    retriever:
      $ref: "#/definitions/retriever"
      requester:
        $ref: "#/definitions/requester"
        authenticator: {type: SelectiveAuthenticator, authenticator_selection_path: [a], authenticators: {x: {type: CustomAuthenticator, class_name: a.Auth}, y: {type: NoAuth}}}
  - {type: DeclarativeStream, name: unknown, retriever: {type: NewRetriever}}
  - {type: DeclarativeStream, name: broken, retriever: {type: SimpleRetriever, record_selector: "#/definitions/selector", requester: {type: HttpRequester, url_base: "{{ x", path: /x}}}
"##;

#[test]
fn every_problem_of_every_stream_is_told() {
    let report = Report::of(&load(MANIFEST).unwrap());
    let found: Vec<Vec<_>> = report
        .all()
        .map(|stream| stream.problems.iter().map(|problem| problem.path.as_str()).collect())
        .collect();
    let expected: [&[&str]; 4] = [
        &[],
        &["streams[1].retriever.requester.authenticator.authenticators.x", "streams[1].transformations[0]"],
        &["streams[2].retriever"],
        &["streams[3].retriever.requester.url_base"],
    ];
    assert_eq!(found, expected);
}

#[test]
fn reports_are_summed_up_by_reason() {
    let mut totals = Totals::default();
    totals.add(&Report::of(&load(MANIFEST).unwrap()));
    totals.add(&Report::of(&load("streams: []").unwrap()));
    assert_eq!((totals.whole, totals.partial, totals.none), (0, 1, 1));
    assert_eq!((totals.usable, totals.unusable), (1, 3));
    assert_eq!(totals.reasons.get("a.B"), Some(&1));
    assert_eq!(totals.reasons.get("a.Auth"), Some(&1));
}

#[test]
fn the_origin_of_a_manifest_is_read() {
    let text =
        "data: {name: Boards, dockerRepository: airbyte/source-boards, dockerImageTag: 1.2.3, license: MIT}";
    let metadata = Metadata::read(text).unwrap();
    assert_eq!(metadata.name.as_deref(), Some("source-boards"));
    assert_eq!((metadata.version.as_deref(), metadata.license.as_deref()), (Some("1.2.3"), Some("MIT")));
    assert_eq!(Metadata::read("a: 1").unwrap(), Metadata::default());
}
