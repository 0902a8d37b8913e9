//! Several transfers into one entity, and records that come too late.

use super::{counts, rows, run, write_people};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;

/// A second source that knows cities of the same people, and does not know their required name.
const CITIES: &str = "\
apiVersion: raccord/v1
kind: Source
metadata: {name: register}
spec: {connector: file, config: {dataTypes: {cities: {path: cities.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: cities}
spec:
  source: register
  to: crm.contact
  active: true
  mode: enrich
  mapping: {primaryKey: {id: id}, fields: {city: city}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: register}
spec: {active: true, subscriptions: {cities: [updated]}}
";

fn with_cities() -> TestEnvironment {
    let fields = &[("name", "text"), ("city", "text")];
    let environment = Shop { fields, ..Shop::default() }.applied();
    environment.replace("raccord.yaml", "name: text", "name: {type: text, required: true}");
    environment.replace("raccord.yaml", "fields: {name: name, city: city}", "fields: {name: name}");
    environment.write("cities.yaml", CITIES);
    environment.write("cities.csv", "id,city\n1,Oslo\n2,Bergen\n");
    environment.ok("apply --auto-approve --allow-delete");
    environment
}

#[test]
fn an_enrichment_waits_until_the_row_of_its_owner_arrives() {
    let environment = with_cities();
    let report = environment.json("run register --output json");
    assert_eq!(counts(&report, "cities"), "fetched 2, skipped 2");
    assert_eq!(rows(&environment, "city"), "", "an enrichment alone creates nothing");

    write_people(&environment, &[("1", "Ann"), ("3", "Cyd")]);
    let report = environment.json("run shop --output json");
    assert_eq!(counts(&report, "people"), "fetched 2, created 2");
    assert_eq!(rows(&environment, "city"), "1=Oslo 3=", "what waited for 1 has found it");
    assert_eq!(rows(&environment, "name"), "1=Ann 3=Cyd");
}

#[test]
fn an_enrichment_and_its_owner_leave_each_others_fields_alone() {
    let environment = with_cities();
    write_people(&environment, &[("1", "Ann"), ("2", "Bob")]);
    environment.ok("run shop");
    let report = environment.json("run register --output json");
    assert_eq!(counts(&report, "cities"), "fetched 2, updated 2");
    write_people(&environment, &[("1", "Anna"), ("2", "Bob")]);
    let report = environment.json("run --output json");
    assert_eq!(counts(&report, "people"), "fetched 2, updated 1, unchanged 1");
    assert_eq!(counts(&report, "cities"), "fetched 2, unchanged 2");
    assert_eq!(rows(&environment, "city"), "1=Oslo 2=Bergen");
    assert_eq!(rows(&environment, "name"), "1=Anna 2=Bob");
}

#[test]
fn the_same_field_fed_by_two_owners_is_an_error() {
    let environment = with_cities();
    environment.replace("cities.yaml", "mode: enrich", "mode: own");
    environment.replace("cities.yaml", "city: city}", "city: city, name: city}");
    assert_says(&environment.fails(1, "validate"), &["two-owners", "`name`"]);
}

#[test]
fn an_older_version_never_beats_a_newer_one() {
    let environment = Shop { transfer: "version: updated", ..Shop::default() }.applied();
    let check = |people: &str, expected: &str, names: &str| {
        environment.write("people.csv", &format!("id,name,updated\n{people}"));
        assert_eq!(run(&environment), expected, "{people}");
        assert_eq!(rows(&environment, "name"), names, "{people}");
    };
    check("1,Ann,2025-01-02T00:00:00Z\n", "fetched 1, created 1", "1=Ann");
    check("1,Old,2025-01-01T00:00:00Z\n", "fetched 1, skipped 1", "1=Ann");
    check("1,Anna,2025-01-02T00:00:00Z\n", "fetched 1, updated 1", "1=Anna");
    check("1,Annie,2025-01-03T00:00:00Z\n", "fetched 1, updated 1", "1=Annie");
    // Also within one reading, in whatever order.
    check(
        "1,Newest,2025-02-01T00:00:00Z\n1,Old,2025-01-15T00:00:00Z\n",
        "fetched 2, updated 1, skipped 1",
        "1=Newest",
    );
}

#[test]
fn an_older_version_does_not_bring_back_what_was_deleted() {
    let transfer = "version: updated\n  deletes: {field: gone}";
    let environment = Shop { transfer, updates: "created, updated, deleted", ..Shop::default() }.applied();
    let check = |person: &str, expected: &str| {
        environment.write("people.csv", &format!("id,name,updated,gone\n{person}\n"));
        assert_eq!(run(&environment), expected, "{person}");
    };
    check("1,Ann,2025-01-02T00:00:00Z,", "fetched 1, created 1");
    check("1,Ann,2025-01-05T00:00:00Z,yes", "fetched 1, deleted 1");
    check("1,Ann,2025-01-03T00:00:00Z,", "fetched 1, skipped 1");
    check("1,Ann,2025-01-06T00:00:00Z,", "fetched 1, created 1");
}
