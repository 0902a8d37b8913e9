//! The verbs that look: where a record comes from, what a plan would make of it, what flows where.

use crate::environment::TestEnvironment;
use crate::shop::Shop;

fn shop() -> TestEnvironment {
    let fields = [("email", "{type: email, required: true}"), ("city", "text")];
    let environment = Shop { name: "files", fields: &fields, ..Shop::default() }.applied();
    environment.write("people.csv", "id,email,city\n1,a@b.ca,Lisboa\n2,nobody,Paris\n");
    environment.ok("run");
    environment
}

#[test]
fn a_record_tells_where_it_comes_from() {
    let environment = shop();
    let said = environment.ok("explain crm.contact 1");
    for part in ["email = a@b.ca", "owned by the transfer people, from the source files", "generation 1"] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    let rejected = environment.ok("explain crm.contact 2");
    assert!(rejected.contains("no such record"), "{rejected}");
    assert!(rejected.contains("email: the value `nobody` is not an e-mail address"), "{rejected}");
    let unknown = environment.ok("explain crm.contact 3");
    assert!(unknown.contains("none that is kept was rejected"), "{unknown}");
    let found = environment.json("explain crm.contact 1 --output json");
    assert_eq!((&found["transfer"], &found["row"]["city"]), (&"people".into(), &"Lisboa".into()));
    environment.fails(1, "explain crm.contact 1 2");
}

#[test]
fn a_plan_shows_rows_before_and_after() {
    let environment = shop();
    environment.replace("raccord.yaml", "city: city}", "city: {from: city, transform: [uppercase]}}");
    let said = environment.ok("plan --sample 5");
    assert!(said.contains("city = Lisboa → LISBOA"), "{said}");
    assert!(said.contains("would be rejected: email: the value `nobody`"), "{said}");
    assert!(environment.ok("records crm.contact").contains("Lisboa"), "nothing was written");
}

#[test]
fn the_graph_has_three_forms() {
    let environment = shop();
    assert_eq!(environment.ok("graph"), "files\n  ──▶ people ──▶ crm.contact\n");
    assert!(environment.ok("graph --output mermaid").starts_with("flowchart LR\n"));
    assert!(environment.ok("graph --output svg").starts_with("<svg "));
}

#[test]
fn manual_pages_are_written() {
    let environment = TestEnvironment::new();
    environment.ok("man .");
    assert!(environment.path().join("raccord-plan.1").exists());
}
