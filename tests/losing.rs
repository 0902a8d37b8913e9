//! Rows that a re-key drops and that nothing reads again: the plan names them, and they need a flag of their own, wherever they are
//! kept.

use crate::environment::{TestEnvironment, assert_says};

#[test]
fn a_re_key_of_the_embedded_store_names_the_rows_that_are_lost() {
    let shop = crate::into_sqlite::shop();
    shop.replace("raccord.yaml", "  store: {type: sqlite, path: crm.db}\n", "");
    shop.replace("raccord.yaml", "      table: contacts\n", "");
    shop.replace("raccord.yaml", "{type: text, column: town}", "text");
    rows_are_lost_by_a_re_key(&shop);
    assert_eq!(
        shop.ok("records crm.contact --output csv"),
        "externalId,city,fullName\nAda,Paris,Ada\nBob,Lyon,Bob\n"
    );
}

/// Has a second transfer into `crm.contact`, of a file of its own, whose creations the integration wants.
fn add_others(shop: &TestEnvironment, csv: &str, mapping: &str) {
    let others = format!(
        "apiVersion: raccord/v1
kind: Transfer
metadata: {{name: others}}
spec:
  source: shop
  to: crm.contact
  mode: own
  active: true
  mapping: {{{mapping}}}
"
    );
    shop.write("others.csv", csv);
    shop.write("others.yaml", &others);
    shop.replace("raccord.yaml", "people.csv}", "people.csv}, others: {path: others.csv}");
    shop.replace("raccord.yaml", "{people: [", "{others: [created, updated], people: [");
}

/// Has a re-key lose rows of a transfer into `crm.contact` that is not active, and of one that is gone. What is left are the
/// rows of `people`, under their names.
pub(crate) fn rows_are_lost_by_a_re_key(shop: &TestEnvironment) {
    add_others(shop, "id,name\n8,Eve\n9,Max\n", "primaryKey: {externalId: id}");
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let rekey = |from: &str, to: &str| {
        for file in ["raccord.yaml", "others.yaml"] {
            if shop.path().join(file).exists() {
                let of = |field: &str| format!("primaryKey: {{externalId: {field}}}");
                shop.replace(file, &of(from), &of(to));
            }
        }
    };
    // One that is not active.
    shop.replace("others.yaml", "active: true", "active: false");
    shop.ok("apply --auto-approve");
    rekey("id", "name");
    let lost = "not read again: 2 rows of others (it is not active)";
    assert_says(
        &shop.fails(1, "plan --allow-rekey"),
        &[
            &format!("4 rows are dropped and 2 are read again under other keys; {lost}"),
            &format!("rows of crm.contact would be dropped and {lost}; --allow-delete allows it"),
        ],
    );
    let waits = "transfer others: its checkpoint is reset; it reads everything again once it is active";
    assert_says(&shop.fails(1, "apply --auto-approve --allow-rekey"), &[waits]);
    // One that is gone.
    rekey("name", "id");
    shop.remove("others.yaml");
    shop.replace("raccord.yaml", "{others: [created, updated], people: [", "{people: [");
    shop.ok("apply --auto-approve --allow-delete");
    rekey("id", "name");
    let lost = "not read again: 2 rows of transfers that are gone";
    assert_says(&shop.fails(1, "plan --allow-rekey"), &[lost, "--allow-delete allows it"]);
    assert_says(
        &shop.ok("apply --auto-approve --allow-rekey --allow-delete"),
        &[&format!("4 rows are dropped and 2 are read again under other keys; {lost}")],
    );
    shop.ok("run");
    shop.ok("plan --detailed-exitcode");
}

#[test]
fn rows_of_a_transfer_that_enriches_now_are_deleted_by_the_one_that_shows_them() {
    let shop = crate::into_sqlite::shop();
    add_others(&shop, "id,city\n8,Rome\n9,Oslo\n", "primaryKey: {externalId: id}, fields: {city: city}");
    shop.replace("raccord.yaml", "people: [created, updated]}", "people: [created, updated, deleted]}");
    shop.replace(
        "raccord.yaml",
        "  to: crm.contact\n",
        "  to: crm.contact\n  deletes: {snapshot: {maxShare: 100%}}\n",
    );
    shop.replace("raccord.yaml", "fullName: name, city: city", "fullName: name");
    shop.ok("apply --auto-approve");
    shop.ok("run");
    // From now on another service says which contacts there are.
    shop.replace("others.yaml", "mode: own", "mode: enrich");
    shop.ok("apply --auto-approve");
    shop.write("people.csv", "id,name\n1,Ada\n8,Eve\n9,Max\n");
    shop.ok("run");
    shop.write("people.csv", "id,name\n1,Ada\n8,Eve\n");
    shop.ok("run");
    assert_eq!(shop.ok("records crm.contact --output csv"), "externalId,city,fullName\n1,,Ada\n8,Rome,Eve\n");
}
