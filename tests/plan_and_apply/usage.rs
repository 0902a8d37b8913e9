//! The command line itself: help with examples, wrong usage, completions.

use crate::environment::{TestEnvironment, assert_says};

/// Every verb as its help names it, those below `rejects` and `state` included.
fn verbs(environment: &TestEnvironment) -> Vec<String> {
    let below = |verb: &str| {
        let help = environment.ok(&format!("{verb} --help"));
        let list = help.split_once("Commands:\n").map(|(_, list)| list.to_owned()).unwrap_or_default();
        let lines = list.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let names = lines.iter().filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(|name| format!("{verb} {name}")).collect::<Vec<_>>()
    };
    let all = below("").into_iter().flat_map(|verb| {
        let under = below(&verb);
        if under.is_empty() { vec![verb] } else { under }
    });
    all.collect()
}

#[test]
fn the_help_of_every_verb_has_an_example() {
    let environment = TestEnvironment::new();
    let verbs = verbs(&environment);
    assert!(verbs.len() >= 27, "{verbs:?}");
    for verb in verbs {
        let help = environment.ok(&format!("{verb} --help"));
        let example = format!("  raccord{verb}");
        let text = help.split_once("Example").map(|(_, text)| text).unwrap_or_default();
        assert!(text.contains(example.trim_end()), "raccord{verb} --help has no example:\n{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "raccord{verb} --help is wide:\n{help}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_64_and_suggests() {
    let environment = TestEnvironment::new();
    let cases = [
        ("aply", "'apply'"),
        ("plan --ouput json", "'--output'"),
        ("plan --output yaml", "text, json, markdown"),
        ("rejects", "list"),
        ("state bakcup x", "'backup'"),
        ("records", "<PROJECT.ENTITY>"),
        ("approve not-a-run", "the identifier of a run that is held; `raccord runs` lists them"),
        ("watch --tls-cert c --tls-key k", "--listen"),
        ("watch --open-metrics", "--listen"),
        ("watch --insecure-listen", "--listen"),
        ("watch --listen localhost:8420", "write an address and a port, for example 127.0.0.1:8420"),
        ("watch --listen :8420", "for example 127.0.0.1:8420"),
        ("watch --listen 8420", "for example 127.0.0.1:8420"),
        ("watch --from api -f conf", "with --from api each apply sends them"),
        ("token create ci --role read,rite", "[possible values: "),
        ("watch --policy sure", "[possible values: none, safe, all]"),
        ("plan shop.yaml", "`-f shop.yaml`"),
        ("apply shop.yaml", "`raccord apply -f shop.yaml`"),
        ("pause shop --until tomorrow", "neither an instant nor a length of time"),
        ("rollback one", "one"),
        ("", "Usage: raccord"),
    ];
    for (command, suggestion) in cases {
        assert_says(&environment.fails(64, command), &[suggestion]);
    }
    assert_says(&environment.ok("--version"), &["raccord 0."]);
    environment.ok("init");
    let frozen = environment.variable("RACCORD_NOW", "noon");
    assert_says(&frozen.fails(64, "plan"), &["RACCORD_NOW=`noon` is not an instant"]);
}

#[test]
fn a_name_that_is_not_there_is_answered_with_those_that_are() {
    let environment = super::applied();
    for (command, suggestion) in [
        ("check shp", "`shop`"),
        ("read shop persons", "`people`"),
        ("discover shp", "`shop`"),
        ("preview poeple", "`people`"),
        ("resume shp", "`shop`"),
        ("pause shp", "`shop`"),
        ("run shp", "`shop`"),
        ("resync poeple", "`people`"),
        ("runs --transfer poeple", "`people`"),
        ("rejects list --transfer poeple", "`people`"),
        ("records crm.kontact", "`contact`"),
    ] {
        let said = environment.fails(1, command);
        assert!(said.contains(suggestion), "raccord {command}: {said}");
    }
}

#[test]
fn completions_know_verbs_options_and_resources() {
    let environment = super::written();
    for shell in ["bash", "zsh", "fish"] {
        assert_says(&environment.ok(&format!("completions {shell}")), &["raccord", "RACCORD_COMPLETE"]);
    }
    // What a shell asks once the script is loaded: the words so far, and which of them is to be completed.
    let ask = |words: &str| {
        let index = (words.split_whitespace().count() + 1).to_string();
        let mut command = environment.command(&format!("-- raccord {words} "));
        command.env("RACCORD_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).arg("");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let cases = [
        ("", "rollback"),
        ("run", "shop"),
        ("resync", "people"),
        ("check", "shop"),
        ("records", "crm.contact"),
        ("plan --target", "Transfer/people"),
        ("watch --policy", "safe"),
        ("token create ci --role", "operate"),
    ];
    for (words, expected) in cases {
        let offered = ask(words);
        assert!(offered.lines().any(|line| line == expected), "raccord {words}: {offered:?}");
    }
}
