//! What is refused, until a person says that it may be.

use super::{applied, rows};
use crate::environment::{TestEnvironment, assert_says};

/// The plan is refused for this reason and changes nothing; the flag allows it.
fn check(environment: &TestEnvironment, reason: &str, flag: &str, rows_after: usize) {
    for verb in ["plan", "plan --detailed-exitcode"] {
        let said = environment.fails(1, verb);
        assert_says(&said, &["refused: ", reason, "may not be applied", flag]);
    }
    environment.ok(&format!("plan {flag}"));
    environment.run(&format!("plan --detailed-exitcode {flag}")).expect_code(2);
    let said = environment.fails(1, "apply --auto-approve");
    assert_says(&said, &["refused: ", reason, "may not be applied", flag]);
    assert_says(&environment.ok("history"), &["\n1 "]);
    assert_eq!(rows(environment), 3, "nothing was applied");
    environment.ok(&format!("apply --auto-approve {flag}"));
    environment.ok("run");
    assert_eq!(rows(environment), rows_after);
    assert_says(&environment.ok("plan"), &["no changes"]);
}

#[test]
fn other_keys_need_a_flag() {
    let environment = applied();
    environment.replace("transfer.yaml", "{id: id}", "{id: name}");
    check(&environment, "3 rows of crm.contact would be dropped and read again", "--allow-rekey", 3);
    assert_says(&environment.ok("records crm.contact --output csv"), &["Ann,"]);
}

#[test]
fn a_deleted_resource_needs_a_flag() {
    let environment = applied();
    environment.remove("integration.yaml");
    check(&environment, "Integration/shop would be deleted", "--allow-delete", 3);
}

#[test]
fn a_dropped_field_needs_a_flag() {
    let environment = applied();
    environment.replace("project.yaml", ", city: text", "");
    environment.replace("transfer.yaml", ", city: city", "");
    check(&environment, "`city` would be dropped from 3 rows of crm.contact", "--allow-delete", 3);
    assert_eq!(environment.ok("records crm.contact --output csv"), "id,name\n1,Ann\n2,Bob\n3,Cyd\n");
}

#[test]
fn a_protected_resource_outlives_its_yaml() {
    let environment = applied();
    environment.replace("source.yaml", "spec: {", "spec: {protect: true, ");
    environment.ok("apply --auto-approve");
    let source = environment.read("source.yaml");
    for name in ["source.yaml", "transfer.yaml", "integration.yaml"] {
        environment.remove(name);
    }
    let said = environment.fails(1, "apply --auto-approve --allow-delete");
    assert_says(&said, &["refused: Source/shop is protected: set `protect: false`, apply"]);
    assert_says(&environment.ok("history"), &["\n2 "]);

    environment.write("source.yaml", &source.replace("protect: true", "protect: false"));
    environment.ok("apply --auto-approve --allow-delete");
    environment.remove("source.yaml");
    environment.ok("apply --auto-approve --allow-delete");
    assert_says(&environment.ok("plan"), &["no changes"]);
}

#[test]
fn a_state_belongs_to_one_stack() {
    let stack =
        |name: &str| format!("apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec: {{}}\n");
    let environment = applied();
    environment.write("raccord.yaml", &stack("mine"));
    // A state of the nameless stack may get a name.
    assert_says(&environment.ok("plan"), &["note: the state will belong to the stack mine"]);
    environment.ok("apply --auto-approve");
    environment.write("raccord.yaml", &stack("yours"));
    assert_says(
        &environment.fails(1, "plan"),
        &["refused: the state belongs to stack `mine`, not to `yours`"],
    );
    let said = environment.fails(1, "apply --auto-approve --allow-delete --allow-rekey");
    assert_says(&said, &["the state belongs to stack `mine`"]);
    assert!(!said.contains("--allow-delete allows it"), "it does not: {said}");
    // Without a Stack the way out is told.
    environment.write("raccord.yaml", "");
    let said = environment.fails(1, "plan");
    assert_says(
        &said,
        &["a document of the kind Stack with the name `mine` has to stay (`spec: {}` will do)"],
    );
    assert!(!said.contains("--allow-delete allows it"), "it does not: {said}");
}

#[test]
fn a_plan_is_saved_over_no_yaml_and_applied_as_a_whole() {
    let environment = applied();
    environment.replace("source.yaml", "metadata:", "# changed\nmetadata:");
    let before = std::fs::read_to_string(environment.path().join("source.yaml")).unwrap();
    let said = environment.fails(64, "plan --out source.yaml");
    assert_says(&said, &["source.yaml is a file of the configuration"]);
    assert_eq!(std::fs::read_to_string(environment.path().join("source.yaml")).unwrap(), before);
    environment.ok("plan --out next.plan");
    let said = environment.fails(64, "apply next.plan --target Project/crm");
    assert_says(&said, &["cannot be used with"]);
}

#[test]
fn nothing_to_read_never_means_delete() {
    let environment = applied();
    for name in ["project.yaml", "source.yaml", "transfer.yaml", "integration.yaml"] {
        environment.remove(name);
    }
    for verb in ["validate", "plan", "apply --auto-approve --allow-delete"] {
        assert_says(&environment.fails(1, verb), &["no-documents"]);
    }
    environment.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n");
    assert_says(&environment.fails(1, "apply --auto-approve --allow-delete"), &["no-documents"]);
    let said = environment.fails(1, "apply --auto-approve --allow-delete -f nowhere");
    assert_says(&said, &["unreadable", "nowhere"]);
    environment.write("broken.yaml", "apiVersion: [raccord/v1\n");
    assert_says(
        &environment.fails(1, "apply --auto-approve --allow-delete"),
        &["yaml-syntax", "broken.yaml"],
    );
    assert_eq!(rows(&environment), 3);
    assert_says(&environment.ok("history"), &["\n1 "]);
}

#[test]
fn a_file_that_cannot_be_read_stops_everything() {
    let environment = applied();
    std::os::unix::fs::symlink("/nowhere/at/all.yaml", environment.path().join("gone.yaml")).unwrap();
    environment.remove("integration.yaml");
    let said = environment.fails(1, "apply --auto-approve --allow-delete");
    assert_says(&said, &["unreadable", "gone.yaml"]);
    assert_says(&environment.ok("status"), &["integration shop: active"]);
}
