use std::sync::Arc;

use serde_json::{Value, json};

use super::{PageSeen, PageSizeReduction, Paginator};
use crate::component::Component;
use crate::exchange::Additions;
use crate::slice::Slice;

fn component(value: Value) -> Component {
    let Value::Object(members) = value else { panic!("a component is an object") };
    Component::new(members, "paginator")
}

fn paginator(strategy: Value) -> Paginator {
    let members =
        [("type".to_owned(), "DefaultPaginator".into()), ("pagination_strategy".to_owned(), strategy)];
    let component = Component::new(members.into_iter().collect(), "paginator");
    Paginator::build(Some(&component), &Arc::new(json!({"size": 2}))).unwrap()
}

fn next(paginator: &Paginator, token: Option<&Value>, extracted: usize) -> Option<Value> {
    let response = |_: Option<&[String]>| Arc::new(json!({"next": "n2", "size": 2}));
    let headers = || Arc::new(json!({"X-Next": "h2"}));
    let seen = PageSeen {
        slice: &Slice::default(),
        token,
        extracted,
        kept: extracted,
        last_record: Some(&json!({"id": 7})),
        reduced: None,
        response: &response,
        headers: &headers,
    };
    paginator.next(&seen).unwrap()
}

#[test]
fn the_first_token_is_sent_when_asked_for() {
    let check = |strategy: Value, expected: Option<Value>| assert_eq!(paginator(strategy).first(), expected);
    check(json!({"type": "PageIncrement"}), None);
    check(json!({"type": "PageIncrement", "inject_on_first_request": true}), Some(json!(0)));
    check(
        json!({"type": "PageIncrement", "inject_on_first_request": true, "start_from_page": 1}),
        Some(json!(1)),
    );
    check(json!({"type": "OffsetIncrement", "inject_on_first_request": true}), Some(json!(0)));
    check(json!({"type": "OffsetIncrement"}), None);
    check(json!({"type": "CursorPagination", "cursor_value": "x"}), None);
}

#[test]
fn a_page_that_is_full_has_one_after_it() {
    let check = |strategy: Value, token: Option<Value>, extracted: usize, expected: Option<Value>| {
        assert_eq!(next(&paginator(strategy), token.as_ref(), extracted), expected);
    };
    let pages = || json!({"type": "PageIncrement", "page_size": 2, "start_from_page": 1});
    check(pages(), None, 2, Some(json!(2)));
    check(pages(), Some(json!(4)), 2, Some(json!(5)));
    check(pages(), Some(json!(4)), 1, None);
    check(pages(), None, 0, None);
    check(json!({"type": "PageIncrement"}), None, 1, Some(json!(1)));
    check(json!({"type": "PageIncrement"}), Some(json!(1)), 0, None);
    let offset = || json!({"type": "OffsetIncrement", "page_size": 2});
    check(offset(), None, 2, Some(json!(2)));
    check(offset(), Some(json!(2)), 2, Some(json!(4)));
    check(offset(), Some(json!(2)), 1, None);
    check(json!({"type": "OffsetIncrement"}), Some(json!(2)), 1, Some(json!(3)));
    check(json!({"type": "OffsetIncrement"}), Some(json!(2)), 0, None);
}

#[test]
fn a_page_names_the_one_after_it() {
    let check = |strategy: Value, expected: Option<Value>| {
        assert_eq!(next(&paginator(strategy), None, 2), expected);
    };
    check(json!({"type": "CursorPagination", "cursor_value": "{{ response.next }}"}), Some(json!("n2")));
    check(json!({"type": "CursorPagination", "cursor_value": "{{ headers['X-Next'] }}"}), Some(json!("h2")));
    check(json!({"type": "CursorPagination", "cursor_value": "{{ last_record.id }}"}), Some(json!(7)));
    check(json!({"type": "CursorPagination", "cursor_value": "{{ response['none'] }}"}), None);
    let stop = |condition: &str| json!({"type": "CursorPagination", "cursor_value": "x", "stop_condition": condition, "page_size": 2});
    check(stop("{{ last_page_size < page_size }}"), Some(json!("x")));
    check(stop("{{ last_page_size <= page_size }}"), None);
}

#[test]
fn a_request_carries_token_and_size() {
    let check = |token_option: Value, token: Option<Value>, path: Option<&str>, parameters: Value| {
        let option =
            json!({"type": "RequestOption", "inject_into": "request_parameter", "field_name": "limit"});
        let strategy = json!({"type": "OffsetIncrement", "page_size": "{{ config.size }}"});
        let component = component(json!({
            "type": "DefaultPaginator",
            "pagination_strategy": strategy,
            "page_size_option": option,
            "page_token_option": token_option,
        }));
        let paginator = Paginator::build(Some(&component), &Arc::new(json!({"size": 2}))).unwrap();
        assert_eq!(paginator.path(token.as_ref()).as_deref(), path);
        let expected =
            Additions { parameters: parameters.as_object().cloned().unwrap(), ..Additions::default() };
        assert_eq!(paginator.additions(token.as_ref(), None).unwrap(), expected);
    };
    let option =
        || json!({"type": "RequestOption", "inject_into": "request_parameter", "field_name": "offset"});
    check(option(), None, None, json!({"limit": 2}));
    check(option(), Some(json!(0)), None, json!({"limit": 2, "offset": 0}));
    check(json!({"type": "RequestPath"}), Some(json!("/next")), Some("/next"), json!({"limit": 2}));
    check(json!({"type": "RequestPath"}), Some(json!(5)), Some("5"), json!({"limit": 2}));
}

#[test]
fn a_paginator_says_where_it_is_wrong() {
    let check = |members: Value, path: &str| {
        let error = Paginator::build(Some(&component(members)), &Arc::new(json!({}))).unwrap_err();
        assert_eq!(error.path, path);
    };
    check(json!({"type": "DefaultPaginator"}), "paginator.pagination_strategy");
    let size = json!({"inject_into": "header", "field_name": "limit"});
    let pages = json!({"type": "PageIncrement"});
    check(
        json!({"type": "DefaultPaginator", "pagination_strategy": pages, "page_size_option": size}),
        "paginator.page_size_option",
    );
    let cursor = json!({"type": "CursorPagination", "cursor_value": "{{ page_size }}"});
    check(
        json!({"type": "DefaultPaginator", "pagination_strategy": cursor}),
        "paginator.pagination_strategy.page_size",
    );
    let custom = json!({"type": "CustomPaginationStrategy", "class_name": "source_x.Pages"});
    check(
        json!({"type": "DefaultPaginator", "pagination_strategy": custom}),
        "paginator.pagination_strategy",
    );
}

#[test]
fn a_page_size_shrinks_until_it_cannot() {
    let check = |rule: Value, size: u32, expected: &[Option<u32>]| {
        let mut reducer = PageSizeReduction::build(&component(rule)).unwrap().begin(Some(size));
        for expected in expected {
            assert_eq!(reducer.shrink().ok().and(reducer.reduced()), *expected);
        }
    };
    check(json!({}), 10, &[Some(5), Some(2), Some(1), None]);
    check(json!({"reduction_factor": 3, "minimum_page_size": 4}), 100, &[Some(33), Some(11), Some(4), None]);
    check(json!({"max_attempts": 1}), 10, &[Some(5), None]);
    check(json!({"retries_at_minimum_page_size": 1}), 2, &[Some(1), Some(1), None]);
}

#[test]
fn a_page_that_is_read_restores_what_it_may() {
    let check = |rule: Value, expected: Option<u32>| {
        let mut reducer = PageSizeReduction::build(&component(rule)).unwrap().begin(Some(10));
        reducer.shrink().unwrap();
        reducer.succeeded();
        assert_eq!(reducer.reduced(), expected);
    };
    check(json!({}), Some(5));
    check(json!({"reset_policy": "AFTER_SUCCESSFUL_PAGE"}), None);
}
