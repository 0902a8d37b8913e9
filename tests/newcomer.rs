//! A newcomer's path: from a CSV file of their own to records, with the commands that the quickstart prints, as
//! it prints them, in both its languages.

use std::collections::BTreeSet;
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

/// A user with a file of their own in a directory beside a clone of this repository, and nothing installed.
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
        // Whether it was compiled incrementally is one of the things by which cargo finds it again.
        let is_of_the_package = |name: &str| {
            let is_of_the_build = ["CARGO_HOME", "CARGO_INCREMENTAL"].contains(&name);
            name == "OUT_DIR" || name.starts_with("CARGO_") && !is_of_the_build
        };
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

/// Every form of Authorization that the language has.
const FORMS: &[(&str, &str)] = &[
    ("none", "--with tls.certificate=${file:client.pem} --with tls.key=${file:client.key}"),
    ("apiKey", "--env KEY --with query=api_key"),
    ("bearer", "--secret-file token --with tls.ca=ca.pem"),
    ("basic", "--env PASSWORD --username me"),
    ("oauth2", "--env SECRET --token-url https://a.example/token --client-id us --scope read,write"),
    (
        "oauth2",
        "--token-url https://a.example/token --client-id us --with grant=jwtBearer --with assertion.key=${env:PEM}",
    ),
    (
        "oauth1a",
        "--env SECRET --with consumerKey=us --with token=${env:TOKEN} --with tokenSecret=${env:TOKEN_SECRET}",
    ),
    (
        "hmac",
        "--env SECRET --with key=us --with signed={timestamp}{body} --with header=X-Sign --with timestamp.header=X-Time",
    ),
    ("awsSigV4", "--env SECRET --with accessKeyId=us --with region=eu-west-1 --with service=execute-api"),
    ("database", "--env DATABASE_URL"),
    ("s3", "--env SECRET --with accessKeyId=us --with endpoint=https://s3.example"),
    ("gcs", "--secret-file account.json"),
    ("azure", "--env KEY --with account=us"),
    ("sftp", "--env PASSWORD --with user=us --with knownHosts=known_hosts"),
];

#[test]
fn each_form_of_authorization_is_written_and_validates() {
    let schema = std::fs::read_to_string(root().join("schemas/authorization.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let mut known = BTreeSet::new();
    types(&schema, &mut known);
    let tried: BTreeSet<String> = FORMS.iter().map(|(form, _)| (*form).to_owned()).collect();
    assert_eq!(tried, known);
    for (form, options) in FORMS {
        let environment = TestEnvironment::with(&[("people.csv", PEOPLE)]);
        environment.write("known_hosts", "");
        environment.ok(&format!("new authorization shop --type {form} {options}"));
        let written = environment.read("authorization-shop.yaml");
        assert!(written.contains(&format!("type: {form}")), "{written}");
        environment.ok("validate");
    }
    let environment = TestEnvironment::with(&[("people.csv", PEOPLE)]);
    for (options, expected) in [
        ("--type bearer", "missing field `token`"),
        ("--type none --env X", "has no secret for --env"),
        ("--type hmac --env X --header X-Key", "does not take --header"),
        ("--type bearer --with token=Zq9Wplain", "token"),
        ("--type sftp --env X --with user=me --with passphrase=Zq9Wplain", "only a reference to a secret"),
        ("--type bearer --env X --with colour=red", "colour"),
        ("--type oauth2 --env X --client-id us", "needs --token-url"),
    ] {
        let said = environment.fails(64, &format!("new authorization shop {options}"));
        assert!(said.contains(expected) && !said.contains("Zq9W"), "{options}:\n{said}");
        assert!(!environment.path().join("authorization-shop.yaml").exists(), "{options}");
    }
}

/// The values of `type` among the forms of an Authorization.
fn types(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
    let all = schema.pointer("/$defs/AuthorizationSpec/oneOf").and_then(serde_json::Value::as_array);
    for form in all.into_iter().flatten() {
        let name = form.pointer("/properties/type/const").and_then(serde_json::Value::as_str);
        found.extend(name.map(str::to_owned));
    }
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

#[test]
fn a_key_that_does_not_tell_records_apart_is_told() {
    let lines: String = (0..60).map(|n| format!("{},S{},{n}\n", n / 3, n % 3)).collect();
    let environment = TestEnvironment::with(&[("lines.csv", &format!("order_id,sku,qty\n{lines}"))]);
    environment.ok("new source shop --path lines.csv");
    let said = environment.fails(1, "new transfer lines --source shop --to crm.line --integration lines");
    assert!(said.contains("`order_id` looks like a key, but 40 of the first 60 records"), "{said}");
    assert!(said.contains("--key FIELD, once for each"), "{said}");
    // A person may name it all the same, and is told by each run.
    environment.ok("new transfer lines --source shop --to crm.line --key order_id --integration lines");
    environment.ok("apply --auto-approve");
    let said = environment.ok("run");
    assert!(said.contains("40 of 60 records have the key of another one in the same reading (`0`"), "{said}");
    let parts = TestEnvironment::with(&[("lines.csv", &format!("order_id,sku,qty\n{lines}"))]);
    parts.ok("new source shop --path lines.csv");
    parts.ok("new transfer lines --source shop --to crm.line --key order_id --key sku --integration lines");
    parts.ok("apply --auto-approve");
    let said = parts.ok("run");
    assert!(!said.contains("have the key of another"), "{said}");
    assert_eq!(parts.ok("records crm.line --output jsonl").lines().count(), 60);
}
