//! `raccord new` and `init`: the YAML that they write is right for the files that are there.

use std::fs::File;
use std::io::Write as _;

use crate::environment::{TestEnvironment, assert_says};

/// A file as a spreadsheet program of western Europe writes it: semicolons, Windows-1252.
fn western() -> TestEnvironment {
    let environment = TestEnvironment::new();
    let bytes = b"Num\xe9ro;Pr\xe9nom;prenom;Montant d\xfb\n1;Zo\xe9;a;1,50\n2;L\xfcc;b;2,75\n";
    File::create(environment.path().join("clients.csv")).unwrap().write_all(bytes).unwrap();
    environment
}

#[test]
fn a_new_source_knows_the_form_of_its_file_and_a_new_transfer_all_of_its_columns() {
    let environment = western();
    environment.ok("new source files --path clients.csv");
    let source = environment.read("source-files.yaml");
    assert_says(
        &source,
        &[
            "delimiter: \";\"",
            "encoding: windows-1252",
            "# yaml-language-server: $schema=raccord.schema.json",
        ],
    );
    environment.ok("new transfer clients --source files --to crm.client --key Numéro --integration clients");
    let transfer = environment.read("transfer-clients.yaml");
    let names = ["numero: \"Numéro\"", "prenom: \"Prénom\"", "prenom2: prenom", "montantDu: \"Montant dû\""];
    assert_says(&transfer, &names);
    environment.ok("apply --auto-approve");
    environment.ok("run");
    assert_says(&environment.ok("records crm.client"), &["Zoé", "Lüc"]);
}

#[test]
fn an_entity_that_a_project_lacks_is_printed() {
    let environment = TestEnvironment::with(&[("orders.csv", "id,total\n1,12\n")]);
    environment.write(
        "project.yaml",
        "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec:\n  entities:\n    contact: {key: id, fields: {id: text}}\n",
    );
    environment.ok("new source files --path orders.csv");
    let command = "new transfer orders --source files --to crm.order";
    let answer = environment.run(command).expect_code(1);
    assert_eq!(
        answer.stdout,
        "    order:\n      key: [id]\n      fields:\n        id: text\n        total: text\n"
    );
    assert_says(&answer.stderr, &["the project `crm` has no entity `order`", "below `spec.entities`"]);
    assert!(!environment.path().join("transfer-orders.yaml").exists(), "nothing was written");
    let project = environment.read("project.yaml");
    environment.write("project.yaml", &format!("{project}{}", answer.stdout));
    environment.ok(command);
    assert_says(&environment.read("transfer-orders.yaml"), &["total: total"]);
}

#[test]
fn a_column_that_the_entity_does_not_have_is_named() {
    let environment = TestEnvironment::with(&[("people.csv", "id,name,Größe\n1,Ann,170\n")]);
    environment.write(
        "project.yaml",
        "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec:\n  entities:\n    contact: {key: id, fields: {id: text, name: text}}\n",
    );
    environment.ok("new source files --path people.csv");
    let answer = environment.run("new transfer people --source files --to crm.contact").expect_code(0);
    assert_says(&answer.stderr, &["left out: `Größe`; no field of the entity is called so"]);
}

#[test]
fn every_file_leads_an_editor_to_the_schema() {
    let environment = TestEnvironment::new();
    environment.ok("init shop");
    for name in ["raccord.yaml", "project.yaml", "contacts.yaml"] {
        let text = environment.read(&format!("shop/{name}"));
        assert!(text.starts_with("# yaml-language-server: $schema=raccord.schema.json\n"), "{name}:\n{text}");
    }
    assert_eq!(environment.read("shop/raccord.schema.json"), environment.ok("schema"));
    std::fs::create_dir(environment.path().join("shop/more")).unwrap();
    environment.write("shop/more/people.csv", "id\n1\n");
    environment.ok("new source others --path people.csv -f shop/more");
    let text = environment.read("shop/more/source-others.yaml");
    assert!(text.starts_with("# yaml-language-server: $schema=../raccord.schema.json\n"), "{text}");
}
