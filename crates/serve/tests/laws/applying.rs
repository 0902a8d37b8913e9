//! Laws of plan and apply, for configurations of every kind.

use proptest::prelude::*;
use raccord_config::to_yaml;
use raccord_model::Desired;

use crate::shape::{Shape, plain, shape, shuffled};
use crate::state::{State, load};

/// Where the configurations are said to lie.
const ROOT: &str = "/srv";

fn desired(shape: &Shape) -> Desired {
    load(plain(&shape.documents(false)), ROOT)
}

#[track_caller]
fn assert_nothing_to_do(state: &State, desired: &Desired, how: &str) {
    let plan = state.plan(desired);
    assert!(!plan.has_work() && plan.is_allowed() && plan.effects.is_empty(), "{how}: {plan:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_applied_plans_to_nothing_however_it_is_written(shape in shape(), seed in any::<u64>()) {
        let state = State::new();
        let wanted = desired(&shape);
        state.apply(&wanted, None);
        assert_nothing_to_do(&state, &wanted, "as it was");
        let by_name = shape.documents(true);
        let yaml = |text| vec![("export.yaml".to_owned(), text)];
        let exported = yaml(to_yaml(&state.generation(1)));
        for (how, texts) in [
            ("by name", plain(&by_name)),
            ("in another order", shuffled(&shape.documents(false), seed)),
            ("by name in another order", shuffled(&by_name, seed)),
            ("exported", exported),
            ("exported from the files", yaml(to_yaml(&wanted))),
        ] {
            assert_nothing_to_do(&state, &load(texts, ROOT), how);
        }
    }

    #[test]
    fn a_generation_that_was_rolled_back_to_plans_to_nothing(first in shape(), second in shape(), third in shape()) {
        let state = State::new();
        let all = [desired(&first), desired(&second), desired(&third)];
        for wanted in &all {
            state.apply(wanted, None);
            assert_nothing_to_do(&state, wanted, "as it was");
        }
        let last = state.ask(raccord_serve::Request::History { limit: 1, before: None }, |reply| match reply {
            raccord_serve::Reply::Generation(generation) => Some(generation.number),
            _ => None,
        });
        // Like configurations make no generation of their own.
        prop_assume!(last == [3]);
        for (number, wanted) in [(1, &all[0]), (3, &all[2]), (2, &all[1]), (1, &all[0])] {
            let restored = state.generation(number);
            prop_assert_eq!(restored.digest(), wanted.digest());
            state.apply(&restored, Some(number));
            assert_nothing_to_do(&state, wanted, &format!("back to {number}"));
        }
    }
}
