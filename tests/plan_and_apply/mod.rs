//! What a plan says, what an apply may do, how one goes back; and the verbs around them.

mod applying;
mod beginning;
mod history;
mod refusals;
mod text;
mod unreadable;
mod usage;

use crate::environment::TestEnvironment;
use crate::shop::Shop;

const PEOPLE: &str = "id,name,city\n1,Ann,Oslo\n2,Bob,Bergen\n3,Cyd,\n";

/// A shop of people and their cities.
fn shop() -> Shop<'static> {
    Shop { fields: &[("name", "text"), ("city", "text")], ..Shop::default() }
}

/// A small directory, nothing of it applied.
fn written() -> TestEnvironment {
    let environment = TestEnvironment::with(&[("people.csv", PEOPLE)]);
    for (name, text) in shop().files() {
        environment.write(name, &text);
    }
    environment.at("2025-01-31T09:30:00Z")
}

/// The same, applied and run once: three rows are there.
fn applied() -> TestEnvironment {
    let environment = written();
    environment.ok("apply --auto-approve");
    environment.ok("run");
    environment
}

/// How many rows the entity has.
fn rows(environment: &TestEnvironment) -> usize {
    environment.json("records crm.contact --output json").as_array().unwrap().len()
}
