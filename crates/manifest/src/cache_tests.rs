use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::connector::Connector;
use crate::load::load;
use crate::script::Script;
use crate::service::Service;

/// A child for each pair of boards and lists, where lists hang on boards: boards are a parent twice, once of a parent.
const MANIFEST: &str = r##"
type: DeclarativeSource
definitions:
  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
  boards:
    type: DeclarativeStream
    name: boards
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://a.example", path: boards, use_cache: USE}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        pagination_strategy: {type: PageIncrement, page_size: 2, start_from_page: 1}
      record_selector: {$ref: "#/definitions/selector"}
  lists:
    type: DeclarativeStream
    name: lists
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://a.example", path: "lists/{{ stream_partition.board }}"}
      record_selector: {$ref: "#/definitions/selector"}
      partition_router: {$ref: "#/definitions/of_boards"}
  of_boards:
    type: SubstreamPartitionRouter
    parent_stream_configs:
      - {type: ParentStreamConfig, stream: {$ref: "#/definitions/boards"}, parent_key: id, partition_field: board}
  of_lists:
    type: SubstreamPartitionRouter
    parent_stream_configs:
      - {type: ParentStreamConfig, stream: {$ref: "#/definitions/lists"}, parent_key: id, partition_field: list}
streams:
  - type: DeclarativeStream
    name: cards
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://a.example", path: "cards/{{ stream_partition.board }}/{{ stream_partition.list }}"}
      record_selector: {$ref: "#/definitions/selector"}
      partition_router: [{$ref: "#/definitions/of_boards"}, {$ref: "#/definitions/of_lists"}]
"##;

#[tokio::test]
async fn pages_of_a_parent_are_asked_for_once_in_a_reading() {
    let check = async |cache: &str, expected: &[&str]| {
        let board = |path: &str| match path {
            "boards" => json!([{"id": 1}, {"id": 2}]),
            "boards?page=2" => json!([{"id": 3}]),
            _ => json!([{"id": 7}]),
        };
        let answers: Vec<(u16, Value)> = expected.iter().map(|path| (200, board(path))).collect();
        let script = Arc::new(Script::new(&answers));
        let manifest = load(&MANIFEST.replace("USE", cache)).unwrap();
        let service = Service::new(script.clone(), &Arc::new(json!({})));
        let stream = Connector::new(manifest, service, script.clone()).stream("cards").unwrap();
        let mut reading = stream.read(None).unwrap();
        while reading.next().await.unwrap().is_some() {}
        let asked = script.log();
        let asked: Vec<_> =
            asked.iter().filter_map(|line| line.strip_prefix("GET https://a.example/")).collect();
        assert_eq!(asked, expected, "{cache}");
    };
    let (boards, page) = ("boards", "boards?page=2");
    let lists = ["lists/1", "lists/2", "lists/3"];
    let of = |board: u8| format!("cards/{board}/7");
    let cards: Vec<String> = [1, 1, 1, 2, 2, 2, 3, 3, 3].map(of).to_vec();
    let cards: Vec<&str> = cards.iter().map(String::as_str).collect();
    let pages = [&[boards][..], &lists[..2], &[page], &lists[2..]].concat();
    for cache in ["null", "true"] {
        check(cache, &[&pages[..], &cards].concat()).await;
    }
    let again = [&pages[..], &[boards], &cards[..6], &[page], &cards[6..]].concat();
    check("false", &again).await;
}

fn request(url: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: None }
}

fn answer(status: u16, bytes: usize) -> Response {
    Response { status, headers: Vec::new(), body: Bytes::from(vec![b'x'; bytes]) }
}

#[test]
fn requests_are_the_same_but_for_their_credentials() {
    let key = |request: &Request| Key::of(request, &["Authorization"]);
    let one = request("https://h/a", &[("Authorization", "old"), ("Accept", "json")]);
    let check = |other: &Request, is_same: bool| assert_eq!(key(&one) == key(other), is_same, "{other:?}");
    check(&request("https://h/a", &[("authorization", "new"), ("Accept", "json")]), true);
    check(&request("https://h/a", &[("Accept", "xml")]), false);
    check(&request("https://h/a?page=2", &[("Accept", "json")]), false);
    check(&Request { body: Some(Bytes::from_static(b"{}")), ..one.clone() }, false);
    assert_eq!(key(&Request { method: "POST".to_owned(), ..one.clone() }), None);
}

#[test]
fn a_requester_that_asks_the_same_again_wants_what_is_new() {
    let key = Key::of(&request("https://h/scroll", &[]), &[]).unwrap();
    let cache = AnswerCache::default();
    let (one, other) = (cache.asker(), cache.asker());
    let has = |asker, cache_use| cache.answer(key, asker, cache_use).is_some();
    assert!(!has(one, CacheUse::OfOthers));
    cache.keep(key, one, &answer(200, 10));
    assert!(has(other, CacheUse::OfOthers) && has(one, CacheUse::All));
    assert!(!has(one, CacheUse::OfOthers));
    cache.keep(key, one, &answer(200, 10));
    assert!(!has(other, CacheUse::OfOthers) && !has(other, CacheUse::All));
}

#[test]
fn what_has_no_room_is_asked_again() {
    let cache = AnswerCache::new(1000 + 2 * OVERHEAD);
    let (one, other) = (cache.asker(), cache.asker());
    let check = |url: &str, answer: &Response, expected: bool| {
        let key = Key::of(&request(url, &[]), &[]).unwrap();
        cache.keep(key, one, answer);
        assert_eq!(cache.answer(key, other, CacheUse::OfOthers).is_some(), expected, "{url}");
    };
    check("https://h/error", &answer(404, 10), false);
    check("https://h/1", &answer(200, 600), true);
    check("https://h/2", &answer(200, 600), false);
    check("https://h/3", &answer(200, 400), true);
    check("https://h/4", &answer(200, 400), false);
    check("https://h/1", &answer(200, 600), true);
}
