//! What becomes of the rows of a table when the key of their entity is made otherwise.

use super::{contacts, server, shop_at};
use crate::environment::assert_says;
use crate::losing::rows_are_lost_by_a_re_key;

/// Rows that stand under keys which are none any more.
#[test]
fn rows_under_other_keys_go_before_they_are_read_again() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let own = "INSERT INTO crm.contacts (external_id, full_name, town) VALUES ('9', 'Own', 'Bonn')";
    server.sql("postgres", own);
    shop.replace("raccord.yaml", "primaryKey: {externalId: id}", "primaryKey: {externalId: name}");
    assert_says(&shop.fails(1, "plan"), &["--allow-rekey"]);
    let plan = shop.ok("plan --allow-rekey");
    assert_says(&plan, &["rows are dropped and read again under other keys"]);
    shop.ok("apply --auto-approve --allow-rekey");
    shop.ok("run");
    assert_eq!(contacts(&server), "9|Own|Bonn\nAda|Ada|Paris\nBob|Bob|Lyon");
    shop.ok("plan --detailed-exitcode");
    // A run finds nothing more to take away, and a rollback does the same the other way round.
    shop.ok("run");
    shop.replace("raccord.yaml", "primaryKey: {externalId: name}", "primaryKey: {externalId: id}");
    shop.ok("apply --auto-approve --allow-rekey");
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris\n9|Own|Bonn");
    assert!(shop.ok("status").contains("succeeded") && !shop.ok("status").contains("outstanding"));
}

/// Rows under other keys in another table: those that are there stay.
#[test]
fn rows_under_other_keys_in_another_table_stay_where_they_are() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let own = "INSERT INTO crm.contacts (external_id, full_name, town) VALUES ('9', 'Own', 'Bonn')";
    server.sql("postgres", own);
    shop.replace("raccord.yaml", "primaryKey: {externalId: id}", "primaryKey: {externalId: name}");
    shop.replace("raccord.yaml", "table: contacts", "table: people");
    assert_says(&shop.ok("plan"), &["kept elsewhere from now on; those that are there stay where they are"]);
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris\n9|Own|Bonn");
    assert_eq!(shop.json("records crm.contact --output json").as_array().unwrap().len(), 2);
}

/// Rows that nothing reads again are told; those that no transfer owns stay, and are not counted.
#[test]
fn rows_that_are_lost_by_a_re_key_are_told() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    let own = "INSERT INTO crm.contacts (external_id, full_name, town) VALUES ('7', 'Own', 'Bonn')";
    server.sql("postgres", own);
    rows_are_lost_by_a_re_key(&shop);
    assert_eq!(contacts(&server), "7|Own|Bonn\nAda|Ada|Paris\nBob|Bob|Lyon");
}
