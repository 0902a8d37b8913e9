//! A newcomer's path: from a CSV file of their own to records, with the commands that the quickstart prints, as
//! it prints them, in both its languages.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::documentation::root;
use crate::environment::{TestEnvironment, fill, forget_settings};

/// The marks around the commands in the guides.
const BEGIN: &str = "<!-- newcomer -->";
const END: &str = "<!-- /newcomer -->";

/// The directory of what the tests have compiled: the installation reuses it.
const COMPILED: &str = "target";

/// What stands for `cargo`: the same program, which compiles as the tests do instead of for speed, at the real place of
/// the clone. Everything that is needed was fetched when the tests were built.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = install ] && [ "$2" = --path ] || exit 64
path=$(realpath "$3") && shift 3 && exec "$REAL_CARGO" install --path "$path" --profile dev --offline "$@"
"#;

const PEOPLE: &str = "id,First Name,email,city,since\n\
    1,Zoé,ZOE@example.com,Montréal,2023-02-03\n\
    2,Luc,luc@example.com,Québec,2022-11-17\n\
    3,Ana,ana@example.com,Lisboa,2024-06-09\n";

/// The commands between the marks.
fn commands(guide: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/guides").join(guide)).unwrap();
    let (_, rest) = page.split_once(BEGIN).unwrap();
    let (part, _) = rest.split_once(END).unwrap();
    part.lines().filter(|line| !line.is_empty() && !line.starts_with("```")).map(str::to_owned).collect()
}

/// Somebody with a file of their own in a directory beside a clone of this repository, and nothing installed.
struct Newcomer {
    home: TempDir,
}

impl Newcomer {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        std::os::unix::fs::symlink(root(), home.path().join("raccord")).unwrap();
        fill(&home.path().join("mine/people.csv"), PEOPLE);
        let cargo = home.path().join("programs/cargo");
        fill(&cargo, CARGO);
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { home }
    }

    /// Types a line as it is printed, and reads what is answered. `raccord` is what was installed here, or nothing.
    fn types(&self, line: &str) -> String {
        let installed = self.home.path().join("cargo");
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.home.path().join("mine")).stdin(Stdio::null());
        forget_settings(&mut command);
        // Of the tests' own package: build scripts that ask for it would run anew, and what stands on them be compiled again.
        let is_of_the_package =
            |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_") && name != "CARGO_HOME";
        for (name, _) in std::env::vars().filter(|(name, _)| is_of_the_package(name)) {
            command.env_remove(name);
        }
        let programs = self.home.path().join("programs");
        command.env("PATH", format!("{}:{}:{path}", programs.display(), installed.join("bin").display()));
        command
            .env("REAL_CARGO", env!("CARGO"))
            .env("CARGO_INSTALL_ROOT", &installed)
            .env("CARGO_TARGET_DIR", root().join(COMPILED));
        let output = command.output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "{line}\n{out}{err}");
        out
    }

    /// Which `raccord` a line would begin.
    fn program(&self) -> String {
        self.types("command -v raccord").trim().to_owned()
    }
}

#[test]
fn the_commands_of_the_guide_do_what_it_says() {
    let english = commands("quickstart.md");
    assert_eq!(english, commands("quickstart.fr.md"));
    assert!(english.len() <= 5, "{english:?}");
    assert!(english[0].starts_with("cargo install --path "), "{english:?}");
    let newcomer = Newcomer::new();
    let installed = newcomer.home.path().join("cargo/bin/raccord");
    for command in &english {
        newcomer.types(command);
        assert_eq!(Path::new(&newcomer.program()), installed, "after {command}");
    }
    let records = newcomer.types("raccord records crm.person --output jsonl");
    assert_eq!(records.lines().count(), 3, "{records}");
    assert!(
        records.contains(r#""email":"zoe@example.com""#) && records.contains(r#""firstName":"Zoé""#),
        "{records}"
    );
    newcomer.types("raccord plan --detailed-exitcode");
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
