//! Generated cases: the same steps are taken by a destination and by the reference, and after each both show the same.
//!
//! The destination is asked which records are as they were, and keeps these; the reference maps everything, so that what
//! is kept is proved to be what mapping would have made. No step depends on what an earlier one answered.

mod driver;
mod records;
pub mod shifts;
mod steps;

use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::reference::Reference;
use crate::{Subject, block_on};
use driver::Driver;

/// Takes generated steps and compares.
pub fn agrees_with_the_reference<S: Subject>() {
    let asked_for = std::env::var_os("PROPTEST_CASES").map(|_| Config::default().cases);
    let cases = asked_for.unwrap_or(S::CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&steps::sequence(), |steps| block_on(compare::<S>(&steps)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn compare<S: Subject>(steps: &[steps::Step]) -> Result<(), TestCaseError> {
    let mut subject = Driver::begin(S::empty().await, true);
    let mut reference = Driver::begin(Reference::empty().await, false);
    for (number, step) in steps.iter().enumerate() {
        let next = steps.get(number + 1);
        subject = subject.take(step, next).await;
        reference = reference.take(step, next).await;
        let (found, expected) = (subject.observe().await, reference.observe().await);
        if let Some(difference) = found.differs(&expected) {
            return Err(TestCaseError::fail(format!("step {number}, {step:?}: {difference}")));
        }
    }
    // Rows may share a value from before its field was unique, which is worth a remark wherever it is so.
    if !subject.observe().await.shares_a_value() {
        subject.subject.assert_sound();
    }
    Ok(())
}
