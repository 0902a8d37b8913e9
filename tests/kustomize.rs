//! `examples/kustomize`: what the overlays build is what its page says, and so is what they cannot.

use crate::documentation::root;
use crate::environment::{TestEnvironment, assert_says};
use crate::shell::{Shell, copy};

/// A copy of the example, and a shell for it.
fn example() -> (TestEnvironment, Shell) {
    let environment = TestEnvironment::new();
    copy(&root().join("examples/kustomize"), environment.path());
    let shell = Shell::new(&environment);
    (environment, shell)
}

/// What a command with the output of an overlay as its configuration answers on standard output.
fn with(overlay: &str, command: &str, code: i32) -> String {
    let (environment, shell) = example();
    let line = format!("kubectl kustomize overlays/{overlay} | {command}");
    shell.run(&environment, &line).expect_code(code).stdout
}

#[test]
fn each_environment_is_its_own_configuration() {
    let staging = with("staging", "raccord plan -f - --full --detailed-exitcode", 2);
    let expected = [
        "crm-staging: 7 to create",
        "+ Project/staging-crm",
        "+ Source/staging-boutique",
        "authorization = \"staging-token\"",
        "baseUrl = \"https://staging.boutique.example/api\"",
        "invoices.pagination.size.per_page = 10\n",
        "customers.pagination.nextUrl.body = \"links.next\"",
        "+ Transfer/customers",
        "source = \"staging-boutique\"",
        "to = \"staging-crm.invoice\"",
        "alerts = [{\"email\":[\"ops@example.com\"]}]",
        "labels.environment = \"staging\"",
    ];
    assert_says(&staging, &expected);
    let production = with("production", "raccord plan -f - --full --detailed-exitcode", 2);
    let expected = [
        "crm-production: 7 to create",
        "protect = true",
        "baseUrl = \"https://boutique.example/api\"",
        "invoices.pagination.size.per_page = 100\n",
        "subscriptions.customers.updates = [\"created\",\"updated\"]",
        "subscriptions.invoices.updates = [\"created\"]",
        "breaker.consecutiveFailures = 3",
        "labels.environment = \"production\"",
    ];
    assert_says(&production, &expected);
    assert!(!production.contains("staging"), "{production}");
}

#[test]
fn the_state_of_one_environment_refuses_the_other() {
    let (environment, shell) = example();
    let line = |overlay: &str, rest: &str| {
        shell.run(&environment, &format!("kubectl kustomize overlays/{overlay} | raccord {rest}"))
    };
    line("staging", "apply -f -").expect_code(0);
    line("staging", "plan -f - --detailed-exitcode").expect_code(0);
    let said = line("production", "apply -f - --allow-delete").expect_code(1).stdout;
    assert_says(&said, &["the state belongs to stack `crm-staging`"]);
}

#[test]
fn what_kustomize_cannot_express_is_as_the_page_says() {
    let (environment, shell) = example();
    environment.replace(
        "overlays/staging/kustomization.yaml",
        "transformers: [prefix.yaml, project.yaml]",
        "namePrefix: staging-",
    );
    let line = "kubectl kustomize overlays/staging | raccord validate -f - --output json";
    let said = shell.run(&environment, line).expect_code(1).stdout;
    let expected = [
        "no Transfer `customers`",
        "no Subscription `changes`",
        "no Project `crm`",
        "no data type `staging-",
    ];
    assert_says(&said, &expected);

    let config = "base/kustomizeconfig.yaml";
    let spec = |path: &str| {
        format!("  - kind: Mapping\n    fieldSpecs:\n      - {{kind: Transfer, path: {path}}}\n")
    };
    let before = environment.read(config);
    for (path, said) in [("spec/mapping", "no 'name' field"), ("spec/subscriptions/*", "wildcard")] {
        environment.write(config, &(before.clone() + &spec(path).replace("Transfer", owner(path))));
        let answer = shell.run(&environment, "kubectl kustomize overlays/staging").expect_code(1);
        assert_says(&answer.stderr, &[said]);
    }
}

/// The kind that has a field.
fn owner(path: &str) -> &'static str {
    if path.contains("mapping") { "Transfer" } else { "Integration" }
}

#[test]
fn the_base_stands_by_itself() {
    let (environment, _) = example();
    assert_says(
        &environment.ok("validate -f base"),
        &["6 resources", "no mail server", "0 errors, 3 warnings"],
    );
}
