//! A newcomer's path: from a CSV file of their own to records, with the commands that the quickstart prints, as
//! it prints them, in both its languages.

use std::path::Path;

use crate::environment::TestEnvironment;

/// The marks around the commands in the guides.
const BEGIN: &str = "<!-- newcomer -->";
const END: &str = "<!-- /newcomer -->";

const PEOPLE: &str = "id,First Name,email,city,since\n\
    1,Zoé,ZOE@example.com,Montréal,2023-02-03\n\
    2,Luc,luc@example.com,Québec,2022-11-17\n\
    3,Ana,ana@example.com,Lisboa,2024-06-09\n";

/// The commands between the marks, without the one that installs the program under test.
fn commands(guide: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(guide);
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(BEGIN).unwrap();
    let (part, _) = rest.split_once(END).unwrap();
    let lines: Vec<_> =
        part.lines().filter(|line| line.starts_with("cargo ") || line.starts_with("raccord ")).collect();
    assert!(lines.len() <= 5, "{lines:?}");
    assert!(lines[0].starts_with("cargo install --path "), "{lines:?}");
    lines.iter().filter_map(|line| line.strip_prefix("raccord ")).map(str::to_owned).collect()
}

#[test]
fn the_commands_of_the_guide_do_what_it_says() {
    let english = commands("quickstart.md");
    assert_eq!(english, commands("quickstart.fr.md"));
    let environment = TestEnvironment::with(&[("people.csv", PEOPLE)]);
    for command in &english {
        environment.ok(command);
    }
    let records = environment.ok("records crm.person --output jsonl");
    assert_eq!(records.lines().count(), 3, "{records}");
    assert!(
        records.contains(r#""email":"zoe@example.com""#) && records.contains(r#""firstName":"Zoé""#),
        "{records}"
    );
    environment.ok("plan --detailed-exitcode");
}

#[test]
fn each_new_resource_validates_and_none_is_overwritten() {
    let environment = TestEnvironment::with(&[("people.csv", PEOPLE)]);
    environment.ok("new authorization shop --type api-key --header X-Key --env SHOP_KEY");
    environment
        .ok("new source shop --url https://shop.example/api --data-type customers --authorization shop");
    environment.ok("new source files --path people.csv");
    environment.ok("new transfer people --source files --to crm.person --key email");
    environment.ok("new integration people --alert ops@example.com");
    environment.ok("validate");
    assert!(environment.read("authorization-shop.yaml").contains("${env:SHOP_KEY}"));
    assert!(environment.read("transfer-people.yaml").contains("key: [email]"));
    assert!(environment.fails(1, "new source files --path people.csv").contains("is there already"));
    assert!(
        environment
            .fails(1, "new transfer other --source files --to crm.nobody")
            .contains("no data type `other`")
    );
    let said = environment.fails(1, "new transfer other --source files --data-type people --to crm.nobody");
    assert!(said.contains("has no entity `nobody`"), "{said}");
    let said =
        environment.fails(1, "new transfer other --source files --data-type people --to web.x --key nope");
    assert!(said.contains("there is no field `nope`"), "{said}");
}

#[test]
fn a_mapping_is_proposed_for_an_entity_that_is_there() {
    let environment = TestEnvironment::with(&[("people.csv", PEOPLE)]);
    environment.write(
        "project.yaml",
        "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec:\n  entities:\n    person:\n      \
         key: id\n      fields: {id: text, email: {type: email, required: true}, firstName: text, phone: text}\n",
    );
    environment.ok("new source files --path people.csv");
    environment.ok("new transfer people --source files --to crm.person --integration people");
    let written = environment.read("transfer-people.yaml");
    assert!(written.contains("active: true") && written.contains("firstName: First Name"), "{written}");
    assert!(!written.contains("phone"), "{written}");
    environment.ok("apply --auto-approve");
    environment.ok("run");
}
