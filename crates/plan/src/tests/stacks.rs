//! Whose a state is, and where its data is.

use serde_json::json;

use super::golden::{golden, state};
use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::Options;

#[test]
fn a_state_belongs_to_one_stack() {
    let mut other = golden();
    let spec = other.as_object_mut().unwrap().remove("Stack/shop").unwrap();
    other.as_object_mut().unwrap().insert("Stack/other".to_owned(), spec.clone());
    let plan = state().plan(&desired(&other), &allow_all());
    let lines_of = lines(&plan);
    assert!(
        lines_of.contains(&"refused: the state belongs to stack `shop`, not to `other`".to_owned()),
        "{lines_of:?}"
    );

    let renamed = other.as_object_mut().unwrap().remove("Stack/other").unwrap();
    other.as_object_mut().unwrap().insert("Stack/other <- shop".to_owned(), renamed);
    assert!(state().plan(&desired(&other), &Options::default()).is_allowed());
}

#[test]
fn a_nameless_state_may_get_a_name() {
    for document in [json!({}), json!({ "Stack/default": {} })] {
        let nameless = merged(&merged(&golden(), &json!({ "Stack/shop": null })), &document);
        let mut state = Simulator::with(&nameless);
        let wanted = desired(&golden());
        let plan = state.apply(&wanted, &Options::default());
        assert!(
            lines(&plan).contains(&r#"note: {"stackNamed":{"stack":"shop"}}"#.to_owned()),
            "{:?}",
            lines(&plan)
        );
        assert!(!state.plan(&wanted, &Options::default()).has_work());
        let other = desired(&json!({ "Stack/other": {} }));
        assert!(!Simulator::with(&nameless).plan(&other, &allow_all()).is_allowed(), "not when things go");
    }
}

#[test]
fn another_root_is_work_but_no_change() {
    let mut state = state();
    let mut wanted = desired(&golden());
    wanted.root = "/elsewhere".to_owned();
    let plan = state.apply(&wanted, &Options::default());
    assert!(plan.is_empty() && plan.has_work());
    assert_eq!((state.head.root.as_deref(), state.head.generation), (Some("/elsewhere"), 1));
}
